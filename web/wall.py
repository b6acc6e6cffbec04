"""`/wall`: the wallboard, for a screen that nobody touches."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from dashboards.source import Source
from dashboards.wall import SLOS, NoSuchViewError, WallView, wall, wall_page
from web.access.guard import GuardedRoute, asking, cookie_name, wall_cookie_name
from web.forms import asked_address, see_other
from web.problem import ProblemError
from web.report_settings import ReportSettings
from web.settings import WebSettings
from web.templates import templates

_KEPT_FOR = 0.9  # seconds; less than screens wait before they ask for what changed
_MOST_VIEWS = 20
_CYCLES = (5, 3_600)  # seconds, at least and at most
_YEAR = 366 * 86_400
_TEMPLATES = templates()
_TEMPLATES.filters["then"] = str  # of links, in parts that pages share: a wall has none


class WallPages:
    """Makes each view about once a second at most, however many screens there are."""

    def __init__(
        self,
        source: Source,
        now: Callable[[], datetime],
        external_url: str,
        reports: Callable[[], ReportSettings],
        monotonic: Callable[[], float],
    ) -> None:
        self._source = source
        self._now = now
        self._reports = reports
        self._monotonic = monotonic
        self._cookie = wall_cookie_name(cookie_name(external_url))
        self._is_https = external_url.lower().startswith("https://")
        self._kept: dict[str, tuple[float, WallView]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def page(self, request: Request) -> Response:
        """The page. A token in its address goes into a cookie, and out of the address."""
        token = asking().credentials.bearer
        if (
            token is not None
            and "authorization" not in request.headers
            and request.cookies.get(self._cookie) != token
        ):
            return self._remembering(request, token)
        query = request.query_params
        views = [one for one in query.get("view", SLOS).split(",") if one] or [SLOS]
        if len(views) > _MOST_VIEWS:
            raise ProblemError(400, f"query.view: names more than {_MOST_VIEWS} views")
        made = [await self._view(one) for one in views]
        shown = wall_page(
            made[0],
            views,
            _cycle(query.get("cycle", "0")),
            self._reports().zone,
            query.get("theme", ""),
            self._now(),
        )
        return HTMLResponse(
            _TEMPLATES.get_template("wall.html").render(page=shown, view=shown.view)
        )

    async def tiles(self, request: Request) -> Response:
        """One view anew, for a page that is there."""
        made = await self._view(request.query_params.get("view", SLOS))
        return HTMLResponse(_TEMPLATES.get_template("_wall_tiles.html").render(view=made))

    def _remembering(self, request: Request, token: str) -> Response:
        response = see_other(asked_address(request))
        response.set_cookie(
            self._cookie,
            token,
            max_age=_YEAR,
            httponly=True,
            samesite="lax",
            secure=self._is_https,
        )
        return response

    async def _view(self, view: str) -> WallView:
        async with self._one_at_a_time:
            kept, at = self._kept.get(view), self._monotonic()
            if kept is not None and at - kept[0] < _KEPT_FOR:
                return kept[1]
            source = self._source
            roll = await source.roll()
            try:
                made = wall(view, roll, source.services(), source.health(), self._now())
            except NoSuchViewError as error:
                raise ProblemError(404, str(error)) from None
            if len(self._kept) >= 2 * _MOST_VIEWS:
                self._kept.clear()
            self._kept[view] = (at, made)
            return made


def _cycle(text: str) -> int:
    """Seconds for each view; 0: the first one stays. Raises ProblemError."""
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise ProblemError(400, "query.cycle: write seconds, such as 30")
    seconds = int(text)
    low, high = _CYCLES
    return 0 if not seconds else min(max(seconds, low), high)


def wall_router(source: Source, settings: WebSettings) -> APIRouter:
    """Its routes; none of them is part of the API's description."""
    router = APIRouter(include_in_schema=False, route_class=GuardedRoute)
    pages = WallPages(
        source, settings.now, settings.external_url, settings.reports, settings.monotonic
    )
    for path, endpoint in (("/wall", pages.page), ("/wall/tiles", pages.tiles)):
        router.add_api_route(path, endpoint, methods=["GET", "HEAD"], response_model=None)
    return router
