"""`/badge/{service}/{slo}.svg`: one fact about an SLO, to be shown elsewhere."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dashboards.badge import Badge, Show, badge, svg
from dashboards.source import Source
from web.access.guard import GuardedRoute
from web.answer import has

_FOR_SECONDS = 60


def badge_router(source: Source) -> APIRouter:
    """Its one route. An SLO that is not there has a badge that says so, as an image shows no text
    of an error.
    """
    router = APIRouter(include_in_schema=False, route_class=GuardedRoute)

    async def draw(
        request: Request, service: str, slo: str, show: Annotated[Show, Query()] = "budget"
    ) -> Response:
        status = source.status(f"{service}/{slo}")
        drawn = svg(Badge(slo, "no such SLO", "plain") if status is None else badge(status, show))
        etag = f'"{hashlib.blake2b(drawn.encode(), digest_size=12).hexdigest()}"'
        headers = {
            "ETag": etag,
            "Cache-Control": f"private, max-age={_FOR_SECONDS}",
            "Cross-Origin-Resource-Policy": "cross-origin",
            # Opened by itself it is a document: nothing in it may run.
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        }
        if status is not None and has(request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        return Response(drawn, 200 if status else 404, headers, "image/svg+xml")

    router.add_api_route(
        "/badge/{service}/{slo}.svg", draw, methods=["GET", "HEAD"], response_model=None
    )
    return router
