"""Straight from the socket to an endpoint, past the routing that every other request takes."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
Failed: TypeAlias = Callable[[Request, Exception], Response]


class Express:
    """For what people wait to be paged by; the endpoints are by method and path."""

    def __init__(
        self, app: ASGIApp, endpoints: Mapping[tuple[str, str], Endpoint], failed: Failed
    ) -> None:
        """`failed` makes the answer for an error that an endpoint did not expect."""
        self._app = app
        self._endpoints = endpoints
        self._failed = failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = None
        if scope["type"] == "http":
            endpoint = self._endpoints.get((scope["method"], scope["path"]))
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await endpoint(request)
        except Exception as error:
            await self._failed(request, error)(scope, receive, send)
            raise  # for the log
        await response(scope, receive, send)
