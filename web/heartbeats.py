"""`/api/v1/heartbeats/{service}/{collector}`: what a job tells of its runs."""

from datetime import datetime
from typing import Protocol

import orjson
from fastapi import APIRouter, Request, Response

from collectors.job import Ping, PingKind
from web.access.guard import GuardedRoute
from web.problem import ProblemError, bad_request
from web.senders import RefusedSenderError, refusing_senders
from web.settings import WebSettings

MOST_BODY_BYTES = 10_000  # that are kept
_MOST_RUN_ID = 100
_MOST_EXIT = 255
_WORDS = {
    "": PingKind.SUCCESS,
    "start": PingKind.START,
    "success": PingKind.SUCCESS,
    "fail": PingKind.FAIL,
}
_PATH = "/api/v1/heartbeats/{service}/{collector}"


class TooOftenError(Exception):
    """More pings come than a job can have."""


class Heartbeats(Protocol):
    """Whoever keeps the pings."""

    def admit(self, collector: str, authorization: str | None) -> None:
        """Let whoever bears this header ping. Raises RefusedSenderError and TooOftenError."""

    async def ping(self, collector: str, ping: Ping) -> bool:
        """Keep it; returns when it is stored: whether it is new. Raises NotKeptError."""


class _None:
    """There is none: nobody wired one."""

    def admit(self, collector: str, authorization: str | None) -> None:
        del authorization
        raise RefusedSenderError(404, f"There is no heartbeat {collector[:200]} here.")

    async def ping(self, collector: str, ping: Ping) -> bool:
        del collector, ping
        return False


NO_HEARTBEATS: Heartbeats = _None()


def heartbeats_router(heartbeats: Heartbeats, settings: WebSettings) -> APIRouter:
    """The endpoints. Jobs call them with curl: their description is in docs/collectors."""
    router = APIRouter(include_in_schema=False, route_class=GuardedRoute)

    async def ping(request: Request, service: str, collector: str, what: str = "") -> Response:
        at, id_ = settings.now(), f"{service}/{collector}"
        try:
            with refusing_senders("Bearer"):
                heartbeats.admit(id_, request.headers.get("authorization"))
        except TooOftenError as error:
            again = {"Retry-After": "1"}
            raise ProblemError(429, "Pings come too often.", headers=again) from error
        told = _read(what, request.query_params.get("rid"), await request.body(), at)
        with refusing_senders("Bearer"):
            is_new = await heartbeats.ping(id_, told)
        answer = orjson.dumps({"heartbeat": id_, "ping": told.kind, "repeated": not is_new})
        return Response(answer + b"\n", media_type="application/json")

    for path in (_PATH, _PATH + "/{what}"):
        router.add_api_route(path, ping, methods=["GET", "POST"], response_model=None)
    return router


def _read(what: str, run_id: str | None, body: bytes, at: datetime) -> Ping:
    """Raises ProblemError."""
    code: int | None = None
    kind = _WORDS.get(what)
    if kind is None:
        if not (what.isascii() and what.isdecimal() and len(what) <= 3 and int(what) <= _MOST_EXIT):
            raise bad_request(
                "path", f"{what[:40]!r} is none of start, success, fail and an exit code of 0-255"
            )
        code = int(what)
        kind = PingKind.FAIL if code else PingKind.SUCCESS
    if run_id is not None and not (0 < len(run_id) <= _MOST_RUN_ID and run_id.isprintable()):
        raise bad_request("query.rid", f"a run's id has 1 to {_MOST_RUN_ID} printable characters")
    said = (
        body[:MOST_BODY_BYTES].decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    )
    return Ping(0, at, kind, run_id, code, said)
