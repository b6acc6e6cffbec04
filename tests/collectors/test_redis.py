"""Probe a real redis-server, and servers that say what Redis says in trouble."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.redis import RedisConfig, RedisProbe, read_info
from collectors.resolve import Resolver
from nines.clock import SystemClock
from slo.exposition import Page
from tests.collectors.clockwork import START, Clockwork
from tests.collectors.wire import DUE, SHORT, TIMEOUT, Server, Talk, hang, look
from tests.daemons import daemon, listens
from tests.web.ports import free_port

real = pytest.mark.needs("redis-server")


@dataclass(frozen=True)
class Running:
    port: int
    tls_port: int
    ca_file: str


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with a password, an ordinary user `nines`, and a port for TLS."""
    home = tmp_path_factory.mktemp("redis")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(home / "ca.pem"))
    issued.private_key_and_cert_chain_pem.write_to_path(str(home / "server.pem"))
    port, tls_port = free_port(), free_port()
    arguments = [
        *("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(home)),
        *("--save", "", "--requirepass", "hush", "--maxmemory", "100mb"),
        *("--user", "nines", "on", ">quiet", "+ping", "+info"),
        *("--user", "blind", "on", ">quiet", "+ping"),
        *("--tls-port", str(tls_port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(home / "server.pem"), "--tls-key-file", str(home / "server.pem")),
        *("--tls-ca-cert-file", str(home / "ca.pem")),
    ]
    with daemon(arguments, partial(listens, port), home / "log"):
        yield Running(port, tls_port, str(home / "ca.pem"))


def probe(port: int, timeout: timedelta = TIMEOUT, **settings: object) -> RedisProbe:
    config = RedisConfig.model_validate({"redis": f"127.0.0.1:{port}", **settings})
    return RedisProbe("shop/cache", config, Means(timedelta(seconds=10), timeout, Resolver()))


async def against(talk: Talk, timeout: timedelta = TIMEOUT, **settings: object) -> Observation:
    async with Server(talk) as server:
        return await look(probe(server.port, timeout, **settings))


def values(page: Page | None) -> dict[str, int | float]:
    assert page is not None
    return {str(series): sample.value for series, sample in page.samples.items()}


def command(port: int, *words: str) -> None:
    subprocess.run(
        ["/usr/bin/redis-cli", "-p", str(port), "--no-auth-warning", "-a", "hush", *words],
        check=True,
        capture_output=True,
        timeout=20,
    )


@real
async def test_a_server_that_answers_passes_with_what_it_tells_of_itself(redis: Running) -> None:
    before = values((await look(probe(redis.port, password="hush"))).page)
    command(redis.port, "SET", "k", "v")
    command(redis.port, "GET", "k")
    command(redis.port, "GET", "nobody")

    seen = await look(probe(redis.port, password="hush", expect={"role": "master"}))

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    after = values(seen.page)
    assert after["redis_keyspace_hits"] - before["redis_keyspace_hits"] == 1
    assert after["redis_keyspace_misses"] - before["redis_keyspace_misses"] == 1
    assert after["redis_is_master"] == 1
    assert after["redis_maxmemory"] == 100 << 20
    assert after["redis_memory_used_ratio"] == after["redis_used_memory"] / (100 << 20)
    assert after['redis_db_keys{db="db0"}'] == 1
    assert {Phase.CONNECT, Phase.PROCESSING, Phase.TRANSFER, Phase.JUDGE} <= set(seen.phases)
    assert seen.page is not None
    assert abs((seen.page.process_start or 0) - seen.started.timestamp()) < 300


@real
async def test_a_server_is_one_process_run_after_run(redis: Running) -> None:
    one, clock = probe(redis.port, password="hush"), SystemClock()

    pages = [(await one.run(DUE, clock)).page for _ in range(2)]

    assert pages[0] is not None
    assert pages[1] is not None
    assert pages[0].process_start == pages[1].process_start


async def test_a_restart_is_seen_by_the_uptime() -> None:
    uptimes = [5000, 5060, 3]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(b"+PONG\r\n")
        await reader.readuntil(b"INFO\r\n")
        told = b"uptime_in_seconds:%d\r\nkeyspace_hits:7\r\n" % uptimes.pop(0)
        writer.write(b"$%d\r\n%b\r\n" % (len(told), told))
        await reader.read()

    clock, starts = Clockwork(), []
    async with Server(talk) as server:
        one = probe(server.port)
        for _ in range(3):
            page = (await one.run(DUE, clock)).page
            assert page is not None
            starts.append(page.process_start)
            await clock.advance(60)

    began = START.timestamp()
    assert starts == [began - 5000, began - 5000, began + 117]


@real
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "the server answered 'NOAUTH Authentication required.'"),
        ({"password": "wrong"}, "the server answered 'WRONGPASS "),
        ({"username": "blind", "password": "quiet"}, 'the server answered "NOPERM '),
    ],
)
async def test_who_may_not_ask_is_told_so(
    redis: Running, settings: dict[str, Any], said: str
) -> None:
    seen = await look(probe(redis.port, **settings))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.STATUS)
    assert seen.detail.startswith(said)


@real
async def test_users_with_few_rights_are_enough(redis: Running) -> None:
    reads = await look(probe(redis.port, username="nines", password="quiet"))
    pings = await look(probe(redis.port, username="blind", password="quiet", info=False))

    assert (reads.outcome, pings.outcome) == (Outcome.PASSED, Outcome.PASSED)
    assert pings.page is None


@real
async def test_what_is_not_as_expected_fails_and_is_read_all_the_same(redis: Running) -> None:
    seen = await look(
        probe(redis.port, password="hush", expect={"connected_clients": {"below": 1}})
    )

    assert (seen.outcome, seen.cause, seen.phase) == (Outcome.FAILED, Cause.ASSERTION, Phase.JUDGE)
    assert seen.detail == "connected_clients is 1; expected a number below 1"
    assert values(seen.page)["redis_connected_clients"] == 1


@real
async def test_tls_is_spoken_where_it_is_asked_for_and_checked(redis: Running) -> None:
    trusted = await look(probe(redis.tls_port, password="hush", tls={"ca_file": redis.ca_file}))
    foreign = await look(probe(redis.tls_port, password="hush", tls={}))
    clear = await look(probe(redis.port, SHORT, password="hush", tls={}))

    assert (trusted.outcome, trusted.tls_version) == (Outcome.PASSED, "TLSv1.3")
    assert trusted.certificate_expires is not None
    assert (foreign.outcome, foreign.cause) == (Outcome.FAILED, Cause.CERTIFICATE)
    assert (clear.outcome, clear.cause, clear.phase) == (Outcome.FAILED, Cause.TIMEOUT, Phase.TLS)


@real
async def test_a_replica_whose_master_is_gone_says_so(tmp_path: Path) -> None:
    port = free_port()
    arguments = [
        *("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)),
        *("--save", "", "--replicaof", "127.0.0.1 1"),
    ]
    with daemon(arguments, partial(listens, port), tmp_path / "log"):
        seen = await look(probe(port, expect={"master_link_up": 1}))

    assert seen.detail == "master_link_up is 0; expected 1"
    assert values(seen.page)["redis_is_master"] == 0


def says(*answers: bytes) -> Talk:
    left = list(answers)

    async def talk(reader: object, writer: object) -> None:
        while left and await reader.read(4096):  # type: ignore[attr-defined]
            writer.write(left.pop(0))  # type: ignore[attr-defined]
            await writer.drain()  # type: ignore[attr-defined]

    return talk


@pytest.mark.parametrize(
    ("answers", "cause", "said"),
    [
        ([b"-LOADING Redis is loading the dataset in memory\r\n"], Cause.STATUS, "LOADING Redis"),
        ([b"-ERR max number of clients reached\r\n"], Cause.STATUS, "max number of clients"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], Cause.PROTOCOL, "begins with 'HTTP/1.1 400"),
        ([b"+PONG\r\n", b"$999999999\r\n"], Cause.PROTOCOL, "has 999999999 bytes; at most"),
        ([b"+PONG\r\n", b"$3\r\nabcd\r\n"], Cause.PROTOCOL, "does not end where it says"),
        ([b"+PONG\r\n", b"$-1\r\n"], Cause.PROTOCOL, "begins with '$-1'"),
        ([b"+WHAT\r\n"], Cause.PROTOCOL, "PING was answered with 'WHAT'"),
        ([b"+" + b"x" * 200_000], Cause.PROTOCOL, "a line is longer than"),
        ([b"+PONG\r\n", b"$100\r\nhalf"], Cause.PROTOCOL, "the connection broke"),
    ],
)
async def test_a_bad_answer_is_told_in_words(answers: list[bytes], cause: Cause, said: str) -> None:
    seen = await against(says(*answers))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, cause)
    assert said in seen.detail
    assert seen.page is None


async def test_a_server_that_echoes_the_password_does_not_make_us_tell_it() -> None:
    seen = await against(says(b"-ERR unknown user hush-hush\r\n"), password="hush-hush")

    assert seen.detail == "the server answered 'ERR unknown user ***'"


async def test_a_server_that_hangs_or_is_not_there_is_down() -> None:
    hung = await against(hang, SHORT)
    gone = await look(probe(1))

    assert (hung.outcome, hung.cause, hung.phase) == (
        Outcome.FAILED,
        Cause.TIMEOUT,
        Phase.PROCESSING,
    )
    assert (gone.outcome, gone.cause) == (Outcome.FAILED, Cause.CONNECT)


def test_replicas_and_databases_are_told_apart() -> None:
    facts, labelled = read_info(
        "# Replication\r\nrole:master\r\nredis_version:7.0.15\r\nversion_hash:1e5\r\n"
        "slave0:ip=192.0.2.7,port=6379,state=online,offset=40,lag=1\r\n"
        "db3:keys=9,expires=2,avg_ttl=0\r\nmaxmemory:0\r\nused_memory:5\r\nodd\r\n"
    )

    assert facts["redis_version"] == "7.0.15"
    assert "memory_used_ratio" not in facts
    assert {str(series): sample.value for series, sample in labelled.items()} == {
        'redis_replica_lag{replica="192.0.2.7:6379"}': 1,
        'redis_replica_offset{replica="192.0.2.7:6379"}': 40,
        'redis_db_keys{db="db3"}': 9,
        'redis_db_expires{db="db3"}': 2,
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"username": "x"}, "of no use without password"),
        ({"info": False, "expect": {"role": "master"}}, "needs `info: true`"),
        ({"redis": "redis://x"}, "is not a target"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RedisConfig.model_validate({"redis": "cache.example:6379", **settings})
