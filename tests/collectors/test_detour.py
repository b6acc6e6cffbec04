"""Another way to a target that failed: another address, another resolver; what was used is said."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import dns.rcode
import pytest

from collectors.detour import Detour, around, lookup_at
from collectors.http import HttpConfig, HttpProbe
from collectors.means import Means
from collectors.observation import Observation, Outcome
from collectors.resolve import Address, Lookup, Resolver
from collectors.target import parse_host_port
from tests.collectors.wire import DUE, TIMEOUT, Server, answer, look, says
from tests.fakes.names import Answer, names, only_a, refuses
from tests.fakes.names import says as answers

FOUR, OTHER_FOUR = (Address(socket.AF_INET, (ip, 80)) for ip in ("127.0.0.1", "127.0.0.2"))
SIX = Address(socket.AF_INET6, ("::1", 80, 0, 0))
NOTHING = timedelta(0)


def failed(address: str | None) -> Observation:
    return Observation(
        "shop/home", DUE, DUE, NOTHING, NOTHING, Outcome.FAILED, detail="got 503", address=address
    )


def knows(*addresses: str) -> Lookup:
    def lookup(_host: str, port: int) -> Sequence[Address]:
        return [Address(socket.AF_INET, (ip, port)) for ip in addresses]

    return lookup


def knows_nothing(_host: str, _port: int) -> Sequence[Address]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@asynccontextmanager
async def one_sick_of_two() -> AsyncIterator[int]:
    """Two servers on one port: 127.0.0.1 answers 503, 127.0.0.2 answers 200."""
    async with (
        Server(says(answer(status="503 Oh No"))) as sick,
        Server(says(answer()), at=("127.0.0.2", sick.port)),
    ):
        yield sick.port


def probe(port: int, resolver: Resolver) -> HttpProbe:
    config = HttpConfig(http=f"http://shop.example:{port}/")
    return HttpProbe("shop/home", config, Means(TIMEOUT, TIMEOUT, resolver))


@pytest.mark.parametrize(
    ("found", "avoid", "order"),
    [
        ([FOUR, SIX], "127.0.0.1", [SIX, FOUR]),
        ([FOUR, OTHER_FOUR, SIX], "127.0.0.1", [SIX, OTHER_FOUR, FOUR]),
        ([SIX, FOUR], "::1", [FOUR, SIX]),
        ([FOUR, OTHER_FOUR], "127.0.0.1", [OTHER_FOUR, FOUR]),
        ([FOUR], "127.0.0.1", [FOUR]),
        ([FOUR], "::1", [FOUR]),  # it has no such address any more
        ([FOUR, SIX], None, [SIX, FOUR]),  # none was reached: the last that was tried
        ([], None, []),
    ],
)
def test_the_most_unlike_the_failed_one_comes_first(
    found: list[Address], avoid: str | None, order: list[Address]
) -> None:
    assert around(found, avoid) == tuple(order)


async def test_another_address_is_looked_at_and_named() -> None:
    async with one_sick_of_two() as port:
        both = Resolver(knows("127.0.0.1", "127.0.0.2"))
        first = await look(probe(port, both))
        detour = Detour(both, None, "", first)

        seen = await look(probe(port, detour))

    assert (first.outcome, seen.outcome) == (Outcome.FAILED, Outcome.PASSED)
    assert detour.way(seen) == "at 127.0.0.2 (IPv4) instead of 127.0.0.1 (IPv4)"


async def test_a_name_is_asked_of_the_second_resolver() -> None:
    async with one_sick_of_two() as port, names(only_a("127.0.0.2")) as (server,):
        second = Resolver(lookup_at(parse_host_port(server)))
        detour = Detour(Resolver(knows_nothing), second, server, failed(None))

        seen = await look(probe(port, detour))

    assert seen.outcome is Outcome.PASSED
    said = f"its name asked of {server}, on a fresh connection to 127.0.0.2 (IPv4)"
    assert detour.way(seen) == said


@pytest.mark.parametrize(
    "says_", [answers(), refuses(dns.rcode.NXDOMAIN), refuses(dns.rcode.SERVFAIL)]
)
async def test_a_name_that_the_second_does_not_know_is_asked_of_the_first(says_: Answer) -> None:
    async with one_sick_of_two() as port, names(says_) as (server,):
        second = Resolver(lookup_at(parse_host_port(server)))
        detour = Detour(Resolver(knows("127.0.0.1")), second, server, failed("127.0.0.1"))

        seen = await look(probe(port, detour))

    assert seen.outcome is Outcome.FAILED
    assert detour.way(seen) == "on a fresh connection to 127.0.0.1 (IPv4)"


async def test_an_address_is_asked_of_nobody() -> None:
    def nobody(_host: str, _port: int) -> Sequence[Address]:
        raise AssertionError

    detour = Detour(Resolver(nobody), Resolver(nobody), "192.0.2.53", failed("127.0.0.1"))

    assert [str(one) for one in await detour.resolve("127.0.0.1", 80)] == ["127.0.0.1"]
