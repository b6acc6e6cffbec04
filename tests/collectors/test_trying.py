"""One look upon request: what may be reached by it, and what may not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from collectors.blackbox.allowed import Allowed, everybodys, read_allowed
from collectors.blackbox.refusal import RefusedError, Why
from collectors.http import HttpConfig
from collectors.observation import Cause, Outcome
from collectors.resolve import Address, Resolver
from collectors.trying import TIMEOUT, Tries
from nines.clock import SystemClock
from nines.demo.http_server import HttpServer, Misbehaviour, Request, Response

OPEN = everybodys(read_allowed(("127.0.0.1",)))
PUBLIC = everybodys(Allowed(key="web.tries.allow"))


@dataclass
class Target:
    """A server that answers as the test wants it."""

    answer: Response | Misbehaviour = field(default_factory=lambda: Response(200, b"fine"))
    asked: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def handle(self, _: Request) -> Response | Misbehaviour:
        self.asked += 1
        self.came.set()
        return self.answer


@pytest.fixture
def target() -> Target:
    return Target()


@pytest.fixture
async def url(target: Target) -> AsyncIterator[str]:
    server = HttpServer(target.handle)
    await server.start()
    yield server.url
    await server.refuse()


def tries(allowed: Allowed = OPEN, resolver: Resolver | None = None, most: int = 8) -> Tries:
    return Tries(lambda: allowed, SystemClock(), resolver, most)


def http(url: str) -> HttpConfig:
    return HttpConfig(http=url)


def named(**hosts: str) -> Resolver:
    """What names are found to be."""

    def lookup(host: str, port: int) -> list[Address]:
        found = [text.strip() for text in hosts[host.partition(".")[0]].split(",")]
        return [
            Address(socket.AF_INET6, (one, port, 0, 0))
            if ":" in one
            else Address(socket.AF_INET, (one, port))
            for one in found
        ]

    return Resolver(lookup)


async def test_it_is_the_collectors_own_look(target: Target, url: str) -> None:
    seen = await tries().look(http(f"{url}/health"))

    assert (seen.outcome, seen.http_status, seen.address) == (Outcome.PASSED, 200, "127.0.0.1")
    assert {str(phase) for phase in seen.phases} >= {"resolve", "connect", "processing"}
    target.answer = Response(503, b"")
    assert (await tries().look(http(url))).cause is Cause.STATUS


async def test_it_ends_within_two_seconds(target: Target, url: str) -> None:
    target.answer = Misbehaviour.HANG

    seen = await tries().look(http(url))

    assert seen.cause is Cause.TIMEOUT
    assert seen.duration < 2 * TIMEOUT


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "[::1]", "10.0.0.5", "192.168.1.1", "172.16.3.4", "169.254.169.254",
        "[fd00:ec2::254]", "100.100.100.200", "0.0.0.0", "[::ffff:127.0.0.1]", "[fe80::1]",
        "2130706433", "0x7f.1", "localhost", "168.63.129.16",
    ],
)  # fmt: skip
async def test_nothing_inner_is_reached(host: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await tries(PUBLIC).look(http(f"http://{host}:1/"))

    assert refused.value.why is Why.NOT_ALLOWED


@pytest.mark.parametrize("allow", ["10.0.0.0/8", "inner.example", "*.example"])
async def test_a_name_opens_no_inner_address(allow: str) -> None:
    allowed = everybodys(read_allowed((allow,)))

    with pytest.raises(RefusedError, match="this machine itself"):
        await tries(allowed, named(inner="127.0.0.1")).look(http("http://inner.example:1/"))


async def test_an_inner_address_beside_a_public_one_is_no_way_in(target: Target, url: str) -> None:
    port = url.rpartition(":")[2]
    seen = await tries(PUBLIC, named(both="127.0.0.1, 203.0.113.1")).look(
        http(f"http://both.example:{port}/")
    )

    assert seen.outcome is not Outcome.PASSED
    assert target.asked == 0


async def test_a_redirect_is_looked_at_again(target: Target, url: str) -> None:
    target.answer = Response(302, b"", headers={"Location": "http://169.254.169.254/latest/"})

    seen = await tries().look(http(url))

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert seen.detail.startswith(
        "it redirects to where nobody may look from here: 169.254.169.254"
    )


async def test_more_than_so_many_are_refused(target: Target, url: str) -> None:
    target.answer = Misbehaviour.HANG
    few = tries(most=1)
    first = asyncio.create_task(few.look(http(url)))
    await asyncio.wait_for(target.came.wait(), 20)

    with pytest.raises(RefusedError, match="try again in a moment"):
        await few.look(http(url))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    target.answer = Response(200, b"")
    assert (await few.look(http(url))).outcome is Outcome.PASSED
