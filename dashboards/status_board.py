"""What the status page's routes may ask, and what people may put on it."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from alerting.status_incident import StatusIncident, StatusPlan, UpdatePlan
from dashboards.status_page import StatusFacts, StatusPage


class StatusBoard(Protocol):
    """The page, and what is posted on it."""

    def page(self) -> StatusPage | None:
        """As it is configured; None: there is none."""

    async def facts(self) -> StatusFacts | None:
        """How everything on it stands. It reads no counts: days are kept by who fills them."""

    def incidents(self) -> Sequence[StatusIncident]:
        """All that are kept, newest first."""

    def owners(self, components: Iterable[str]) -> frozenset[str | None]:
        """Who owns what these components rest on; None: a service without an owner."""

    async def post(
        self, plan: StatusPlan, key: str | None, told: str
    ) -> tuple[StatusIncident, bool]:
        """Begin an incident; False beside it: it was begun by an earlier request of this key.

        `told` is a digest of the request. Raises PlanError, and KeyReusedError.
        """

    async def update(
        self, plan: UpdatePlan, key: str | None, told: str
    ) -> tuple[StatusIncident, bool]:
        """Say more of one; as `post`. Raises LookupError where there is none."""


class NoStatusBoard:
    """There is no page."""

    def page(self) -> StatusPage | None:
        return None

    async def facts(self) -> StatusFacts | None:
        return None

    def incidents(self) -> Sequence[StatusIncident]:
        return ()

    def owners(self, components: Iterable[str]) -> frozenset[str | None]:
        del components
        return frozenset()

    async def post(
        self, plan: StatusPlan, key: str | None, told: str
    ) -> tuple[StatusIncident, bool]:
        raise NotImplementedError

    async def update(
        self, plan: UpdatePlan, key: str | None, told: str
    ) -> tuple[StatusIncident, bool]:
        raise NotImplementedError


NO_BOARD = NoStatusBoard()
