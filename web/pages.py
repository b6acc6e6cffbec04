"""The pages for people: routes, forms, cookies. What a page says is decided in `dashboards`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from alerting.incident import Incident, IncidentState
from dashboards import frame, learning, links
from dashboards.aftermath_page import times_view
from dashboards.annotations import annotations_view
from dashboards.annotations import of_slo as annotations_of
from dashboards.budget import budget_view, read_account
from dashboards.glance import Roll
from dashboards.incident_page import incidents_view
from dashboards.logbook import Wanted
from dashboards.numbers import coarsest, numbers_view, read_listing
from dashboards.outlook import sentence as outlook_sentence
from dashboards.overview import overview
from dashboards.recent import LATELY, recent_view
from dashboards.recent import MOST as MOST_RECENT
from dashboards.releases import ReleaseRow
from dashboards.service_page import service_lines, service_view
from dashboards.shadow import shadow_sentence
from dashboards.slo_definition import definition_text
from dashboards.slo_page import slo_view
from dashboards.slo_row import open_incidents
from dashboards.source import IncidentPage, Point, ServiceCard, Source
from dashboards.span import DEFAULT_RANGE, SpanError, preset, read_span, span_view
from dashboards.status_board import NO_BOARD, StatusBoard
from dashboards.stretch import Stretch, stretch, window_length
from dashboards.tier_row import alert_labels, told_words
from dashboards.versions import versions_view
from slo.definition import SLO
from slo.deployment import Deployment
from slo.severity import Severity
from slo.slice_history import SliceHistory
from slo.status import SLOStatus
from slo.versions import in_force
from web.access.everybody import EVERYBODY
from web.access.guard import GuardedRoute
from web.access.port import Access
from web.account import AccountPages, visitor
from web.aftermath import USUAL, PostmortemPages, times
from web.annotations import AnnotationForms
from web.audit import AuditPages
from web.callbacks import NO_CALLBACKS, Callbacks, MailLinkPages
from web.exclusion_pages import ExclusionPages
from web.forms import remember, remembered, see_other
from web.framed import THEME_COOKIE, Framed
from web.incident_pages import IncidentPages
from web.look import Look, asked_past, look, read_past, telling, topic
from web.moment import read_moment
from web.own_settings import SettingsPages, Told
from web.receivers import ReceiverPages
from web.releases import lane_of, releases
from web.report_making import Reports
from web.reports import ReportPages
from web.search import SearchPages
from web.shared import Shared
from web.silence_pages import SilencePages
from web.slo_list import LAYOUT_COOKIE, VIEWS_COOKIE, ListPages
from web.spared import Spared
from web.sparklines import NO_SPARKLINES, Sparklines
from web.steps.pages import StartPages
from web.steps.port import NO_STEPS, Steps
from web.why import WhyPages

_RECENT_INCIDENTS = 6
_INCIDENTS_PER_PAGE = 50
_Incidents = tuple[Sequence[Incident], Mapping[str, Sequence[str]]]  # and the SLOs in each
_NO_INCIDENTS: _Incidents = ((), {})
_NO_RELEASES: Sequence[ReleaseRow] = ()
_NO_DEPLOYMENTS: Sequence[Deployment] = ()
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class PageSettings(Protocol):
    """What the pages want to know beside the facts."""

    def now(self) -> datetime:
        """The time, aware, UTC."""
        ...

    @property
    def external_url(self) -> str:
        """Where people reach us."""
        ...

    @property
    def monotonic(self) -> Callable[[], float]:
        """Seconds of a clock that nobody sets."""
        ...

    @property
    def own(self) -> Told:
        """What the whole goes by."""
        ...


def pages_router(
    source: Source,
    settings: PageSettings,
    reports: Reports,
    callbacks: Callbacks = NO_CALLBACKS,
    access: Access = EVERYBODY,
    steps: Steps = NO_STEPS,
    board: StatusBoard = NO_BOARD,
) -> APIRouter:
    """All pages in the frame, but for those of the status page."""
    pages = Pages(source, settings.now, settings.external_url, reports, settings.monotonic)
    return pages.router(callbacks, access, steps, settings.own, board)


class Pages:
    """Asks the source, lets `dashboards` arrange it, prints."""

    def __init__(
        self,
        source: Source,
        now: Callable[[], datetime],
        external_url: str,
        reports: Reports,
        monotonic: Callable[[], float],
    ) -> None:
        self._source = source
        self._framed = framed = Framed(source, now)
        self._page, self._error = framed.page, framed.error
        self._monotonic = monotonic
        self._reports = reports
        self._now = now
        self._external_url = external_url
        self._sparklines = Sparklines(source)
        self._shared = Shared(monotonic)
        self._list = ListPages(source, now, framed, self._sparklines)

    def router(
        self, callbacks: Callbacks, access: Access, steps: Steps, own: Told, board: StatusBoard
    ) -> APIRouter:
        """The routes; none of them is part of the API's description."""
        router = APIRouter(
            include_in_schema=False,
            route_class=GuardedRoute,
            default_response_class=HTMLResponse,
            dependencies=[Depends(self._source.roll)],  # every page's frame tells of them all
        )
        for path, endpoint in (
            ("/", self._sharing(self.overview)),
            ("/slos", self._sharing(self._list.page)),
            ("/slos.csv", self._list.csv),
            ("/slos/silence", self._list.silence),
            ("/slos/{service}/{slo:path}/numbers", self.numbers),
            ("/slos/{service}/{slo:path}", self.slo),
            ("/services", self._sharing(self.services)),
            ("/services/{name:path}", self.service),
            ("/incidents", self.incidents),
        ):
            router.add_api_route(
                path, telling(endpoint, self._error), methods=["GET", "HEAD"], response_model=None
            )
        router.add_api_route(
            "/slos/layout", self._list.remember, methods=["POST"], response_model=None
        )
        router.add_api_route("/slos/views", self._list.name, methods=["POST"], response_model=None)
        router.add_api_route("/theme", self.theme, methods=["POST"], response_model=None)
        IncidentPages(self._source, self._now, self._framed, board).add_to(router)
        SearchPages(self._source, self._now, self._framed).add_to(router)
        for book in (ExclusionPages, SilencePages, ReceiverPages, WhyPages):
            book(self._source, self._now, self._page, self._error).add_to(router)
        PostmortemPages(
            self._source, self._now, self._page, self._error, self._external_url
        ).add_to(router)
        AccountPages(access, self._now, self._page, self._error, self._external_url).add_to(router)
        AuditPages(access, self._now, self._page, self._error).add_to(router)
        AnnotationForms(self._source, self._now, self._page, self._error).add_to(router)
        ReportPages(self._source, self._now, self._page, self._error, self._reports).add_to(router)
        StartPages(self._source, self._now, self._page, self._error, steps).add_to(router)
        SettingsPages(self._source, self._now, self._page, self._error, own).add_to(router)
        MailLinkPages(callbacks, self._page, self._error, self._monotonic).add_to(router)
        return router

    # --- pages -----------------------------------------------------------------------------------

    async def overview(self, request: Request) -> HTMLResponse:
        """Does anybody need to do anything?"""
        seen = await self._look(request)
        spared = Spared(past=seen.past)
        incidents, slos = await spared.ask(
            "incidents", lambda: self._incidents_of(seen, _RECENT_INCIDENTS), _NO_INCIDENTS
        )
        released = await spared.ask("releases", lambda: self._released(seen.now), _NO_DEPLOYMENTS)
        health = self._source.health()
        recent = recent_view(
            deployments=released,
            silences=self._source.silences(),
            exclusions=self._source.exclusions(),
            health=health,
            now=seen.now,
        )
        if seen.past:  # what is so of the process now was not so then
            health = replace(health, last_evaluation=None, started_at=_LONG_AGO)
        view = overview(
            services=self._source.services(),
            roll=seen.roll,
            judged=lambda one: seen.status(one.id),
            rules=() if seen.past else self._source.rules(),
            alert_states=seen.rules,
            incidents=incidents,
            slos=slos,
            health=health,
            now=seen.now,
            flows=seen.flow,
        )
        return self._page(
            request,
            "overview.html",
            "overview",
            "Overview",
            topics="*",
            view=view,
            seen=seen,
            missing=spared.missing,
            recent=recent,
        )

    async def slo(self, request: Request, service: str, slo: str) -> HTMLResponse:
        """One SLO."""
        slo_id = f"{service}/{slo}"
        newest = self._source.status(slo_id)
        if newest is None:
            return self._error(request, 404, f"There is no SLO “{slo}” in the service “{service}”.")
        parts = {part.id for part in newest.parts}
        shown = {newest.slo.sli_id, *parts}
        roll = self._source.latest_roll()
        seen = await self._look(request, [one.id for one in roll if one.slo.sli_id in shown])
        together = seen.statuses(one for one in seen.roll if one.slo.sli_id in shown)
        status = seen.status(slo_id) or newest
        now, asked, problem = seen.now, request.query_params, None
        try:
            span = read_span(asked, status.slo, now, read_moment)
        except SpanError as error:
            span, problem = preset(DEFAULT_RANGE, status.slo, now), error
        window = window_length(status.slo, now)
        points, range_points, slices, incidents, account, outlook = await asyncio.gather(
            self._points(seen, slo_id, stretch(window, now)),
            self._points(seen, slo_id, span.stretch(now)),
            self._slices(seen, status.slo, max(window, now - span.start)),
            seen.incidents(service, 0),
            read_account(self._source, status.slo, None, now),
            self._source.outlook(slo_id, now),
        )
        versions = self._source.versions(slo_id)
        defined = in_force(versions, now)
        view = slo_view(
            status,
            siblings=[one for one in together if one.slo.sli_id == status.slo.sli_id],
            card=self._card(service),
            alert_states=seen.rules(slo_id),
            incident=open_incidents(incidents, await self._slos_of(incidents)).get(slo_id),
            collector=next(
                (one for one in seen.collectors() if one.id == status.slo.collector_id),
                None,
            ),
            components=[one for one in together if one.slo.sli_id in parts],
            vantages=[one for one in seen.collectors() if one.id in parts],
            window_points=points,
            range_points=range_points,
            span=span,
            bar=span_view(status.slo, span, asked, problem, now),
            now=now,
            past=seen.past,
            flow=seen.flow(status),
            slices=slices,
            asked=asked,
            told=await self._told(seen, status),
            yaml=definition_text(defined.definition) if defined else None,
            outlook=outlook,
        )
        topics = " ".join([topic(view.topic), *(topic(each.id) for each in incidents)])
        title = f"{status.slo.key}, {service}"
        spent = (
            budget_view(account, now, now if seen.past else None, learns=learning.learns(status))
            if account
            else None
        )
        coming = outlook_sentence(status.slo, outlook, now) if outlook else None
        remarks = annotations_of(await self._source.annotations().every(), status.slo)
        rows, lane = await asyncio.gather(
            releases(self._source, service, [status], now),
            lane_of(self._source, status, self._card(service), remarks, now - window, now),
        )
        return self._page(
            request,
            "slo.html",
            "slos",
            title,
            topics=topics,
            view=view,
            status=400 if problem else 200,
            seen=seen,
            spent=spent,
            coming=coming,
            releases=rows,
            releases_title="Releases",
            lane=lane,
            annotations=annotations_view(
                status.slo, remarks, remembered(request), now, past=seen.past
            ),
            versions=versions_view(versions, now, past=seen.past),
            shadow=None if seen.past else self._shadow(slo_id),
        )

    async def _told(self, seen: Look, status: SLOStatus) -> Mapping[Severity, str]:
        """Who would be told by the rules of each severity; of the past it is not known."""
        slo, severities = status.slo, {one.tier.severity for one in status.tiers}
        if seen.past or slo.shadow:
            return {}
        said: dict[Severity, str] = {}
        for severity in severities:
            labels = alert_labels(slo, severity)
            said[severity] = told_words((await self._source.ways(labels, seen.now))[1])
        return said

    def _shadow(self, owner: str) -> str | None:
        summary = self._source.shadow(owner)
        return None if summary is None else shadow_sentence(summary, self._now())

    async def numbers(self, request: Request, service: str, slo: str) -> HTMLResponse:
        """How an SLO's numbers came to be."""
        slo_id, now = f"{service}/{slo}", self._now()
        status = self._source.status(slo_id)
        if status is None:
            return self._error(request, 404, f"There is no SLO “{slo}” in the service “{service}”.")
        asked = asked_past(request)
        at = read_past(asked, now, self._source.kept_since()) if asked else now
        told = next(iter(await self._source.as_of(at, [slo_id])))
        try:
            listing = read_listing(request.query_params, told)
        except ValueError as error:
            return self._error(request, 400, f"This cannot be opened: {error}.")
        first = coarsest(listing.end - listing.start, told.bucket)
        whole, page = await asyncio.gather(
            self._source.steps(slo_id, listing.start, listing.end, first),
            self._source.steps(slo_id, listing.after, listing.until, listing.width),
        )
        excluded = self._source.excluded(slo_id, listing.start, listing.end)
        view = numbers_view(told, listing, whole, page, now, excluded)
        title = f"Numbers of {slo}, {service}"
        seen = Look(self._source, told.status.at if asked else now, Roll(), bool(asked))
        return self._page(request, "numbers.html", "slos", title, topics="", view=view, seen=seen)

    async def _no_service(self, request: Request, name: str) -> Response:
        """One that is not configured, but of which there may be incidents all the same."""
        page = await self._source.incidents(state=None, service=name, cursor=None, limit=1)
        if not page.incidents:
            return self._error(request, 404, f"There is no service “{name}”.")
        return RedirectResponse(links.with_query("/incidents", service=name), status_code=303)

    async def services(self, request: Request) -> HTMLResponse:
        """All services."""
        seen = await self._look(request)
        view = service_lines(self._source.services(), seen.roll)
        return self._page(
            request, "services.html", "services", "Services", topics="*", view=view, seen=seen
        )

    async def service(self, request: Request, name: str) -> Response:
        """One service."""
        card = self._card(name)
        if card is None:
            return await self._no_service(request, name)
        seen = await self._look(request, self._wanted(name))
        statuses = seen.of(name)
        spared = Spared(past=seen.past)
        incidents, slos = await spared.ask(
            "incidents", lambda: self._incidents_of(seen, _RECENT_INCIDENTS, name), _NO_INCIDENTS
        )
        sparks = await spared.ask(
            "charts", lambda: self._sparklines.of(statuses, seen), NO_SPARKLINES
        )
        made = await spared.ask(
            "releases", lambda: releases(self._source, name, statuses, seen.now), _NO_RELEASES
        )
        view = service_view(
            card,
            statuses=statuses,
            # What thresholds saw is not kept: of the past only the incidents tell.
            rules=()
            if seen.past
            else [one for one in self._source.rules() if one.rule.service == name],
            alert_states=seen.rules_of(statuses),
            incidents=incidents,
            slos=slos,
            collectors=seen.collectors(),
            sparks=sparks,
            now=seen.now,
            past=seen.past,
            flows=seen.flow,
        )
        return self._page(
            request,
            "service.html",
            "services",
            card.title,
            topics="*",
            view=view,
            seen=seen,
            shadows={row.rule_id: self._shadow(row.rule_id) for row in view.rules if row.shadow},
            releases=made,
            releases_title="Releases",
            missing=spared.missing,
        )

    async def incidents(self, request: Request) -> HTMLResponse:
        """The incidents, newest first."""
        asked = request.query_params
        state = asked.get("state") or None
        if state is not None and state not in {each.value for each in IncidentState}:
            state = None
        service, cursor = asked.get("service") or None, asked.get("cursor") or None
        seen = await self._look(request, ())
        try:
            page = (
                await self._incidents_then(seen, state, service)
                if seen.past
                else await self._source.incidents(
                    state=state, service=service, cursor=cursor, limit=_INCIDENTS_PER_PAGE
                )
            )
        except ValueError:
            return self._error(request, 400, "This place in the list of incidents does not exist.")
        view = incidents_view(
            page,
            slos=await self._slos_of(page.incidents),
            state=state,
            service=service,
            cursor=cursor,
            now=seen.now,
        )
        return self._page(
            request,
            "incidents.html",
            "incidents",
            "Incidents",
            topics="*",
            view=view,
            seen=seen,
            times=times_view(await times(self._source, seen.now - USUAL, seen.now)),
        )

    # --- forms -----------------------------------------------------------------------------------

    async def theme(
        self,
        request: Request,
        theme: Annotated[str, Form()] = "",
        back: Annotated[str, Form()] = "/",
    ) -> Response:
        """Remember light, dark, or (with anything else) what the system wishes."""
        response = see_other(links.safe_return(back))
        if theme in frame.THEMES:
            remember(request, response, THEME_COOKIE, theme)
        else:
            response.delete_cookie(THEME_COOKIE)
        return response

    def _sharing(
        self, endpoint: Callable[[Request], Awaitable[HTMLResponse]]
    ) -> Callable[[Request], Awaitable[HTMLResponse]]:
        """The endpoint, whose pages tell nothing but the facts, the address and who asks."""

        @wraps(endpoint)
        async def shared(request: Request) -> HTMLResponse:
            source = self._source
            return await self._shared.page(
                (
                    request.url.path,
                    request.url.query,
                    request.cookies.get(THEME_COOKIE),
                    request.cookies.get(LAYOUT_COOKIE),
                    request.cookies.get(VIEWS_COOKIE),
                    visitor(),
                    source.latest_roll(),
                    source.sequence(),
                ),
                lambda: endpoint(request),
            )

        return shared

    # --- how -------------------------------------------------------------------------------------

    async def _look(self, request: Request, slo_ids: Sequence[str] | None = None) -> Look:
        """What the page is told from. Raises MomentError and TooMuchError."""
        return await look(self._source, self._now(), asked_past(request), slo_ids)

    def _wanted(self, service: str) -> Sequence[str] | None:
        """The SLOs of this service, where one is named: those of the past are dear."""
        card = self._card(service)
        return card.slo_ids if card else None

    async def _incidents_then(
        self, seen: Look, state: str | None, service: str | None
    ) -> IncidentPage:
        found = await seen.incidents(service, _INCIDENTS_PER_PAGE)
        return IncidentPage(tuple(one for one in found if state in (None, one.state)), None)

    async def _points(self, seen: Look, slo_id: str, of: Stretch) -> Sequence[Point]:
        """The points of a stretch; of the past none that came after it."""
        end = min(of.end, seen.now) if seen.past else of.end
        return await self._source.points(slo_id, of.start, end, of.step)

    async def _slices(self, seen: Look, slo: SLO, length: timedelta) -> SliceHistory | None:
        """The closed slices of the last `length`, where they are what is counted."""
        if slo.slicing is None:
            return None
        start = stretch(length, seen.now).start - slo.slicing.length
        return await self._source.slices(slo.id, start, seen.now)

    async def _incidents_of(self, seen: Look, limit: int, service: str | None = None) -> _Incidents:
        incidents = await seen.incidents(service, limit)
        return incidents, await self._slos_of(incidents)

    async def _released(self, now: datetime) -> Sequence[Deployment]:
        return await self._source.logbook().deployments(
            Wanted(start=now - LATELY, end=now), MOST_RECENT
        )

    async def _slos_of(self, incidents: Sequence[Incident]) -> Mapping[str, Sequence[str]]:
        return await self._source.slos_of([incident.id for incident in incidents])

    def _card(self, name: str) -> ServiceCard | None:
        return next((card for card in self._source.services() if card.name == name), None)
