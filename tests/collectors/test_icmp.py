"""What comes back of echoes: from the kernel where we may ask it, and from hosts that we play.

A played host is a UDP server to which the probe sends its very packets, as a datagram socket of
ICMP takes them: no rights are needed, and what it answers is ours to say.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
import uvloop
from pydantic import ValidationError

from collectors.expect import Failure
from collectors.icmp import IcmpConfig, IcmpExpect, IcmpProbe, Tally, judge, page
from collectors.icmp_wire import (
    Echoes,
    Fate,
    Heard,
    Mark,
    NotPermittedError,
    OpenEchoes,
    checksum,
    open_echoes,
    why_not_permitted,
)
from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Address, Resolver
from tests.collectors.wire import SHORT, TIMEOUT, look

V4, V6 = socket.AF_INET, socket.AF_INET6
TOKEN = bytes(range(16))
MARK = Mark(V4, 4711, TOKEN)
Answer = Callable[[int, bytes], Iterable[bytes]]


def probe(
    host: str,
    timeout: timedelta = TIMEOUT,
    open_: OpenEchoes = open_echoes,
    **settings: Any,  # noqa: ANN401
) -> IcmpProbe:
    config = IcmpConfig.model_validate({"icmp": host, **settings})
    means = Means(timedelta(seconds=10), timeout, Resolver())
    return IcmpProbe("shop/gateway", config, means, open_)


def to_reply(echo: bytes) -> bytes:
    return b"\0" + echo[1:]


def as_asked(_: int, echo: bytes) -> Iterable[bytes]:
    yield to_reply(echo)


class Host(asyncio.DatagramProtocol):
    """A host whose answers are told by a function of the number of the echo, and of the echo."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        assert self._transport is not None
        for packet in self._answer(struct.unpack("!H", data[6:8])[0], data):
            self._transport.sendto(packet, addr)


def by_udp(port: int, family: socket.AddressFamily = V4) -> OpenEchoes:
    def open_(address: Address, ident: int, token: bytes) -> Echoes:
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setblocking(False)
        at = Address(family, (str(address), port))
        return Echoes(sock, at, Mark(family, ident, token), raw=False)

    return open_


async def against(
    answer: Answer,
    timeout: timedelta = TIMEOUT,
    **settings: Any,  # noqa: ANN401
) -> Observation:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Host(answer), ("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        return await look(probe("127.0.0.1", timeout, by_udp(port), **settings))
    finally:
        transport.close()


def values(seen: Observation) -> dict[str, int | float]:
    assert seen.page is not None
    return {series.metric: sample.value for series, sample in seen.page.samples.items()}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_the_kernel_answers_where_we_may_ask_and_else_we_do_not_know(host: str) -> None:
    seen = await look(probe(host, packets=2))

    if (why := why_not_permitted()) is None:
        assert (seen.outcome, seen.detail, seen.address) == (Outcome.PASSED, "", host)
        assert (values(seen)["icmp_packets_sent"], values(seen)["icmp_loss_ratio"]) == (2, 0)
        assert sum(seen.phases.values(), timedelta(0)) == seen.duration
    else:
        assert (seen.outcome, seen.detail) == (Outcome.UNKNOWN, why)


async def test_without_the_right_to_send_it_is_unknown_and_says_what_to_do() -> None:
    def refused(*_: object) -> Echoes:
        raise NotPermittedError

    seen = await look(probe("127.0.0.1", open_=refused))

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert "net.ipv4.ping_group_range" in seen.detail
    assert "CAP_NET_RAW" in seen.detail
    assert seen.warning == seen.detail


async def test_echoes_that_come_back_are_counted_and_timed() -> None:
    seen = await against(as_asked, packets=4)

    assert seen.outcome is Outcome.PASSED
    told = values(seen)
    assert (told["icmp_packets_sent"], told["icmp_packets_received"]) == (4, 4)
    assert 0 < told["icmp_rtt_min_seconds"] <= told["icmp_rtt_seconds"]
    assert told["icmp_rtt_seconds"] <= told["icmp_rtt_max_seconds"] < seen.duration.total_seconds()


def tally(*came: int, sent: int = 3) -> Tally:
    return Tally(dict.fromkeys(range(sent), 1.0), dict.fromkeys(came, 0.004))


def test_one_answer_is_enough_unless_less_may_be_lost() -> None:
    one_of_three = tally(1)
    half = IcmpExpect.model_validate({"loss_at_most": "50%"})
    two_thirds = IcmpExpect.model_validate({"loss_at_most": "67%"})

    assert judge(IcmpExpect(), one_of_three) is None
    assert judge(two_thirds, one_of_three) is None
    assert judge(half, one_of_three) == Failure(
        Cause.ASSERTION, "2 of 3 echoes were lost; expected at most 50%"
    )
    assert judge(half, tally(0, 1, sent=4)) is None  # exactly as much as may be


def test_of_each_echo_the_first_that_is_heard_counts() -> None:
    seen = tally(sent=2)
    unreachable = Heard(0, Fate.UNREACHABLE, "192.0.2.254", "the host cannot be reached")
    seen.take(unreachable, 1.5)
    seen.take(Heard(1, Fate.ANSWERED, "192.0.2.1"), 1.25)
    seen.take(Heard(1, Fate.ANSWERED, "192.0.2.1"), 9)
    seen.take(Heard(7, Fate.ANSWERED, "192.0.2.1"), 9)

    assert (seen.settled, seen.lost, seen.mean) == (2, 1, 0.25)
    told = {series.metric: sample.value for series, sample in page(seen).samples.items()}
    assert (told["icmp_loss_ratio"], told["icmp_rtt_seconds"]) == (0.5, 0.25)


def nothing(*_: object) -> Iterable[bytes]:
    return ()


async def test_a_silent_host_is_down_once_the_timeout_has_passed() -> None:
    seen = await against(nothing, SHORT)

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.TIMEOUT,
        Phase.PROCESSING,
    )
    assert seen.detail.startswith("no echo came back of ")
    assert values(seen)["icmp_loss_ratio"] == 1


async def test_a_way_that_takes_long_fails() -> None:
    slow = await look(probe("127.0.0.1", open_=sleepy(), expect={"rtt_at_most": "5ms"}, packets=1))

    assert (slow.outcome, slow.cause) == (Outcome.FAILED, Cause.LATENCY)
    assert "expected at most 5ms" in slow.detail


def sleepy() -> OpenEchoes:
    """Its answer comes ten milliseconds after the echo."""

    class Late(Echoes):
        async def hear(self) -> Heard:
            await asyncio.sleep(0.01)
            return Heard(0, Fate.ANSWERED, "127.0.0.1")

    def open_(address: Address, ident: int, token: bytes) -> Echoes:
        sock = socket.socket(V4, socket.SOCK_DGRAM)
        sock.setblocking(False)
        at = Address(V4, (str(address), 9))
        return Late(sock, at, Mark(V4, ident, token), raw=False)

    return open_


async def test_what_is_nobody_s_or_comes_twice_is_passed_over() -> None:
    def answer(number: int, echo: bytes) -> Iterable[bytes]:
        reply = to_reply(echo)
        yield b""
        yield b"\0\0\0"
        yield echo  # an echo of ours, sent back as it is
        yield reply[:4] + struct.pack("!HH", 1, number) + reply[8:]  # another's number
        yield reply[:8] + bytes(16)  # another's words
        yield reply[:6] + struct.pack("!H", 77) + reply[8:]  # one that was never sent
        yield reply
        yield reply

    seen = await against(answer, packets=1)

    assert seen.outcome is Outcome.PASSED
    assert values(seen)["icmp_packets_received"] == 1


@pytest.mark.parametrize(("family", "host"), [(V4, "127.0.0.1"), (V6, "::1")])
async def test_what_the_kernel_says_of_an_echo_that_could_not_be_delivered_is_told(
    family: socket.AddressFamily, host: str
) -> None:
    with closed_port(family, host) as port:
        seen = await look(probe(host, open_=by_udp(port, family), packets=2))

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.CONNECT,
        Phase.PROCESSING,
    )
    assert seen.detail == f"no echo came back: its port cannot be reached, says {host} (2 of 2)"
    assert seen.duration < TIMEOUT / 2  # nobody waits for what cannot come


@contextmanager
def closed_port(family: socket.AddressFamily, host: str) -> Iterator[int]:
    """A port of UDP that is taken by one who takes from nobody else."""
    with (
        socket.socket(family, socket.SOCK_DGRAM) as other,
        socket.socket(family, socket.SOCK_DGRAM) as taken,
    ):
        other.bind((host, 0))
        taken.bind((host, 0))
        taken.connect(other.getsockname())
        yield taken.getsockname()[1]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_an_error_makes_nobody_deaf(run: Callable[[Coroutine[Any, Any, list[Heard]]], Any]) -> None:
    fates = [heard.fate for heard in run(asyncio.wait_for(_error_and_answer_in_turn(), 20))]

    assert fates == [Fate.UNREACHABLE, Fate.ANSWERED] * 2


async def _error_and_answer_in_turn() -> list[Heard]:
    """What is heard while we wait: errors of a closed port, and answers once it is open."""
    loop, heard = asyncio.get_running_loop(), list[Heard]()
    with closed_port(V4, "127.0.0.1") as port:
        at = Address(V4, ("127.0.0.1", port))
        sock = socket.socket(V4, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        ours = sock.getsockname()
        with (
            Echoes(sock, at, MARK, raw=False) as echoes,
            socket.socket(V4, socket.SOCK_DGRAM) as by,
        ):
            for number in range(0, 4, 2):
                loop.call_later(0.02, echoes.send, number)
                heard.append(await echoes.hear())
                reply = to_reply(MARK.echo(number + 1))
                loop.call_later(0.02, by.sendto, reply, ours)
                heard.append(await echoes.hear())
    return heard


async def test_a_name_without_an_address_of_the_family_is_down() -> None:
    seen = await look(probe("127.0.0.1", ip=6))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.DNS)
    assert seen.detail == "the host name has no IPv6 address"


async def test_an_address_without_a_way_is_passed_over_for_another() -> None:
    where = [Address(V6, ("2001:db8::1", 0, 0, 0)), Address(V4, ("127.0.0.1", 0))]
    seen = await reached(where)
    none = await reached(where[:1])

    assert (seen.outcome, seen.address) == (Outcome.PASSED, "127.0.0.1")
    assert (none.outcome, none.detail) == (
        Outcome.UNKNOWN,
        "this machine has no route to the target's network",
    )


async def reached(where: list[Address]) -> Observation:
    """What a machine without IPv6 sees of these addresses."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Host(as_asked), ("127.0.0.1", 0))
    played = by_udp(transport.get_extra_info("sockname")[1])

    def open_(address: Address, ident: int, token: bytes) -> Echoes:
        if address.family is V6:
            raise OSError(101, "Network is unreachable")
        return played(address, ident, token)

    config = IcmpConfig.model_validate({"icmp": "gateway.example"})
    means = Means(timedelta(seconds=10), TIMEOUT, Resolver(lambda *_: where))
    try:
        return await look(IcmpProbe("shop/gateway", config, means, open_))
    finally:
        transport.close()


def test_the_checksum_is_that_of_the_internet() -> None:
    echo = MARK.echo(1)

    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D  # RFC 1071, 3
    assert checksum(b"\1") == 0xFEFF
    assert checksum(echo) == 0


ERROR = struct.Struct("=IBBBxII")


def told(kind: int, code: int, origin: int = 2) -> bytes:
    """As the kernel queues it, with the router that complains."""
    offender = struct.pack("=HH4s", 2, 0, bytes([192, 0, 2, 254]))
    return ERROR.pack(113, origin, kind, code, 0, 0) + offender


@pytest.mark.parametrize(
    ("error", "fate", "why"),
    [
        (told(3, 1), Fate.UNREACHABLE, "the host cannot be reached"),
        (told(3, 13), Fate.UNREACHABLE, "it is filtered on the way"),
        (told(3, 99), Fate.UNREACHABLE, "it cannot be reached (code 99)"),
        (told(11, 0), Fate.EXPIRED, "its time to live ended on the way"),
    ],
)
def test_unreachable_is_told_from_a_life_that_ended(error: bytes, fate: Fate, why: str) -> None:
    heard = Heard(7, fate, "192.0.2.254", why)

    assert MARK.trouble(error, MARK.echo(7)) == heard
    assert MARK.trouble(error, MARK.echo(7)[:8]) == heard  # all that a router must quote


def test_an_error_of_another_s_echo_or_of_another_kind_is_nobody_s() -> None:
    other = replace(MARK, ident=1)

    assert MARK.trouble(told(3, 1), other.echo(7)) is None
    assert MARK.trouble(told(3, 1), to_reply(MARK.echo(7))) is None
    assert MARK.trouble(told(3, 1, origin=1), MARK.echo(7)) is None  # of this machine's own
    assert MARK.trouble(told(5, 1), MARK.echo(7)) is None  # a redirect
    assert MARK.trouble(b"", MARK.echo(7)) is None


@pytest.mark.parametrize("host", ["router.example", "192.0.2.1", "2001:db8::1", "fe80::1%eth0"])
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert IcmpConfig.model_validate({"icmp": host}).icmp == host


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"icmp": "router.example:80"}, "String should match pattern"),
        ({"icmp": "https://router.example"}, "String should match pattern"),
        ({"packets": 0}, "greater than or equal to 1"),
        ({"packets": 21}, "less than or equal to 20"),
        ({"ip": 5}, "4 or 6"),
        ({"expect": {"loss_at_most": "100%"}}, "less than 100%"),
        ({"expect": {"rtt_at_most": "0s"}}, "longer than nothing"),
    ],
)
def test_a_mistake_is_told_in_words(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        IcmpConfig.model_validate({"icmp": "router.example", **settings})

    assert said in str(caught.value)
