"""`/status` and its JSON: what customers see, without a login where it is public, and cheap."""

import asyncio
import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from dashboards.status_board import StatusBoard
from dashboards.status_feed import status_feed
from dashboards.status_json import (
    components_json,
    incidents_json,
    maintenances_json,
    status_json,
    summary_json,
)
from dashboards.status_page import StatusFacts
from dashboards.status_view import Head, component_view, incident_view, status_view
from web.access.decision import Permission
from web.access.guard import GuardedRoute, asking
from web.answer import has
from web.problem import ProblemError
from web.settings import WebSettings
from web.templates import templates
from web.throttle import Attempts

CACHED_SECONDS = 30
_PER_ADDRESS = (10.0, 120)  # a second, and at once
_KEPT_FOR = timedelta(seconds=5)
_MOST_KEPT = 200
_JSON = {
    "summary": summary_json,
    "status": status_json,
    "components": components_json,
    "incidents": incidents_json,
    "scheduled-maintenances": maintenances_json,
}
_TEMPLATES = templates()


@dataclass(frozen=True, slots=True)
class _Document:
    """What is sent, and what browsers know it by again."""

    content: bytes
    media_type: str
    status: int
    etag: str
    zipped: bytes


@dataclass(slots=True)
class _Kept:
    """What was made of the same facts."""

    facts: StatusFacts
    made_at: datetime
    documents: dict[tuple[str, str], _Document] = field(default_factory=dict)


class StatusPages:
    """Makes each document at most once in some seconds, however many ask."""

    def __init__(
        self,
        board: StatusBoard,
        now: Callable[[], datetime],
        external_url: str,
        monotonic: Callable[[], float],
    ) -> None:
        self._board = board
        self._now = now
        self._external_url = external_url
        self._attempts = Attempts(*_PER_ADDRESS, monotonic)
        self._kept: _Kept | None = None
        self._one_at_a_time = asyncio.Lock()

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        router.add_api_route("/status/feed.atom", self.feed, methods=_READING, response_model=None)
        for path, endpoint in (
            ("/status", self.home),
            ("/status/incidents/{incident_id}", self.incident),
            ("/status/components/{component}", self.component),
        ):
            router.add_api_route(path, endpoint, methods=_READING, response_model=None)
        for name in _JSON:
            router.add_api_route(
                f"/api/v2/{name}.json", self._json(name), methods=_READING, response_model=None
            )

    async def home(self, request: Request) -> Response:
        """The page itself."""
        kept = await self._facts()
        return self._answer(
            request,
            self._document(kept, ("home", ""), lambda: _page("page", status_view(kept.facts))),
        )

    async def incident(self, request: Request, incident_id: str) -> Response:
        """One incident, at an address that stays."""
        kept = await self._facts()
        view = incident_view(kept.facts, incident_id)
        if view is None:
            return self._nothing(request, kept, "There is no such incident here.")
        made = self._document(kept, ("incident", incident_id), lambda: _page("incident", view))
        return self._answer(request, made)

    async def component(self, request: Request, component: str) -> Response:
        """One component, day by day."""
        kept = await self._facts()
        view = component_view(kept.facts, component)
        if view is None:
            return self._nothing(request, kept, "There is no such component here.")
        made = self._document(kept, ("component", component), lambda: _page("component", view))
        return self._answer(request, made)

    async def feed(self, request: Request) -> Response:
        """For feed readers."""
        kept = await self._facts()
        made = self._document(
            kept,
            ("feed", ""),
            lambda: _made(status_feed(kept.facts, self._external_url), "application/atom+xml"),
        )
        return self._answer(request, made)

    def _json(self, name: str) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            kept = await self._facts()
            made = self._document(
                kept,
                ("json", name),
                lambda: _made(
                    orjson.dumps(_JSON[name](kept.facts, self._external_url)), "application/json"
                ),
            )
            return self._answer(request, made)

        return endpoint

    async def _facts(self) -> _Kept:
        """What is shown to whoever asks. Raises ProblemError."""
        asked = asking()
        if not self._attempts.take(asked.credentials.address):
            raise ProblemError(
                429,
                "This address asks too often for the status page.",
                headers={"Retry-After": "5"},
            )
        page = self._board.page()
        if page is None:
            raise ProblemError(404, "There is no status page: none is configured.")
        if not page.public:
            await asked.demand(Permission.READ)
        async with self._one_at_a_time:
            kept, now = self._kept, self._now()
            if (
                kept is not None
                and timedelta(0) <= now - kept.made_at < _KEPT_FOR
                and kept.facts.page == page
                and kept.facts.incidents == tuple(self._board.incidents())
            ):
                return kept
            facts = await self._board.facts()
            if facts is None:
                raise ProblemError(404, "There is no status page: none is configured.")
            self._kept = made = _Kept(facts, now)
            return made

    def _document(
        self, kept: _Kept, key: tuple[str, str], make: Callable[[], _Document]
    ) -> _Document:
        made = kept.documents.get(key)
        if made is None:
            made = make()
            if len(kept.documents) < _MOST_KEPT:
                kept.documents[key] = made
        return made

    def _nothing(self, request: Request, kept: _Kept, words: str) -> Response:
        made = self._document(
            kept,
            ("nothing", words),
            lambda: _page("nothing", _Nothing(status_view(kept.facts).head, words), 404),
        )
        return self._answer(request, made)

    def _answer(self, request: Request, made: _Document) -> Response:
        page = self._board.page()
        public = page is not None and page.public
        headers = {
            "ETag": made.etag,
            "Cache-Control": f"{'public' if public else 'private'}, max-age={CACHED_SECONDS}",
            "Vary": "Accept-Encoding",
        }
        if public and made.media_type != "text/html":  # other sites show it, too
            headers["Access-Control-Allow-Origin"] = "*"
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if made.status == 200 and has(
            request.headers.get("if-none-match"), made.etag.removeprefix("W/")
        ):
            return Response(status_code=304, headers=headers)
        content = made.content
        if "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["Content-Encoding"] = made.zipped, "gzip"
        return Response(content, made.status, headers, f"{made.media_type}; charset=utf-8")


_READING = ["GET", "HEAD"]


@dataclass(frozen=True, slots=True)
class _Nothing:
    head: Head
    words: str


def _page(template: str, view: object, status: int = 200) -> _Document:
    html = _TEMPLATES.get_template(f"status/{template}.html").render(view=view)
    return _made(html.encode(), "text/html", status)


def _made(content: bytes, media_type: str, status: int = 200) -> _Document:
    digest = hashlib.blake2b(content, digest_size=12).hexdigest()
    # mtime=0: the same content gives the same bytes. The tag is weak, as it is of both encodings.
    zipped = gzip.compress(content, 6, mtime=0)
    return _Document(content, media_type, status, f'W/"{digest}"', zipped)


def status_router(board: StatusBoard, settings: WebSettings) -> APIRouter:
    """The routes for customers; none of them is part of the API's description."""
    router = APIRouter(include_in_schema=False, route_class=GuardedRoute)
    StatusPages(board, settings.now, settings.external_url, settings.monotonic).add_to(router)
    return router
