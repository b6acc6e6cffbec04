"""What holds for every kind that asks a target, whatever it speaks."""

import asyncio
import errno
import resource
import socket
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from collectors.kinds import KINDS, CollectorConfig
from collectors.means import Means
from collectors.observation import Cause, Outcome, Phase
from collectors.resolve import Address, Resolver
from collectors.runnable import Runnable
from collectors.settings import CollectorSettings
from tests.collectors.wire import SHORT, TIMEOUT, Server, Talk, hang, look

_SIGN_IN = {"username": "nines", "password": "hush"}
_GAUGE = {"x": {"path": "$.x", "type": "gauge"}}
# By kind, how a target at {} is written; `tcp` hears nothing unless it expects something.
TARGETS: dict[str, dict[str, Any]] = {
    "amqp": {"amqp": "{}", **_SIGN_IN},
    "dns": {"dns": "shop.example", "server": "{}", "transport": "tcp"},
    "grpc": {"grpc": "{}"},
    "http": {"http": "http://{}/"},
    "http by httpx": {"http": "http://{}/", "version": 2},
    "https": {"http": "https://{}/"},
    "json": {"json": "http://{}/", "metrics": _GAUGE},
    "kafka": {"kafka": "{}"},
    "log_search": {"log_search": "http://{}/", "index": "x", "metrics": {"x_total": {}}},
    "mongodb": {"mongodb": "{}"},
    "prometheus": {"prometheus": "http://{}/"},
    "promql": {"promql": "http://{}/", "queries": {"x": {"query": "up", "type": "gauge"}}},
    "redis": {"redis": "{}"},
    "smtp": {"smtp": "{}"},
    "sql on postgresql": {"sql": "postgresql://{}/shop", **_SIGN_IN},
    "sql on mysql": {"sql": "mysql://{}/shop", **_SIGN_IN},
    "ssh": {"ssh": "{}"},
    "steps": {"steps": [{"name": "open", "url": "http://{}/"}]},
    "tcp": {"tcp": "{}", "expect": "ready"},
    "tls": {"tls": "{}"},
    "websocket": {"websocket": "ws://{}/"},
}
every = pytest.mark.parametrize("kind", TARGETS)
_READ: TypeAdapter[CollectorSettings] = TypeAdapter(CollectorConfig)


def filled(written: Any, endpoint: str) -> Any:  # noqa: ANN401 - as in YAML
    if isinstance(written, str):
        return written.replace("{}", endpoint)
    if isinstance(written, list):
        return [filled(one, endpoint) for one in written]
    if isinstance(written, dict):
        return {key: filled(one, endpoint) for key, one in written.items()}
    return written


def made(
    kind: str, endpoint: str, *, timeout: timedelta = TIMEOUT, resolver: Resolver | None = None
) -> Runnable:
    config = _READ.validate_python(filled(TARGETS[kind], endpoint))
    means = Means(timedelta(seconds=10), timeout, resolver or Resolver(), frozenset({"x"}))
    return KINDS[kind.partition(" ")[0].replace("https", "http")].make("shop/it", config, means)


class Names:
    """A resolver that knows one name, takes its time, and counts."""

    def __init__(self, *found: str, takes: float = 0, trouble: OSError | None = None) -> None:
        self.asked = 0
        self._found, self._takes, self._trouble = found, takes, trouble

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        del host
        self.asked += 1
        time.sleep(self._takes)
        if self._trouble is not None:
            raise self._trouble
        return [Address(socket.AF_INET, (one, port)) for one in self._found]


async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    while True:
        writer.write(b"z" * 65_536)
        await writer.drain()


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader, writer


def test_none_is_forgotten() -> None:
    kinds = {name.partition(" ")[0].replace("https", "http") for name in TARGETS}
    assert set(KINDS) - kinds == {"heartbeat", "icmp", "log", "push", "otlp", "remote_write"}


@every
async def test_a_target_that_says_nothing_is_down_when_the_timeout_has_passed(kind: str) -> None:
    async with Server(hang) as server:
        seen = await look(made(kind, f"127.0.0.1:{server.port}", timeout=SHORT))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.TIMEOUT)
    assert SHORT - timedelta(milliseconds=5) <= seen.duration < SHORT + timedelta(seconds=2)


@every
@pytest.mark.parametrize("talk", [floods, hangs_up])
async def test_a_target_that_talks_nonsense_is_down_by_one_try(kind: str, talk: Talk) -> None:
    async with Server(talk) as server:
        seen = await look(made(kind, f"127.0.0.1:{server.port}"))
        tries = server.connections

    assert seen.outcome is Outcome.FAILED, seen.detail
    assert seen.detail
    assert timedelta(0) < seen.duration < TIMEOUT
    assert tries == 1


@every
async def test_a_name_that_is_not_there_took_its_time(kind: str) -> None:
    gone = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    names = Names(takes=0.02, trouble=gone)
    seen = await look(made(kind, "gone.example:1", resolver=Resolver(names)))

    assert (seen.outcome, seen.cause, seen.phase) == (Outcome.FAILED, Cause.DNS, Phase.RESOLVE)
    assert seen.duration >= timedelta(milliseconds=20)


@every
@pytest.mark.parametrize(
    "trouble",
    [
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        OSError(errno.EMFILE, "Too many open files"),
    ],
    ids=["it is away", "no descriptor"],
)
async def test_a_resolver_of_ours_that_fails_is_no_downtime(kind: str, trouble: OSError) -> None:
    names = Names(trouble=trouble)
    seen = await look(made(kind, "shop.example:1", resolver=Resolver(names)))

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)


@every
async def test_each_run_asks_for_the_name_anew_and_once(kind: str) -> None:
    names = Names("127.0.0.1")
    async with Server(hangs_up) as server:
        probe = made(kind, f"shop.example:{server.port}", resolver=Resolver(names))
        for runs in (1, 2):
            await look(probe)
            assert (names.asked, server.connections) == (runs, runs)


@every
async def test_the_address_that_is_told_is_the_one_that_was_dialled(kind: str) -> None:
    names = Names("127.0.0.3", "127.0.0.2")
    async with Server(hangs_up, at=("127.0.0.2", 0)) as server:
        seen = await look(made(kind, f"shop.example:{server.port}", resolver=Resolver(names)))
        assert server.connections == 1

    assert (seen.outcome, seen.address) == (Outcome.FAILED, "127.0.0.2"), seen.detail


@every
async def test_no_file_descriptor_left_is_no_downtime(kind: str) -> None:
    async with Server(hangs_up) as server:
        probe = made(kind, f"127.0.0.1:{server.port}")
        await look(probe)  # what is opened for a first run alone is open now
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            seen = await look(probe)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None), seen.detail
