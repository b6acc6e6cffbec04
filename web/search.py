"""`/search`: what the box in the frame leads to."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from alerting.incident import Incident
from dashboards.search import LONGEST, LOOKED_AT, search
from dashboards.source import Source
from web.forms import clean
from web.framed import Framed
from web.look import Look, asked_past, look, telling
from web.spared import Spared

_Incidents = tuple[Sequence[Incident], Mapping[str, Sequence[str]]]  # and the SLOs in each
_NO_INCIDENTS: _Incidents = ((), {})


class SearchPages:
    """Asks the source, lets `dashboards` arrange it, prints."""

    def __init__(self, source: Source, now: Callable[[], datetime], framed: Framed) -> None:
        self._source = source
        self._now = now
        self._framed = framed

    def add_to(self, router: APIRouter) -> None:
        """Its one route."""
        shown = telling(self.page, self._framed.error)
        router.add_api_route("/search", shown, methods=["GET", "HEAD"], response_model=None)

    async def page(self, request: Request) -> HTMLResponse:
        """What was found of the words in the address, and the box for others."""
        text = clean(request.query_params.get("q", ""), LONGEST)
        seen = await look(self._source, self._now(), asked_past(request))
        spared = Spared(past=seen.past)
        incidents, slos = _NO_INCIDENTS
        if text:
            incidents, slos = await spared.ask(
                "incidents", lambda: self._incidents(seen), _NO_INCIDENTS
            )
        view = search(
            text,
            roll=seen.roll,
            services=self._source.services(),
            incidents=incidents,
            slos=slos,
            now=seen.now,
        )
        title = f"Search: {text}" if text else "Search"
        return self._framed.page(
            request,
            "search.html",
            "search",
            title,
            topics="",
            view=view,
            seen=seen,
            missing=spared.missing,
            looked_at=LOOKED_AT,
        )

    async def _incidents(self, seen: Look) -> _Incidents:
        found = await seen.incidents(None, LOOKED_AT)
        return found, await self._source.slos_of([one.id for one in found])
