"""Tell an open page which SLOs and incidents changed: server-sent events of ids alone."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import orjson
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from dashboards.source import Change, Changes, Source
from web.problem import ProblemError

HEARTBEAT = timedelta(seconds=15)
SPACING = timedelta(seconds=1)  # between two messages to one client; changes gather meanwhile
MOST_STREAMS = 1_000
_RETRY_MILLISECONDS = 2_000


async def _never() -> None:
    await asyncio.Event().wait()


class Streams:
    """The open streams of this process; all end when `stop` is set."""

    def __init__(self, source: Source, stop: asyncio.Event) -> None:
        self._source = source
        self._stop = stop
        self.open = 0

    def stream(
        self, last_event_id: str | None, over: Callable[[], Awaitable[None]] = _never
    ) -> "Stream":
        """A stream for one client. Raises ProblemError when there are too many, or we stop.

        It ends when `over` returns: whoever asked for it may no longer.

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
        return Stream(self, self._source, self._stop, over, resumes=bool(last_event_id))


class Stream(StreamingResponse):
    """One client's stream. It sends by itself, so that it notices stop and client alike."""

    def __init__(
        self,
        streams: Streams,
        source: Source,
        stop: asyncio.Event,
        over: Callable[[], Awaitable[None]],
        *,
        resumes: bool,
    ) -> None:
        super().__init__(
            (),
            media_type="text/event-stream",
            # nginx would hold events back.
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._streams = streams
        self._source = source
        self._stop = stop
        self._over = over
        self._resumes = resumes

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        # Subscribe before the first word, so that nothing changes unheard in between.
        changes = self._source.changes()
        self._streams.open += 1
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            await self._until_over(changes, receive, send)
        finally:
            changes.close()
            self._streams.open -= 1

    async def _until_over(self, changes: Changes, receive: Receive, send: Send) -> None:
        """Send changes until the source ends, the client goes or may no longer, or we stop."""
        pump = asyncio.ensure_future(self._pump(changes, send))
        gone = asyncio.ensure_future(_disconnected(receive))
        stopped = asyncio.ensure_future(self._stop.wait())
        over = asyncio.ensure_future(self._over())
        tasks = (pump, gone, stopped, over)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not pump.cancelled() and (failure := pump.exception()) is not None:
            raise failure
        if gone.cancelled():
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
            if change is not None:
                await asyncio.sleep(SPACING.total_seconds())


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
