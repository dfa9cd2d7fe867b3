"""Where a case stands in an ordered page: by what the case itself shows, and last where that is unknown."""

from __future__ import annotations

from gateway.model.case import Case
from gateway.model.query import Order

Key = tuple[bool, int]
"""Whether the value is unknown, then the value; ascending keys are the order asked for."""


def order_key(case: Case, order: Order) -> Key:
    """Key of a case: the first day of the incidence date as an ordinal, or the fewest days of age."""
    value = _value(case, order.field)
    if value is None:
        return True, 0
    return False, -value if order.descending else value


def _value(case: Case, field: str) -> int | None:
    if field == "date":
        return None if case.incidence.earliest is None else case.incidence.earliest.toordinal()
    if field == "age_days":
        return None if case.age.days is None else case.age.days[0]
    raise TypeError(f"records have no order by {field}")
