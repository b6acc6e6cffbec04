"""`/api/v1`: every fact as JSON, for programs."""

import asyncio
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import StringConstraints

from alerting.incident import IncidentState
from dashboards import facts
from dashboards.budget import (
    Account,
    BudgetLedgerFacts,
    account_csv,
    account_facts,
    longest_range,
    read_account,
)
from dashboards.collector_facts import (
    CollectorDetail,
    CollectorFacts,
    collector_detail,
    collector_facts,
)
from dashboards.facts import OutlookFacts, ServiceFacts, SLODetail, SLOFacts, VersionFacts
from dashboards.glance import Glance
from dashboards.health_facts import HealthFacts, health_facts
from dashboards.incident_facts import (
    IncidentFacts,
    IncidentFile,
    incident_facts,
    incident_file,
)
from dashboards.rule_facts import RuleFacts, rule_facts
from dashboards.series import BASE, MOST_POINTS, Series, choose_step, lookbacks_of, series
from dashboards.source import AsOf, ServiceCard, Source, TooMuchError
from dashboards.status_board import NO_BOARD, StatusBoard
from slo.epoch import ceiling, floor
from slo.status import SLOStatus
from slo.units import format_duration
from slo.versions import in_force
from web import problem
from web.access.everybody import EVERYBODY
from web.access.guard import GuardedRoute, asking
from web.access.port import Access
from web.aftermath import add_aftermath_routes
from web.annotations import add_annotation_routes
from web.answer import answer
from web.audit import add_audit_routes
from web.cursor import Key, page_of
from web.deployments import add_deployment_routes
from web.exclusions import add_exclusion_routes
from web.gate import add_gate_routes
from web.incident_acts import add_incident_act_routes, no_incident
from web.look import Look, MomentError, look, read_past
from web.moment import MOST_SIGNS, asked_moment, read_step
from web.own_settings import add_settings_routes
from web.problem import ProblemError, bad_request
from web.receivers import add_receiver_routes
from web.report_api import add_report_routes
from web.report_making import Reports
from web.routes import add_route_routes
from web.settings import WebSettings
from web.silences import add_silence_routes
from web.status_incidents import add_status_routes
from web.steps.api import add_step_routes
from web.steps.port import NO_STEPS, Steps
from web.stream import Stream, Streams
from web.why import add_why_routes

DEFAULT_LIMIT = 50
MOST_LIMIT = 250
_MOST_SUGGESTED_FROM = 2_000
_HOUR = timedelta(hours=1)

Limit = Annotated[int, Query(ge=1, le=MOST_LIMIT, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=4_000, description="`next_cursor` of the page before."),
]
Start = Annotated[
    str | None,
    Query(
        max_length=MOST_SIGNS,
        description="ISO 8601, epoch seconds or `now-6h`; the window's start.",
    ),
]
End = Annotated[str | None, Query(max_length=MOST_SIGNS, description="The same; `now`.")]
Name = Annotated[str, StringConstraints(max_length=500)]
At = Annotated[
    str | None,
    Query(
        max_length=MOST_SIGNS,
        description="A moment in the past, told with what is known now: as `start` elsewhere.",
    ),
]
State = Literal[
    "healthy",
    "at_risk",
    "exhausted",
    "learning",
    "no_data",
    "ok",
    "burning",
    "burning_fast",
    "failing",
    "recovering",
    "stale",
]
Order = Literal["worst", "name", "budget", "burn"]


@dataclass(frozen=True, slots=True)
class SLOPage:
    """`total` is how many match; `states` counts those by state, each in two."""

    slos: tuple[SLOFacts, ...]
    total: int
    states: dict[str, int]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ServiceList:
    services: tuple[ServiceFacts, ...]


@dataclass(frozen=True, slots=True)
class ServiceDetail:
    """A service with its SLOs (worst first) and collectors."""

    service: ServiceFacts
    slos: tuple[SLOFacts, ...]
    collectors: tuple[CollectorFacts, ...]


@dataclass(frozen=True, slots=True)
class RuleList:
    """The threshold rules of a service, in the configuration's order."""

    rules: tuple[RuleFacts, ...]


@dataclass(frozen=True, slots=True)
class CollectorList:
    collectors: tuple[CollectorFacts, ...]


@dataclass(frozen=True, slots=True)
class IncidentList:
    """Newest first."""

    incidents: tuple[IncidentFacts, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class VersionList:
    """Newest first."""

    versions: tuple[VersionFacts, ...]


def _by_burn(one: Glance) -> Key:
    rate = one.rate(_HOUR if _HOUR in one.lookbacks else max(one.lookbacks))
    return (rate is None, -(rate or 0), one.id)


def _by_budget(one: Glance) -> Key:
    return (one.remaining is None, one.remaining or 0, one.id)


ORDERS: dict[Order, Callable[[Glance], Key]] = {
    "worst": lambda one: one.weight,
    "name": lambda one: (one.slo.name, one.id),
    "budget": _by_budget,
    "burn": _by_burn,
}


class API:
    """The endpoints; every one answers with facts or raises a ProblemError."""

    def __init__(self, source: Source, settings: WebSettings) -> None:
        self._source = source
        self._now = settings.now
        self._streams = Streams(source, settings.stop)

    async def slos(
        self,
        request: Request,
        service: Annotated[
            list[Name] | None, Query(max_length=MOST_LIMIT, description="Of these services.")
        ] = None,
        state: Annotated[
            list[State] | None,
            Query(max_length=50, description="In one of these states, now or by budget."),
        ] = None,
        q: Annotated[
            str | None, Query(max_length=200, description="In id, title or owner.")
        ] = None,
        sort: Order = "worst",
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
        at: At = None,
    ) -> Response:
        """SLOs, worst first unless `sort` says otherwise; now, or as of a moment in the past."""
        cards = self._cards()
        wanted = None
        if at is not None and service:
            wanted = [
                one for card in cards.values() for one in card.slo_ids if card.name in service
            ]
        seen = await self._look(at, wanted)
        found = [
            one
            for one in seen.roll
            if (not service or one.slo.service in service)
            and (not state or one.budget_state in state or one.now_state in state)
            and (not q or _mentions(one, cards.get(one.slo.service), q.casefold()))
        ]
        try:
            page, following = page_of(found, ORDERS[sort], order=sort, cursor=cursor, limit=limit)
        except ValueError as error:
            raise bad_request("query.cursor", str(error)) from None
        return answer(
            request,
            SLOPage(
                slos=tuple(
                    facts.slo_facts(status, cards.get(status.slo.service), seen.flow(status))
                    for status in seen.statuses(page)
                ),
                total=len(found),
                states=facts.count_states(found),
                next_cursor=following,
            ),
        )

    async def slo(
        self,
        request: Request,
        service: str,
        slo: str,
        at: At = None,
        version: Annotated[
            int | None,
            Query(
                ge=1, le=2**31 - 1, description="By this one of its definitions, and its counts."
            ),
        ] = None,
    ) -> Response:
        """Everything about one SLO; now, or as of a moment in the past."""
        seen, status = await self._one(service, slo, at)
        slo_id = status.slo.id
        rules = seen.rules(slo_id)
        if version is not None:
            told = await self._by_version(slo_id, version, seen.now)
            status, rules = told.status, told.states
        valid = in_force(self._source.versions(slo_id), status.at)
        return answer(
            request,
            facts.slo_detail(
                status,
                self._cards().get(service),
                rules,
                seen.flow(status),
                version=version or (valid.definition.number if valid else None),
                shadow=None if seen.past else self._source.shadow(slo_id),
            ),
        )

    async def versions(self, request: Request, service: str, slo: str) -> Response:
        """The definitions that an SLO has had, newest first, and what each changed."""
        status = self._status(service, slo)
        found = self._source.versions(status.slo.id)
        return answer(request, VersionList(tuple(map(facts.version_facts, reversed(found)))))

    async def _by_version(self, slo_id: str, number: int, at: datetime) -> AsOf:
        found = await self._source.by_version(slo_id, number, at)
        if found is None:
            raise ProblemError(404, f"{slo_id} has no version {number}.")
        if found.told is None:
            raise ProblemError(410, f"The counts of version {number} of {slo_id} are gone.")
        return found.told

    async def points(
        self,
        request: Request,
        service: str,
        slo: str,
        start: Start = None,
        end: End = None,
        step: Annotated[
            str | None,
            Query(
                max_length=MOST_SIGNS,
                description="`5m` or seconds, in whole buckets; chosen when absent.",
            ),
        ] = None,
        include: Annotated[
            str | None,
            Query(max_length=100, description="`remaining`, `burn` or both, parted by a comma."),
        ] = None,
        at: At = None,
    ) -> Response:
        """Counts by step from `start` to `end` in columns, at most 5,000 of them.

        With `at` nothing later is told, and `now` means that moment.
        """
        wanted = _included(include)
        seen, status = await self._one(service, slo, at)
        now = seen.now
        until = min(asked_moment("end", end, now) or now, now)
        since = asked_moment("start", start, now) or status.slo.window.start(until)
        if since >= until:
            raise bad_request("query.start", "must lie before the end, and before now")
        width = _step(step, since, until, now, self._source.bucket())
        first, last = floor(since, width), ceiling(until, width)
        lookbacks = lookbacks_of(status, width) if "burn" in wanted else ()
        lead, sliced = max(lookbacks, default=timedelta(0)), status.slo.slicing
        points = await self._source.points(
            status.slo.id,
            first if sliced else first - lead,
            min(last, now) if seen.past else last,
            width,
        )
        bad_since = slices = None
        if sliced:
            slices = await self._source.slices(status.slo.id, first - lead - sliced.length, now)
        if "remaining" in wanted:
            bad_since = 0 if sliced else await self._bad_since(status, last, now)
        drawn = await asyncio.to_thread(
            series,
            status,
            points,
            first,
            width,
            lookbacks=lookbacks,
            bad_since=bad_since,
            excluded=self._source.excluded(status.slo.id, first, last),
            slices=slices,
        )
        return answer(request, drawn)

    async def budget(
        self,
        request: Request,
        service: str,
        slo: str,
        start: Start = None,
        end: End = None,
        limit: Limit = DEFAULT_LIMIT,
        at: At = None,
        accept: Annotated[str, Header(max_length=1_000)] = "",
    ) -> Response:
        """Where the budget went: the intervals that spent it, largest first. CSV if accepted."""
        account = await self._account(service, slo, start, end, at)
        if _prefers_csv(accept):
            return self._csv(account, limit)
        response = answer(request, account_facts(account, limit))
        response.headers["Vary"] = "Accept"
        return response

    async def outlook(self, request: Request, service: str, slo: str, at: At = None) -> Response:
        """The budget left when the window ends, with a band from past weeks.

        A rolling window is looked at a week ahead.
        """
        status = self._status(service, slo)
        found = await self._source.outlook(status.slo.id, self._past(at))
        if found is None:
            raise _unknown("SLO", status.slo.id, [])  # it left the configuration meanwhile
        return answer(request, facts.outlook_facts(status.slo, found))

    async def budget_csv(
        self,
        service: str,
        slo: str,
        start: Start = None,
        end: End = None,
        limit: Limit = MOST_LIMIT,
        at: At = None,
    ) -> Response:
        """The same as a table for spreadsheets."""
        return self._csv(await self._account(service, slo, start, end, at), limit)

    async def services(self, request: Request, at: At = None) -> Response:
        """Every service, in the configuration's order; now, or as of a moment in the past."""
        by_service = (await self._look(at)).roll.by_service
        return answer(
            request,
            ServiceList(
                tuple(
                    facts.service_facts(card, by_service.get(card.name, ()))
                    for card in self._source.services()
                )
            ),
        )

    async def service(self, request: Request, name: str, at: At = None) -> Response:
        """One service, its SLOs and collectors; now, or as of a moment in the past."""
        cards = self._cards()
        card = cards.get(name)
        if card is None:
            raise _unknown("service", name, list(cards))
        seen = await self._look(at, card.slo_ids)
        return answer(
            request,
            ServiceDetail(
                service=facts.service_facts(card, seen.roll.by_service.get(name, ())),
                slos=tuple(facts.slo_facts(one, card, seen.flow(one)) for one in seen.of(name)),
                collectors=tuple(
                    collector_facts(one) for one in seen.collectors() if one.id in card.collectors
                ),
            ),
        )

    async def rules(self, request: Request, name: str) -> Response:
        """The threshold rules of one service: what they saw last, and where they stand."""
        cards = self._cards()
        if name not in cards:
            raise _unknown("service", name, list(cards))
        mine = (one for one in self._source.rules() if one.rule.service == name)
        return answer(request, RuleList(tuple(rule_facts(one) for one in mine)))

    async def collectors(self, request: Request) -> Response:
        """Every collector and its last run."""
        return answer(
            request,
            CollectorList(tuple(collector_facts(one) for one in self._source.collectors())),
        )

    async def collector(self, request: Request, service: str, collector: str) -> Response:
        """One collector and its newest runs."""
        wanted = f"{service}/{collector}"
        collectors = {one.id: one for one in self._source.collectors()}
        if wanted not in collectors:
            raise _unknown("collector", wanted, list(collectors))
        return answer(request, collector_detail(collectors[wanted]))

    async def incidents(
        self,
        request: Request,
        state: IncidentState | None = None,
        service: Annotated[str | None, Query(max_length=500, description="Of this one.")] = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Response:
        """Incidents, newest first."""
        try:
            page = await self._source.incidents(
                state=state.value if state else None, service=service, cursor=cursor, limit=limit
            )
        except ValueError as error:
            raise bad_request("query.cursor", str(error)) from error
        return answer(
            request,
            IncidentList(tuple(incident_facts(one) for one in page.incidents), page.next_cursor),
        )

    async def incident(self, request: Request, incident_id: Annotated[str, Path()]) -> Response:
        """One incident with its alerts, timeline and notifications."""
        detail = await self._source.incident(incident_id)
        if detail is None:
            raise no_incident(incident_id)
        return answer(request, incident_file(detail))

    async def health(self, request: Request) -> Response:
        """How Nines itself is doing."""
        return answer(request, health_facts(self._source.health(), self._now()))

    async def stream(
        self, last_event_id: Annotated[str | None, Header(max_length=100)] = None
    ) -> Stream:
        """Server-sent events: `changed` with the ids that changed, `resync`: fetch all again."""
        one = asking()
        return self._streams.stream(last_event_id, lambda: one.access.over(one.principal))

    def _cards(self) -> dict[str, ServiceCard]:
        return {card.name: card for card in self._source.services()}

    def _status(self, service: str, slo: str) -> SLOStatus:
        wanted = f"{service}/{slo}"
        status = self._source.status(wanted)
        if status is None:
            known = self._source.slo_ids()
            raise _unknown("SLO", wanted, known)
        return status

    async def _look(self, at: str | None, slo_ids: Sequence[str] | None = None) -> Look:
        """What is told from: the newest evaluations, or the moment asked for."""
        try:
            return await look(self._source, self._now(), at, slo_ids)
        except MomentError as error:
            raise bad_request("query.at", str(error)) from None
        except TooMuchError as error:
            raise ProblemError(503, str(error)) from None

    async def _one(self, service: str, slo: str, at: str | None) -> tuple[Look, SLOStatus]:
        """One SLO, and what it is told from."""
        newest = self._status(service, slo)
        seen = await self._look(at, [newest.slo.id])
        return seen, seen.status(newest.slo.id) or newest

    def _past(self, text: str | None) -> datetime:
        now = self._now()
        try:
            return read_past(text, now, self._source.kept_since()) if text else now
        except MomentError as error:
            raise bad_request("query.at", str(error)) from None

    async def _account(
        self, service: str, slo: str, start: str | None, end: str | None, at: str | None
    ) -> Account:
        status, now = self._status(service, slo), self._past(at)
        until = min(asked_moment("end", end, now) or now, now)
        since = asked_moment("start", start, now)
        if since is not None and since >= until:
            raise bad_request("query.start", "must lie before the end, and before now")
        longest = longest_range(status.slo)
        if since is not None and until - since > longest:
            raise bad_request(
                "query.start", f"may lie at most {format_duration(longest)} before the end"
            )
        account = await read_account(self._source, status.slo, since, until)
        if account is None:  # it left the configuration a moment ago
            raise _unknown("SLO", status.slo.id, [])
        return account

    def _csv(self, account: Account, limit: int) -> Response:
        name = quote(account.slo.id.replace("/", "-") + "-budget.csv", safe="")
        return Response(
            account_csv(account_facts(account, limit)),
            headers={
                "Cache-Control": "private, no-cache",
                "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
                "Vary": "Accept",
            },
            media_type="text/csv",
        )

    async def _bad_since(self, status: SLOStatus, end: datetime, now: datetime) -> int:
        """Bad events from `end` to now: finely to the next hour, then by the hour."""
        full_hour = min(ceiling(end, _HOUR), now)
        bad = 0
        for start, stop, step in ((end, full_hour, BASE), (full_hour, now, _HOUR)):
            start = max(start, floor(status.slo.window.start(status.at), step))
            if start < stop:
                points = await self._source.points(status.slo.id, start, stop, step)
                bad += sum(point.bad for point in points)
        return bad


def api_router(
    source: Source,
    settings: WebSettings,
    reports: Reports,
    access: Access = EVERYBODY,
    board: StatusBoard = NO_BOARD,
    steps: Steps = NO_STEPS,
) -> APIRouter:
    """Every endpoint below `/api/v1`."""
    api = API(source, settings)
    router = APIRouter(
        route_class=GuardedRoute,
        prefix="/api/v1",
        tags=["v1"],
        responses={
            "default": {
                "description": "Problem details (RFC 9457).",
                "content": {
                    problem.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            }
        },
    )
    endpoints: list[tuple[str, Callable[..., Any], Any]] = [
        ("/slos", api.slos, SLOPage),
        ("/slos/{service}/{slo}", api.slo, SLODetail),
        ("/slos/{service}/{slo}/versions", api.versions, VersionList),
        ("/slos/{service}/{slo}/points", api.points, Series),
        ("/slos/{service}/{slo}/budget", api.budget, BudgetLedgerFacts),
        ("/slos/{service}/{slo}/outlook", api.outlook, OutlookFacts),
        ("/services", api.services, ServiceList),
        ("/services/{name}", api.service, ServiceDetail),
        ("/services/{name}/rules", api.rules, RuleList),
        ("/collectors", api.collectors, CollectorList),
        ("/collectors/{service}/{collector}", api.collector, CollectorDetail),
        ("/incidents", api.incidents, IncidentList),
        ("/incidents/{incident_id}", api.incident, IncidentFile),
        ("/health", api.health, HealthFacts),
    ]
    add_aftermath_routes(router, source, settings)  # `times` is no incident's id
    for path, endpoint, model in endpoints:
        router.add_api_route(path, endpoint, methods=["GET"], response_model=model)
    add_incident_act_routes(router, source)
    add_exclusion_routes(router, source, settings)
    add_silence_routes(router, source, settings)
    add_receiver_routes(router, source)
    add_deployment_routes(router, source, settings)
    add_annotation_routes(router, source, settings)
    add_gate_routes(router, source, settings)
    add_route_routes(router, source, settings)
    add_why_routes(router, source, settings)
    add_report_routes(router, reports)
    add_audit_routes(router, access)
    add_step_routes(router, source, steps)
    add_settings_routes(router, settings.own)
    add_status_routes(router, board, settings)
    router.add_api_route(
        "/slos/{service}/{slo}/budget.csv",
        api.budget_csv,
        methods=["GET"],
        response_model=None,
        response_class=Response,
        responses={200: {"content": {"text/csv": {}}, "description": "A table."}},
    )
    router.add_api_route(
        "/stream",
        api.stream,
        methods=["GET"],
        response_model=None,
        response_class=Response,
        responses={200: {"content": {"text/event-stream": {}}, "description": "Events."}},
    )
    return router


def _prefers_csv(accept: str) -> bool:
    """Whether CSV is accepted and JSON is not named before it."""
    wanted = [part.partition(";")[0].strip().casefold() for part in accept.split(",")]
    named = [one for one in wanted if one in ("text/csv", "application/json")]
    return bool(named) and named[0] == "text/csv"


def _mentions(one: Glance, card: ServiceCard | None, text: str) -> bool:
    places = [one.id]
    if card is not None:
        places += [card.title, card.owner or ""]
    return any(text in place.casefold() for place in places)


def _included(include: str | None) -> set[str]:
    wanted = {part.strip() for part in include.split(",")} - {""} if include else set()
    if not wanted <= {"remaining", "burn"}:
        raise bad_request("query.include", "may name `remaining` and `burn`")
    return wanted


def _step(
    text: str | None, start: datetime, end: datetime, now: datetime, bucket: timedelta
) -> timedelta:
    if text is None:
        return choose_step(start, end, now)
    try:
        step = read_step(text)
    except ValueError as error:
        raise bad_request("query.step", str(error)) from None
    if step <= timedelta(0) or step % bucket:
        raise bad_request(
            "query.step",
            f"must be a whole multiple of the bucket, so {format_duration(bucket)} is the least",
        )
    if (end - start) / step > MOST_POINTS - 1:
        least = bucket * -(-(end - start) // (bucket * (MOST_POINTS - 1)))
        raise bad_request(
            "query.step",
            f"makes more than {MOST_POINTS:,} points; from {format_duration(least)} on it fits",
        )
    return step


def _unknown(kind: str, name: str, known: Sequence[str]) -> ProblemError:
    """A 404 that says what may have been meant."""
    near = difflib.get_close_matches(name[:400], known[:_MOST_SUGGESTED_FROM], n=3, cutoff=0.6)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return ProblemError(404, f"There is no {kind} {name[:400]!r}.{hint}", suggestions=near)
