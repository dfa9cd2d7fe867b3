"""Which columns of a profile travel together: the texts of one field are one text in the work table.

Less memory, one comparison a field instead of one a column, and one look at each combination that occurs.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.sources.profile import ID_FIELDS, Profile, block_columns, names_of

Group = tuple[str, ...]

SEPARATOR = "\x1f"
"""Stands between the texts of a group (ASCII unit separator)."""
GARBLED = "\x02"
"""What each text of a group becomes if one of them holds the separator itself: no code, no date, no number."""


def field_group(name: str, profile: Profile) -> Group:
    """Columns that the block of a field reads, each once."""
    return tuple(dict.fromkeys(block_columns(name, profile.fields[name])))


def groups_of(profile: Profile) -> tuple[Group, ...]:
    """Columns of the work table: one for each field, and one for each column that is read by itself."""
    groups = dict.fromkeys(field_group(name, profile) for name in profile.fields if name not in ID_FIELDS)
    alone = [column for name in profile.fields if name in ID_FIELDS for column in field_group(name, profile)]
    alone += [column for rule in profile.only for column in names_of(rule["column"])]
    return tuple(groups | dict.fromkeys((column,) for column in alone))


def split_group(text: str, size: int) -> Sequence[str]:
    """The texts of a group."""
    texts = text.split(SEPARATOR)
    return texts if len(texts) == size else [GARBLED] * size
