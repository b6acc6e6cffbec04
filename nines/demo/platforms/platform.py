"""What every simulated platform is: sites on loopback, traffic, and what can break."""

import asyncio
import json
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import ClassVar

from nines.demo.http_server import Handler, HttpServer, Misbehaviour, Request, Response

NOT_FOUND = Response(404, b'{"error": "not found"}')


class Platform:
    """Time passes, things break one at a time, requests are answered.

    A subclass looks at `fault` as it answers; `web` is its own site, and it may open others.
    """

    name: ClassVar[str] = ""
    # What can break; how a sentence ends that begins with the platform's name.
    faults: ClassVar[Mapping[str, str]] = {}

    def __init__(self, now: Callable[[], datetime], rng: random.Random) -> None:
        self.now = now
        self.rng = rng
        self.fault: str | None = None
        self.linger: Callable[[float], Awaitable[None]] = asyncio.sleep  # until a slow answer
        self.sites: dict[str, HttpServer] = {}
        self.open_site("web", self.answer)

    def open_site(self, name: str, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        """A server of this name, which listens from `start` on."""
        self.sites[name] = HttpServer(handler, linger=lambda seconds: self.linger(seconds), tls=tls)

    async def start(self) -> None:
        """Listen."""
        for name in self.sites.keys() - self.refused():
            await self.sites[name].start()

    async def stop(self) -> None:
        """Close everything."""
        for site in self.sites.values():
            await site.refuse()

    async def break_now(self, fault: str | None) -> None:
        """Break this in place of what was broken; None mends it. Raises ValueError."""
        if fault is not None and fault not in self.faults:
            raise ValueError(f"{fault!r} is no fault of {self.name}: {', '.join(self.faults)}")
        before, self.fault = self.refused(), fault
        for name in self.refused() - before:
            await self.sites[name].refuse()
        for name in before - self.refused():
            await self.sites[name].start()

    def refused(self) -> frozenset[str]:
        """The sites that take no connections while things are as they are."""
        return frozenset()

    def pass_time(self, seconds: float) -> None:
        """Serve some traffic."""

    def answer(self, request: Request) -> Response | Misbehaviour:  # noqa: ARG002 - of platforms
        """What its own site says."""
        return NOT_FOUND

    @property
    def environ(self) -> dict[str, str]:
        """What the configuration's variables are: `PETUNIVERSE_WEB`, and its host:port."""
        key = self.name.upper().replace(" ", "_").replace("-", "_")
        found = {}
        for name, site in self.sites.items():
            variable = f"{key}_{name.upper().replace('-', '_')}"
            found[variable] = site.url
            found[f"{variable}_ADDRESS"] = site.url.removeprefix("http://")
        return found


class Events:
    """Whole events of an even flow; the fraction that is left over is carried on."""

    def __init__(self) -> None:
        self._left = 0.0

    def take(self, expected: float) -> int:
        """How many of them happened."""
        self._left += expected
        whole = int(self._left)
        self._left -= whole
        return whole


def json_answer(status: int, body: object, delay: float = 0.0) -> Response:
    """The body as JSON, after `delay` seconds."""
    return Response(
        status,
        json.dumps(body).encode(),
        headers={"X-Response-Time": f"{delay * 1000 + 3:.0f}ms"},
        delay=delay,
    )


def iso(at: datetime) -> str:
    """As JavaScript writes a time."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
