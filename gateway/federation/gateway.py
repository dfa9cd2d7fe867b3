"""Gateway: the open sources, policies and terminology that one process serves, and the one way to ask them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path

from gateway.access.requester import Requester
from gateway.disclosure.policy import Policy, Verb
from gateway.disclosure.release import Shown, granted, release
from gateway.disclosure.released import ReleasedAnswer
from gateway.errors import BadQuestion, SourceUnavailable, UnknownTerm
from gateway.federation import cursor as cursors
from gateway.federation.breaker import Breaker
from gateway.federation.fanout import fan_out
from gateway.federation.merge import merge
from gateway.federation.records import RecordPage, read_page
from gateway.federation.vocabularies import find_meanings
from gateway.model.answer import ANSWERED, SourceAnswer, SourceOutcome, Status
from gateway.model.capability import Capabilities, Coverage, Granularity
from gateway.model.query import NOTHING, CaseQuery, OneOf, Page, RecordIn, leaves
from gateway.model.question import question_text
from gateway.planner.plan import Plan, Refusal, check_size, is_asked, make_plan
from gateway.planner.rewrite.constants import fold_constants
from gateway.sources.base import Deadline, Source
from gateway.sources.kept import Kept, Key
from terminology import Terminology

CACHED_UNITS = 200_000
"""Size of the cache of released answers; a cell is one unit, a record ten (some 3 kB)."""
SHOWN = 40
NAMES_RECORDS = "answers no question that names a record"
RENEWALS = 5
"""Times that a question is put again because data was renewed while it was answered."""
ORDERED_BY = {"date": "incidence", "age_days": "age"}
"""Orders of cases, and the field of a record that shows the value of each (gateway.disclosure.release)."""
LASTING = frozenset({Status.OK, Status.PARTIAL, Status.UNSUPPORTED, Status.WITHHELD})


@dataclass(frozen=True)
class Gateway:
    """Everything that doors may use.

    Attributes
    ----------
    id, title, public_url
        From the settings.
    sources
        Open sources by id, in order of id.
    broken
        Sources that could not be opened: id -> reason. They are part of every answer by name.
    policies
        Disclosure policy of each source; a source without one is closed.
    salt
        Secret of this gateway; signs page tokens.
    deadline_seconds
        Time for one question to all sources.
    state
        Folder for what doors keep between requests (files of an export); None if there is none.
    origins
        Web origins whose pages may ask from a browser, `*` for any.
    """

    id: str
    title: str
    public_url: str
    terminology: Terminology
    sources: Mapping[str, Source]
    broken: Mapping[str, str]
    policies: Mapping[str, Policy] = field(default_factory=dict)
    salt: bytes = b""
    deadline_seconds: float = 8.0
    state: Path | None = None
    origins: tuple[str, ...] = ()
    breakers: MutableMapping[str, Breaker] = field(default_factory=dict)
    cache: Kept[ReleasedAnswer] = field(default_factory=lambda: Kept(CACHED_UNITS, units))

    def capabilities(self) -> Mapping[str, Capabilities]:
        """Capabilities of every open source."""
        return {name: source.capabilities() for name, source in self.sources.items()}

    def snapshots(self) -> Mapping[str, str | None]:
        """Snapshot that each source answers from now; None for a live source."""
        return {name: ability.snapshot for name, ability in self.capabilities().items()}

    def asked(self, query: CaseQuery, requester: Requester) -> Mapping[str, str | None]:
        """Snapshots of the sources that a question is put to: the requester may ask them, and it does not exclude them."""
        return self._asked(query, requester, self.capabilities())

    async def ask(
        self,
        query: CaseQuery,
        requester: Requester,
        *,
        granularity: Granularity = Granularity.COUNT,
        cursor: str | None = None,
    ) -> ReleasedAnswer:
        """Plan, fan out, merge, release. The only way from a door to a source.

        Parameters
        ----------
        query
            Parsed question; terms as the asker wrote them (box sets are filled by the planner). With
            `query.page` records are wanted; `page.after` stays None, paging goes by `cursor`.
        granularity
            Most that the asker wants; policies may give less.
        cursor
            `next_cursor` of an earlier answer to the same question.

        Raises
        ------
        gateway.errors.BadQuestion, gateway.errors.UnknownTerm, gateway.errors.TooCostly, gateway.errors.Expired
        gateway.errors.SourceUnavailable
            Data was renewed each time that the question was put.
        """
        asked_at = dt.datetime.now(dt.UTC)
        for _ in range(RENEWALS):
            abilities = self.capabilities()
            served = _served(abilities)
            key = Key(query, requester.tier, granularity, cursor, served)
            known = self.cache.get(key)
            if known is not None:
                return replace(known, asked_at=_stamp(asked_at))
            found = await self._answer(query, requester, granularity, cursor, abilities, asked_at)
            # A source answers from what serves at that moment: an answer over two snapshots is none.
            if served == _served(self.capabilities()):
                if found.lasting:
                    self.cache.put(key, found)
                return found
        raise SourceUnavailable(
            "the data is being renewed all the time", where="page", expected="the same question later"
        )

    async def _answer(
        self,
        query: CaseQuery,
        requester: Requester,
        granularity: Granularity,
        cursor: str | None,
        abilities: Mapping[str, Capabilities],
        asked_at: dt.datetime,
    ) -> ReleasedAnswer:
        check_size(query)
        self._check_registries(query)
        deadline = Deadline.after(self.deadline_seconds)
        permitted = {name: ability for name, ability in abilities.items() if self._permits(name, requester)}
        meanings = await find_meanings(query, permitted, self.sources, self.terminology, deadline)
        counted = replace(query, page=None) if query.page else query
        plan = self._without_records(make_plan(counted, permitted, meanings, self.terminology), requester)
        self._check_order(query, plan, requester)
        outcomes = await fan_out(plan, self.sources, abilities, self._breakers(), deadline)
        others = (*self._withheld(abilities, permitted, query), *self._broken(query))
        ordered = tuple(sorted((*outcomes, *others), key=attrgetter("id"))) if others else outcomes
        text = question_text(counted)
        answer = merge(counted, text, ordered, plan)
        page = RecordPage((), None)
        if query.page and granted(self.policies, requester, granularity) is Granularity.RECORD:
            page = await self._records(query, requester, plan, ordered, cursor, text, abilities, deadline)
        elif cursor is not None:
            raise BadQuestion("no records may be paged here", where="page", expected="a question for counts")
        lasting = all(outcome.status in LASTING for outcome in ordered) and all(
            abilities[name].snapshot for name, step in plan.items() if is_asked(step)
        )
        shown = Shown(
            self.id, self._titles(abilities), granularity, asked_at, page.next_cursor, _loaded(abilities), lasting
        )
        return release(answer, self.policies, requester, page.cases, self.terminology, shown)

    async def _records(
        self,
        query: CaseQuery,
        requester: Requester,
        plan: Plan,
        outcomes: tuple[SourceOutcome, ...],
        cursor: str | None,
        text: str,
        abilities: Mapping[str, Capabilities],
        deadline: Deadline,
    ) -> RecordPage:
        snapshots = self._asked(query, requester, abilities)
        question = f"{text} {_words(query.page)} {requester.tier}"
        start = cursors.decode(cursor, question, snapshots, self.salt) if cursor else None
        readable = [
            outcome.id
            for outcome in outcomes
            if outcome.id in self.sources and outcome.status in ANSWERED and self._grants_records(outcome.id, requester)
        ]
        return await read_page(
            query,
            plan,
            [(name, self.sources[name]) for name in readable],
            start,
            deadline,
            lambda following: cursors.encode(following, question, snapshots, self.salt),
        )

    def _without_records(self, plan: Plan, requester: Requester) -> Plan:
        """The plan in which a source that gives no records answers no condition that names one.

        Whether a count of one person is withheld or zero would tell what the registry holds of them, attribute by
        attribute. The refusal hangs on the ids that are asked alone, not on whether the source has them.
        """
        return {
            name: Refusal(Status.WITHHELD, NAMES_RECORDS, step.translation)
            if is_asked(step) and _names_records(step.query) and not self._grants_records(name, requester)
            else step
            for name, step in plan.items()
        }

    def _check_registries(self, query: CaseQuery) -> None:
        for leaf in leaves(query.where):
            if not isinstance(leaf, OneOf) or leaf.field != "source":
                continue
            known = self.sources.keys() | self.broken.keys()
            if strange := sorted(leaf.values - known):
                raise UnknownTerm(
                    f"no registry {strange[0][:SHOWN]!r} here",
                    where="source",
                    expected=f"one of {', '.join(sorted(known))}",
                )

    def _check_order(self, query: CaseQuery, plan: Plan, requester: Requester) -> None:
        """Refuse an order that would tell what a source does not show of its records."""
        order = query.page.order if query.page else None
        if query.page is None or order is None:
            return
        if query.page.of != "case" or order.field not in ORDERED_BY:
            expected = f"cases by {' or '.join(ORDERED_BY)}"
            raise BadQuestion(f"{query.page.of}s have no order by {order.field!r}", where="order", expected=expected)
        shown = ORDERED_BY[order.field]
        for name in sorted(name for name, step in plan.items() if is_asked(step)):
            if self._grants_records(name, requester) and self.policies[name].verb(shown) is not Verb.KEEP:
                raise BadQuestion(
                    f"source {name} does not show {shown} as it is, and an order by {order.field} would tell it",
                    where="order",
                    expected=f"sources whose policy keeps {shown}, or no order",
                )

    def _asked(
        self, query: CaseQuery, requester: Requester, abilities: Mapping[str, Capabilities]
    ) -> Mapping[str, str | None]:
        return {
            name: ability.snapshot
            for name, ability in abilities.items()
            if self._permits(name, requester) and not _excludes(query, name)
        }

    def _permits(self, name: str, requester: Requester) -> bool:
        policy = self.policies.get(name)
        return policy is not None and policy.rule(requester) is not None

    def _grants_records(self, name: str, requester: Requester) -> bool:
        policy = self.policies.get(name)
        rule = policy.rule(requester) if policy else None
        return rule is not None and rule.granularity is Granularity.RECORD

    def _breakers(self) -> Mapping[str, Breaker]:
        for name in self.sources:
            if name not in self.breakers:
                self.breakers[name] = Breaker()
        return self.breakers

    def _withheld(
        self, abilities: Mapping[str, Capabilities], permitted: Mapping[str, Capabilities], query: CaseQuery
    ) -> list[SourceOutcome]:
        return [
            self._unless_excluded(name, query, Status.WITHHELD, self._reason(name), ability.coverage)
            for name, ability in abilities.items()
            if name not in permitted
        ]

    def _unless_excluded(
        self, name: str, query: CaseQuery, status: Status, reason: str, coverage: Coverage | None = None
    ) -> SourceOutcome:
        """Outcome of a source that is not asked; one that the question itself leaves out has nothing to add."""
        if _excludes(query, name):
            return SourceOutcome(name, Status.OK, answer=SourceAnswer(), coverage=coverage, excluded=True)
        return SourceOutcome(name, status, reason, coverage=coverage)

    def _reason(self, name: str) -> str:
        policy = self.policies.get(name)
        return policy.reason if policy else "no disclosure policy is set for this source"

    def _broken(self, query: CaseQuery) -> list[SourceOutcome]:
        return [self._unless_excluded(name, query, Status.ERROR, reason) for name, reason in self.broken.items()]

    def _titles(self, abilities: Mapping[str, Capabilities]) -> Mapping[str, str]:
        return {name: ability.title for name, ability in abilities.items()}

    def close(self) -> None:
        """Close every source."""
        for source in self.sources.values():
            source.close()


def _excludes(query: CaseQuery, name: str) -> bool:
    """Whether a question itself leaves a source out."""
    return fold_constants(query.where, {"source": name}) == NOTHING


def _names_records(query: CaseQuery) -> bool:
    return any(isinstance(leaf, RecordIn) for leaf in leaves(query.where))


def _words(page: Page | None) -> str:
    """What of a page its token depends on."""
    if page is None or page.order is None:
        return page.of if page else ""
    return f"{page.of} {page.order.field} {'descending' if page.order.descending else 'ascending'}"


def units(answer: ReleasedAnswer) -> int:
    """Size of a released answer in the cache."""
    return 10 + len(answer.cells) + 10 * len(answer.cases)


def _served(abilities: Mapping[str, Capabilities]) -> tuple[str | None, ...]:
    """Snapshot that each source answers from."""
    return tuple(ability.snapshot for ability in abilities.values())


def _loaded(abilities: Mapping[str, Capabilities]) -> Mapping[tuple[str, str | None], str | None]:
    return {(name, ability.snapshot): ability.loaded_at for name, ability in abilities.items()}


def _stamp(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
