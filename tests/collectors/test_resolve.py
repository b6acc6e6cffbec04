"""Looking names up off the event loop, in bounded company."""

import asyncio
import resource
import socket
import threading
from collections.abc import Sequence

import pytest

from collectors.failure import translate
from collectors.observation import Outcome, Phase
from collectors.resolve import Address, Resolver, system_lookup


class Names:
    """A resolver that answers when it is let."""

    def __init__(self) -> None:
        self.let = threading.Semaphore(0)
        self.asked: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        with self._lock:
            self.asked.append(host)
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
        self.let.acquire(timeout=30)
        with self._lock:
            self.at_once -= 1
        return [Address(socket.AF_INET, ("192.0.2.1", port))]


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "resolve"]


async def test_an_address_is_taken_without_asking_anybody() -> None:
    names = Names()
    found = await Resolver(names).resolve("::1", 443)

    assert [str(address) for address in found] == ["::1"]
    assert names.asked == []


async def test_a_name_is_looked_up() -> None:
    names = Names()
    names.let.release()

    (found,) = await Resolver(names).resolve("shop.example", 443)

    assert (str(found), found.sockaddr) == ("192.0.2.1", ("192.0.2.1", 443))


async def test_localhost_is_known_to_the_system() -> None:
    found = await Resolver().resolve("localhost", 80)

    assert {str(address) for address in found} <= {"127.0.0.1", "::1"}
    assert found


async def test_without_a_file_descriptor_the_system_says_nothing_of_the_name() -> None:
    system_lookup("localhost", 80)  # whatever Python opens for a first lookup is open from here on
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(socket.gaierror) as raised:
            system_lookup("localhost", 80)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    outcome, cause, sentence = translate(raised.value, Phase.RESOLVE)
    assert (outcome, cause) == (Outcome.UNKNOWN, None)
    assert "our own resolver" in sentence


async def test_lookups_at_once_are_bounded_and_all_are_answered() -> None:
    names = Names()
    resolver = Resolver(names, lookups_at_once=3)
    names.let.release(10)
    await asyncio.gather(*(resolver.resolve(f"shop{n}.example", 80) for n in range(10)))

    assert len(names.asked) == 10
    assert names.most_at_once <= 3


async def test_a_lookup_given_up_while_it_waits_is_never_made() -> None:
    names = Names()
    resolver = Resolver(names, lookups_at_once=1)
    first = asyncio.create_task(resolver.resolve("first.example", 80))
    await asyncio.sleep(0)
    second = asyncio.create_task(resolver.resolve("second.example", 80))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    names.let.release(2)
    await first

    assert names.asked == ["first.example"]


async def test_threads_go_home_when_nothing_is_left_to_do() -> None:
    names = Names()
    names.let.release()
    await Resolver(names).resolve("shop.example", 80)
    for thread in threads():
        thread.join(10)

    assert threads() == []


def test_an_answer_that_comes_after_the_event_loop_is_gone_harms_nobody() -> None:
    names = Names()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await Resolver(names).resolve("shop.example", 80)

    asyncio.run(give_up())
    late = threads()
    names.let.release()
    for thread in late:
        thread.join(10)

    assert late  # an exception in one of them would be a warning, and so an error
    assert threads() == []


def test_an_ipv6_endpoint_has_its_address_in_brackets() -> None:
    address = Address(socket.AF_INET6, ("2001:db8::1", 443, 0, 0))

    assert address.endpoint == "[2001:db8::1]:443"
