"""Tell an open page which SLOs and incidents changed: server-sent events of ids alone."""

import asyncio
from datetime import timedelta

import orjson
from starlette.types import Receive, Scope, Send

from dashboards.source import Change, Changes, Source
from web.problem import ProblemError

HEARTBEAT = timedelta(seconds=15)
MOST_STREAMS = 1_000
_RETRY_MILLISECONDS = 2_000


class Streams:
    """The open streams of this process; all end when `stop` is set."""

    def __init__(self, source: Source, stop: asyncio.Event) -> None:
        self._source = source
        self._stop = stop
        self.open = 0

    def stream(self, last_event_id: str | None) -> "Stream":
        """A stream for one client. Raises ProblemError when there are too many, or we stop.

        A client that comes back may have missed changes, so its first event is a resync.
        """
        if self._stop.is_set():
            raise ProblemError(503, "Nines is stopping.", headers={"Retry-After": "5"})
        if self.open >= MOST_STREAMS:
            raise ProblemError(
                503,
                f"{MOST_STREAMS} live streams are open already; the pages go on without.",
                headers={"Retry-After": "30"},
            )
        return Stream(self, self._source, self._stop, resumes=bool(last_event_id))


class Stream:
    """One client's stream, as an ASGI answer."""

    def __init__(
        self, streams: Streams, source: Source, stop: asyncio.Event, *, resumes: bool
    ) -> None:
        self._streams = streams
        self._source = source
        self._stop = stop
        self._resumes = resumes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/event-stream; charset=utf-8"),
                    (b"cache-control", b"no-store"),
                    (b"x-accel-buffering", b"no"),  # nginx would hold events back
                ],
            }
        )
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body"})
            return
        # Subscribe before the first word, so that nothing changes unheard in between.
        changes = self._source.changes()
        self._streams.open += 1
        pump = asyncio.ensure_future(self._pump(changes, send))
        gone = asyncio.ensure_future(_disconnected(receive))
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((pump, gone, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pump, gone, stopped):
                task.cancel()
            ended = await asyncio.gather(pump, gone, stopped, return_exceptions=True)
            changes.close()
            self._streams.open -= 1
        if isinstance(ended[0], Exception) and not isinstance(ended[0], OSError):
            raise ended[0]
        if not isinstance(ended[1], BaseException):
            return  # the client has gone
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, changes: Changes, send: Send) -> None:
        await _say(send, f"retry: {_RETRY_MILLISECONDS}\n: open\n\n".encode())
        if self._resumes:
            await _say(send, b"event: resync\ndata: {}\n\n")
        while True:
            try:
                change = await changes.next(HEARTBEAT)
            except StopAsyncIteration:
                return
            await _say(send, b": still here\n\n" if change is None else event(change))


def event(change: Change) -> bytes:
    """One change on the wire."""
    content: dict[str, int | list[str]] = {"sequence": change.sequence}
    if not change.resync:
        content |= {"slos": sorted(change.slo_ids), "incidents": sorted(change.incident_ids)}
    name = "resync" if change.resync else "changed"
    head = f"id: {change.sequence}\nevent: {name}\ndata: ".encode()
    return head + orjson.dumps(content) + b"\n\n"


async def _say(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
