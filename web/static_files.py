"""`/static`: what pages load beside their text."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from web.access.guard import GuardedRoute
from web.templates import ASSETS


def static_router(error: Callable[[Request, int, str | None], Response]) -> APIRouter:
    """The files; `error` prints that one is not there."""
    router = APIRouter(include_in_schema=False, route_class=GuardedRoute)

    async def static(request: Request, digest: str, name: str) -> Response:
        """A static file."""
        return ASSETS.response(request, digest, name) or error(request, 404, None)

    router.add_api_route(
        "/static/{digest}/{name:path}", static, methods=["GET", "HEAD"], response_model=None
    )
    return router
