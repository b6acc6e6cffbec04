"""The page of one incident, and what its forms do."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from alerting.incident import Incident
from dashboards import links
from dashboards.aftermath_page import aftermath_view
from dashboards.form import Form as FormView
from dashboards.incident_page import incident_view
from dashboards.logbook import Wanted
from dashboards.releases import ReleaseRow
from dashboards.source import IncidentDetail, ServiceCard, Source
from dashboards.status_board import StatusBoard
from dashboards.suspects import Suspect, suspects
from web.forms import NAME_COOKIE, clean, remember, remembered, see_other
from web.framed import Framed
from web.look import asked_past, look, telling, topic
from web.releases import BEFORE_INCIDENT, releases_of
from web.releases import MOST as MOST_RELEASES

LONGEST_NOTE = 1_000
_NOTICES = {
    "acknowledged": "Acknowledged. The others can see that you are on it.",
    "resolved": "It was resolved already: acknowledging changed nothing.",
    "taken": "Somebody has it already: acknowledging it again changed nothing.",
    "noted": "Written down in the timeline. Nobody is told of it.",
    "escalated": "Escalated: whom the next step reaches is told now.",
    "nobody": "The route names nobody further: escalating changed nothing.",
}


class IncidentPages:
    """Asks the source, lets `dashboards` arrange it, prints."""

    def __init__(
        self, source: Source, now: Callable[[], datetime], framed: Framed, board: StatusBoard
    ) -> None:
        self._source = source
        self._now = now
        self._framed = framed
        self._board = board

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        one = "/incidents/{incident_id}"
        shown = telling(self.one, self._framed.error)
        router.add_api_route(one, shown, methods=["GET", "HEAD"], response_model=None)
        for name, act in (
            ("acknowledge", self.acknowledge),
            ("escalate", self.escalate),
            ("notes", self.note),
        ):
            router.add_api_route(f"{one}/{name}", act, methods=["POST"], response_model=None)

    async def one(self, request: Request, incident_id: str) -> HTMLResponse:
        """One incident."""
        return await self._shown(request, incident_id, FormView())

    async def _shown(self, request: Request, incident_id: str, note: FormView) -> HTMLResponse:
        """One incident; `note` is the one that somebody could not leave."""
        source, now = self._source, self._now()
        detail = await source.incident(incident_id)
        if detail is None:
            return self._none(request, incident_id)
        name = detail.incident.service
        card = next((card for card in source.services() if card.name == name), None)
        seen = await look(source, now, asked_past(request), ())
        view = incident_view(
            detail,
            card=card,
            remembered=remembered(request),
            notice=_NOTICES.get(request.query_params.get("notice", "")),
            name_missing=request.query_params.get("notice") == "name",
            has_status_page=self._board.page() is not None,
            now=now,
        )
        return self._framed.page(
            request,
            "incident.html",
            "incidents",
            view.row.title,
            topics="" if note.wrong else topic(incident_id),
            view=view,
            status=400 if note.wrong else 200,
            note=note,
            seen=seen,
            after=aftermath_view(incident_id, await source.aftermath(detail), now),
            releases=await self._releases(request, detail.incident, card),
            releases_title="Releases in the hour before",
            suspects=await self._suspects(detail),
        )

    async def _suspects(self, detail: IncidentDetail) -> Sequence[Suspect]:
        """What was edited just before it, and what was open elsewhere."""
        incident, source = detail.incident, self._source
        ids = sorted({f"{alert.service}/{alert.slo}" for alert in detail.alerts})
        known = {*source.slo_ids()}
        open_then = await source.incidents_at(incident.opened_at, service=None, limit=0)
        return suspects(
            incident,
            versions={one: source.versions(one) for one in ids if one in known},
            open_then=open_then,
            slos=await source.slos_of([one.id for one in open_then]),
        )

    async def _releases(
        self, request: Request, incident: Incident, card: ServiceCard | None
    ) -> Sequence[ReleaseRow]:
        """The releases of its service in the hour before it was opened."""
        opened, now = incident.opened_at, self._now()
        own = card.slo_ids if card else ()  # those of the past are dear
        seen = await look(self._source, now, asked_past(request), own)
        found = await self._source.logbook().deployments(
            Wanted(incident.service, start=opened - BEFORE_INCIDENT, end=opened), MOST_RELEASES
        )
        return await releases_of(self._source, found, seen.of(incident.service), now)

    async def acknowledge(
        self, request: Request, incident_id: str, name: Annotated[str, Form()] = ""
    ) -> Response:
        """Take an incident. Who it is comes with the form, or is remembered from the last time."""
        by = clean(name) or remembered(request)
        if not by:
            return self._nameless(incident_id)
        done = await self._source.acknowledge(incident_id, by)
        if done is None:
            return self._none(request, incident_id)
        if done.in_vain is None:
            notice = "acknowledged"
        else:
            notice = "taken" if done.detail.incident.open else "resolved"
        return self._done(request, incident_id, notice, by)

    async def note(
        self,
        request: Request,
        incident_id: str,
        text: Annotated[str, Form()] = "",
        name: Annotated[str, Form()] = "",
    ) -> Response:
        """Write something down for the others."""
        by, said = clean(name) or remembered(request), clean(text, LONGEST_NOTE)
        if not by or not said:
            field, missing = ("name", "Say who you are") if said else ("text", "Write the note")
            why = f"{missing} first; nothing was written down."
            return await self._shown(
                request, incident_id, FormView({"text": said, "name": by}, field, why)
            )
        if not await self._source.note(incident_id, said, by):
            return self._none(request, incident_id)
        return self._done(request, incident_id, "noted", by)

    async def escalate(
        self, request: Request, incident_id: str, name: Annotated[str, Form()] = ""
    ) -> Response:
        """Do not wait for the next step of the escalation."""
        by = clean(name) or remembered(request)
        if not by:
            return self._nameless(incident_id)
        told = await self._source.escalate(incident_id, by)
        if told is None:
            return self._none(request, incident_id)
        return self._done(request, incident_id, "escalated" if told else "nobody", by)

    def _nameless(self, incident_id: str) -> Response:
        # The fragment is the field itself: browsers put the focus there, also without scripts.
        return see_other(f"{links.incident_url(incident_id)}?notice=name#name")

    def _done(self, request: Request, incident_id: str, notice: str, by: str) -> Response:
        response = see_other(f"{links.incident_url(incident_id)}?notice={notice}")
        remember(request, response, NAME_COOKIE, by)
        return response

    def _none(self, request: Request, incident_id: str) -> HTMLResponse:
        return self._framed.error(request, 404, f"There is no incident “{incident_id}”.")
