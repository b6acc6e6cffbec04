"""What incidents came to: times, costs, similar ones and the draft of a post-mortem."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from dashboards import links
from dashboards.aftermath import AftermathFacts, TimesFacts, aftermath_facts, times_facts
from dashboards.postmortem import postmortem
from dashboards.source import IncidentDetail, Source
from web.answer import answer
from web.forms import Print
from web.incident_acts import no_incident
from web.moment import MOST_SIGNS, asked_moment
from web.problem import bad_request
from web.settings import WebSettings

MOST_INCIDENTS = 500
USUAL = timedelta(days=30)


async def times(source: Source, start: datetime, end: datetime) -> TimesFacts:
    """How long incidents took that were opened in [start, end): of the newest, if they are many."""
    found = await source.incident_times(start, end, MOST_INCIDENTS + 1)
    return times_facts(
        found[:MOST_INCIDENTS],
        source.services(),
        start=start,
        end=end,
        complete=len(found) <= MOST_INCIDENTS,
    )


async def draft(source: Source, detail: IncidentDetail, external_url: str, now: datetime) -> str:
    """The post-mortem of an incident, in Markdown."""
    name = detail.incident.service
    card = next((card for card in source.services() if card.name == name), None)
    return postmortem(detail, await source.aftermath(detail), card, external_url, now)


def add_aftermath_routes(router: APIRouter, source: Source, settings: WebSettings) -> None:
    """What programs ask."""

    async def known(incident_id: str) -> IncidentDetail:
        detail = await source.incident(incident_id)
        if detail is None:
            raise no_incident(incident_id)
        return detail

    async def medians(
        request: Request,
        start: Annotated[
            str | None,
            Query(
                max_length=MOST_SIGNS,
                description="Opened from then on; without it, 30 days before `end`.",
            ),
        ] = None,
        end: Annotated[
            str | None, Query(max_length=MOST_SIGNS, description="Opened before then; or now.")
        ] = None,
    ) -> Response:
        """How long it took to detect, acknowledge and resolve: medians by service and owner."""
        now = settings.now()
        until = asked_moment("end", end, now) or now
        since = asked_moment("start", start, now) or until - USUAL
        if since >= until:
            raise bad_request("query.start", "must come before `end`")
        return answer(request, await times(source, since, until))

    async def aftermath(request: Request, incident_id: str) -> Response:
        """What an incident came to: its times, what it cost, and which were alike."""
        detail = await known(incident_id)
        return answer(request, aftermath_facts(detail.incident, await source.aftermath(detail)))

    async def markdown(incident_id: str) -> Response:
        """The draft of its post-mortem, in Markdown: the facts, and room for the rest."""
        detail = await known(incident_id)
        text = await draft(source, detail, settings.external_url, settings.now())
        name = quote(f"postmortem-{detail.incident.id}.md", safe="")
        return Response(
            text,
            headers={
                "Cache-Control": "private, no-cache",
                "Content-Disposition": f"inline; filename*=UTF-8''{name}",
            },
            media_type="text/markdown",
        )

    router.add_api_route("/incidents/times", medians, methods=["GET"], response_model=TimesFacts)
    router.add_api_route(
        "/incidents/{incident_id}/aftermath",
        aftermath,
        methods=["GET"],
        response_model=AftermathFacts,
    )
    router.add_api_route(
        "/incidents/{incident_id}/postmortem.md",
        markdown,
        methods=["GET"],
        response_model=None,
        response_class=Response,
        responses={200: {"content": {"text/markdown": {}}, "description": "Markdown."}},
    )


class PostmortemPages:
    """The draft as a page."""

    def __init__(
        self,
        source: Source,
        now: Callable[[], datetime],
        show: Print,
        error: Callable[[Request, int, str | None], HTMLResponse],
        external_url: str,
    ) -> None:
        self._source = source
        self._now = now
        self._show = show
        self._error = error
        self._external_url = external_url

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        router.add_api_route(
            "/incidents/{incident_id}/postmortem",
            self.page,
            methods=["GET", "HEAD"],
            response_model=None,
        )

    async def page(self, request: Request, incident_id: str) -> HTMLResponse:
        """The draft, to be read and taken elsewhere."""
        detail = await self._source.incident(incident_id)
        if detail is None:
            return self._error(request, 404, f"There is no incident “{incident_id}”.")
        text = await draft(self._source, detail, self._external_url, self._now())
        url = links.incident_url(incident_id)
        view = {"text": text, "url": url, "download_url": f"/api/v1{url}/postmortem.md"}
        return self._show(
            request, "postmortem.html", "incidents", "Post-mortem", topics="", view=view
        )
