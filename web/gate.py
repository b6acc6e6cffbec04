"""`/api/v1/.../gate`: may a release go? And who overrides the policy that says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from alerting.incident import IncidentState
from dashboards import learning
from dashboards.gate_facts import (
    GateFacts,
    OverrideDetail,
    OverrideFacts,
    gate_facts,
    override_detail,
    override_facts,
)
from dashboards.logbook import OverridePlan
from dashboards.source import Source
from slo.alert_state import Phase
from slo.comparison import Comparison, Sample, compare
from slo.gate import GateState, OpenIncident, Override, Seen, decide
from slo.status import NowState, SLOStatus
from slo.units import format_duration
from slo.window import Calendar
from web.answer import answer
from web.moment import MOST_SIGNS, asked_moment, read_moment
from web.planning import Author, Person, Reason, Word, refusing
from web.problem import ProblemError, bad_request
from web.settings import WebSettings

BEFORE = timedelta(hours=1)  # what the first minutes of a release are compared with
_MOST_SINCE = timedelta(days=1)
_BEHIND = timedelta(minutes=1)
_MOST_INCIDENTS = 20
_MOMENT = timedelta(seconds=1)

Since = Annotated[
    str | None,
    Query(
        max_length=MOST_SIGNS,
        description="When the new version went out (`now-10m`, ISO 8601): what came since is"
        " compared with the hour before.",
    ),
]


class OverrideRequest(BaseModel):
    """What holds in the policy's place, for a service or one SLO of it, until a moment."""

    model_config = ConfigDict(extra="forbid")

    service: Word
    slo: Word | None = None
    state: Literal["ok", "caution", "freeze"]
    until: Word
    reason: Reason
    by: Person


@dataclass(frozen=True, slots=True)
class OverrideList:
    """Newest first."""

    overrides: tuple[OverrideFacts, ...]


class GateAPI:
    """The endpoints; every one answers with facts or raises a ProblemError."""

    def __init__(self, source: Source, settings: WebSettings) -> None:
        self._source = source
        self._now = settings.now

    async def slo(self, request: Request, service: str, slo: str, since: Since = None) -> Response:
        """May a release go, as far as this SLO is concerned?"""
        status = self._source.status(f"{service}/{slo}")
        if status is None:
            raise ProblemError(404, f"There is no SLO '{service[:200]}/{slo[:200]}'.")
        return await self._decide(request, service, [status], slo, since)

    async def service(self, request: Request, name: str, since: Since = None) -> Response:
        """May a release of this service go? The strictest of its SLOs decides."""
        card = next((one for one in self._source.services() if one.name == name), None)
        if card is None:
            raise ProblemError(404, f"There is no service {name[:400]!r}.")
        found = [self._source.status(slo_id) for slo_id in card.slo_ids]
        return await self._decide(request, name, [one for one in found if one], None, since)

    async def _decide(
        self,
        request: Request,
        service: str,
        statuses: Sequence[SLOStatus],
        slo: str | None,
        since: str | None,
    ) -> Response:
        now = self._now()
        out = asked_moment("since", since, now)
        if out is not None and not now - _MOST_SINCE <= out < now:
            most = format_duration(_MOST_SINCE)
            raise bad_request("query.since", f"must lie before now, at most {most}")
        gate = self._source.gatekeeping()
        statuses = [one for one in statuses if not one.slo.shadow]
        seen = [await self._seen(status, now, out) for status in statuses]
        overrides = await gate.overrides()
        decision = decide(
            gate.policy(),
            seen,
            incidents=await self._incidents(service),
            illness=self._illness(now),
            override=_in_force(overrides, service, slo, now),
        )
        return answer(request, gate_facts(decision, now))

    async def _seen(self, status: SLOStatus, now: datetime, since: datetime | None) -> Seen:
        slo_id, window = status.slo.id, status.slo.window
        rules = self._source.tier_states(slo_id)
        firing = [
            one.tier.severity
            for one in status.tiers
            if (state := rules.get(one.tier.key)) is not None and state.phase is Phase.FIRING
        ]
        told, period = status, None
        if learning.learns(status) and isinstance(window, Calendar):
            # Of a period that has just begun nothing can be said: the one before tells.
            former = await self._source.as_of(window.start(now) - _MOMENT, [slo_id])
            if former and former[0].status.budget and not learning.learns(former[0].status):
                told, period = former[0].status, f"the former {window.period}"
        return Seen(
            slo_id=slo_id,
            remaining=told.budget.remaining if told.budget else None,
            observed=told.window.coverage,
            firing=tuple(firing),
            silent=status.now_state is NowState.STALE,
            learning=learning.learns(told),
            period=period,
            canary=None if since is None else await self._canary(status, since, now),
        )

    async def _canary(self, status: SLOStatus, since: datetime, now: datetime) -> Comparison:
        before = await self._sample(status.slo.id, since - BEFORE, since)
        after = await self._sample(status.slo.id, since, now)
        return compare(before, after, status.slo.objective.budget_share)

    async def _sample(self, slo_id: str, start: datetime, end: datetime) -> Sample:
        steps = await self._source.steps(slo_id, start, end, self._source.bucket())
        return Sample(sum(one.good for one in steps), sum(one.bad for one in steps))

    async def _incidents(self, service: str) -> list[OpenIncident]:
        found = []
        for state in (IncidentState.TRIGGERED, IncidentState.ACKNOWLEDGED):
            page = await self._source.incidents(
                state=state.value, service=service, cursor=None, limit=_MOST_INCIDENTS
            )
            found += [OpenIncident(one.id, one.title, one.severity) for one in page.incidents]
        return found

    def _illness(self, now: datetime) -> list[str]:
        last = self._source.health().last_evaluation
        if last is None:
            return ["Nines has judged nothing since it began."]
        if now - last > _BEHIND:
            return [f"Nines is behind: it judged last at {last:%Y-%m-%d %H:%M:%S} UTC."]
        return []

    async def overrides(self, request: Request) -> Response:
        """Overrides, newest first, with those that are over."""
        now = self._now()
        found = await self._source.gatekeeping().overrides()
        return answer(request, OverrideList(tuple(override_facts(one, now) for one in found)))

    async def override(self, request: Request, override_id: str) -> Response:
        """One override, and who did what to it."""
        return await self._told(request, override_id)

    async def make(self, request: Request, wanted: OverrideRequest) -> Response:
        """Have somebody's word hold in the policy's place, until it expires."""
        now = self._now()
        try:
            until = read_moment(wanted.until, now)
        except ValueError as error:
            raise bad_request("body.until", str(error)) from None
        plan = OverridePlan(
            wanted.service, wanted.slo, GateState(wanted.state), wanted.reason, wanted.by, until
        )
        with refusing():
            made = await self._source.gatekeeping().make(plan)
        return await self._told(request, made.id, 201)

    async def end(self, request: Request, override_id: str, author: Author) -> Response:
        """The policy decides again from now on."""
        with refusing():
            await self._source.gatekeeping().end(override_id, author.by)
        return await self._told(request, override_id)

    async def _told(self, request: Request, override_id: str, status: int = 200) -> Response:
        file = await self._source.gatekeeping().override(override_id)
        if file is None:
            raise ProblemError(404, f"There is no override {override_id[:100]!r}.")
        return answer(request, override_detail(file.override, file.trail, self._now()), status)


def _in_force(
    overrides: Sequence[Override], service: str, slo: str | None, now: datetime
) -> Override | None:
    """The newest that holds: for an SLO, one of its own comes before its service's."""
    mine = [
        one
        for one in overrides
        if one.service == service and one.slo in (None, slo) and one.holds(now)
    ]
    own = [one for one in mine if one.slo is not None]
    return next(iter(own or mine), None)


def add_gate_routes(router: APIRouter, source: Source, settings: WebSettings) -> None:
    """The gates, and every endpoint below `/gate`."""
    api = GateAPI(source, settings)
    one = "/gate/overrides/{override_id}"
    for path, endpoint, method, model in (
        ("/slos/{service}/{slo}/gate", api.slo, "GET", GateFacts),
        ("/services/{name}/gate", api.service, "GET", GateFacts),
        ("/gate/overrides", api.overrides, "GET", OverrideList),
        (one, api.override, "GET", OverrideDetail),
        (f"{one}/end", api.end, "POST", OverrideDetail),
    ):
        router.add_api_route(path, endpoint, methods=[method], response_model=model)
    router.add_api_route(
        "/gate/overrides", api.make, methods=["POST"], response_model=OverrideDetail,
        status_code=201,
    )  # fmt: skip
