"""Gateway: the open sources, policies and terminology that one process serves, and the one way to ask them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.access.requester import Requester
from gateway.disclosure.released import ReleasedAnswer
from gateway.model.capability import Capabilities, Granularity
from gateway.model.query import CaseQuery
from gateway.sources.base import Source
from terminology import Terminology


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
    """

    id: str
    title: str
    public_url: str
    terminology: Terminology
    sources: Mapping[str, Source]
    broken: Mapping[str, str]

    def capabilities(self) -> Mapping[str, Capabilities]:
        """Capabilities of every open source."""
        return {name: source.capabilities() for name, source in self.sources.items()}

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
        gateway.errors.BadQuestion, gateway.errors.UnknownTerm, gateway.errors.NotPermitted, gateway.errors.Expired
        """
        raise NotImplementedError
