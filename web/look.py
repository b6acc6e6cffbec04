"""What a page or an answer is told from: what is true now, or what was at a moment in the past."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from alerting.incident import Incident
from dashboards import format as write
from dashboards.flow import Flow, flow_of, is_silent
from dashboards.glance import Glance, Roll, roll_of
from dashboards.past import collector_then, incident_then
from dashboards.source import CollectorHealth, Source, TooMuchError
from slo.alert_state import AlertState
from slo.status import SLOStatus
from web.moment import read_moment


class MomentError(ValueError):
    """A moment that nothing can be told of; why, in words."""


@dataclass(frozen=True, slots=True)
class Look:
    """The facts at `now`. `past`: it is a moment in the past, told with what is known since."""

    source: Source
    now: datetime
    roll: Roll
    past: bool = False
    _told: Mapping[str, SLOStatus] = field(default_factory=dict)
    _recorded: Mapping[str, Mapping[str, AlertState]] = field(default_factory=dict)

    def status(self, slo_id: str) -> SLOStatus | None:
        return self._told.get(slo_id) if self.past else self.source.status(slo_id)

    def statuses(self, some: Iterable[Glance]) -> list[SLOStatus]:
        """All about these; those that have gone meanwhile are left out."""
        return [status for one in some if (status := self.status(one.id)) is not None]

    def of(self, service: str) -> list[SLOStatus]:
        """Those of one service, worst first."""
        return self.statuses(self.roll.by_service.get(service, ()))

    def rules(self, slo_id: str) -> Mapping[str, AlertState]:
        """How an SLO's rules stand; those of the past as they were recorded."""
        return self._recorded.get(slo_id, {}) if self.past else self.source.tier_states(slo_id)

    def flow(self, status: SLOStatus) -> Flow:
        """Whether anything comes to be counted; why not is known of now only."""
        why = None
        if not self.past and is_silent(status):
            why = self.source.why_silent(status.slo.id)
        return flow_of(status, why, self.now)

    def rules_of(self, statuses: Iterable[SLOStatus]) -> Mapping[str, Mapping[str, AlertState]]:
        return {status.slo.id: self.rules(status.slo.id) for status in statuses}

    def collectors(self) -> Sequence[CollectorHealth]:
        """Every collector; of the past, what is left of its runs."""
        collectors = self.source.collectors()
        return [collector_then(one, self.now) for one in collectors] if self.past else collectors

    async def incidents(self, service: str | None, limit: int) -> list[Incident]:
        """The newest incidents by then, and all that were open; of the past as they stood then."""
        found = await self.source.incidents_at(self.now, service=service, limit=limit)
        return [incident_then(one, self.now) for one in found] if self.past else [*found]


async def look(
    source: Source, now: datetime, asked: str | None, slo_ids: Sequence[str] | None = None
) -> Look:
    """These SLOs (None: all) at the moment `asked` for; now, and all of them, when none is.

    Raises MomentError and TooMuchError.
    """
    if not asked:
        return Look(source, now, await source.roll())
    told = await source.as_of(read_past(asked, now, source.kept_since()), slo_ids)
    at = told[0].status.at if told else read_moment(asked, now)
    recorded = {one.status.slo.id: one.states for one in told}
    statuses = {one.status.slo.id: one.status for one in told}
    return Look(source, at, roll_of(statuses.values()), True, statuses, recorded)


def read_past(asked: str, now: datetime, since: datetime | None) -> datetime:
    """The moment asked for, if anything can be told of it. Raises MomentError."""
    try:
        at = read_moment(asked, now)
    except ValueError as error:
        raise MomentError(str(error)) from None
    if at > now:
        raise MomentError(f"{asked[:40]!r} lies in the future")
    if since is None:
        raise MomentError("nothing has been counted yet, so there is no past to look at")
    if at < since:
        raise MomentError(
            f"nothing is kept from before {write.moment(since, now).absolute}; "
            f"{asked[:40]!r} is earlier"
        )
    return at


def asked_past(request: Request) -> str | None:
    """The moment in the past that the address asks for."""
    at = request.query_params.get("at", "").strip()
    return at if at not in ("", "now") else None


def topic(identity: str) -> str:
    """An id as one word, so that a list of them can be parted at spaces."""
    return quote(identity, safe="/")


def telling(
    endpoint: Callable[..., Awaitable[Response]],
    error_page: Callable[[Request, int, str | None], HTMLResponse],
) -> Callable[..., Awaitable[Response]]:
    """The endpoint, with a page in words where it cannot tell of the moment asked for."""

    @wraps(endpoint)
    async def told(request: Request, **path: str) -> Response:
        try:
            return await endpoint(request, **path)
        except MomentError as error:
            return error_page(request, 400, f"This moment cannot be shown: {error}.")
        except TooMuchError as error:
            return error_page(request, 503, str(error))

    return told
