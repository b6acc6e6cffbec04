"""Ask a real PostgreSQL, over a relay that tests can break, and servers that are none."""

import asyncio
import socket
import struct
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import trustme
from pydantic import ValidationError

from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Address, Resolver
from collectors.sql import SqlConfig, SqlProbe
from slo.exposition import Page
from tests.collectors.wire import SHORT, TIMEOUT, Server, Talk, hang, look, server_context
from tests.conftest import PostgresServer

POOL = "SELECT count(*) / 200.0 FROM pg_stat_activity"


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[str]:
    name = postgres.create("template0")
    yield name
    postgres.drop(name)


def relay(postgres: PostgresServer) -> Talk:
    """To the server's socket: it listens on no port."""
    folder = parse_qs(urlsplit(postgres.url("x")).query)["host"][0]

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
        try:
            await asyncio.gather(pass_on(reader, forth), pass_on(back, writer))
        finally:
            forth.transport.abort()

    return talk


def probe(
    port: int, database: str = "shop", timeout: timedelta = TIMEOUT, **settings: object
) -> SqlProbe:
    raw = {"sql": f"postgresql://127.0.0.1:{port}/{database}", "username": "postgres", **settings}
    means = Means(timedelta(seconds=10), timeout, Resolver())
    return SqlProbe("shop/db", SqlConfig.model_validate(raw), means)


@asynccontextmanager
async def server(postgres: PostgresServer) -> AsyncIterator[int]:
    async with Server(relay(postgres)) as running:
        yield running.port


async def ask(
    postgres: PostgresServer,
    database: str,
    query: str,
    timeout: timedelta = TIMEOUT,
    **more: object,
) -> Observation:
    async with server(postgres) as port:
        return await look(probe(port, database, timeout, queries={"answer": query}, **more))


def values(page: Page | None) -> dict[str, int | float]:
    assert page is not None
    return {str(series): sample.value for series, sample in page.samples.items()}


async def test_answers_are_values_and_their_times_too(
    postgres: PostgresServer, database: str
) -> None:
    async with server(postgres) as port:
        queries = {"used": POOL, "big": "SELECT 9007199254740993", "replica": "SELECT false"}
        seen = await look(probe(port, database, queries=queries, expect={"used": {"below": 1}}))

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    told = values(seen.page)
    assert 0 < told["used"] < 1
    assert (told["big"], told["replica"]) == (9007199254740993, 0)
    assert told['sql_query_seconds{query="used"}'] > 0
    assert {Phase.RESOLVE, Phase.CONNECT, Phase.PROCESSING} <= set(seen.phases)
    assert seen.address == "127.0.0.1"


async def test_without_a_query_it_answers_one_all_the_same(
    postgres: PostgresServer, database: str
) -> None:
    async with server(postgres) as port:
        seen = await look(probe(port, database))

    assert (seen.outcome, values(seen.page)) == (Outcome.PASSED, {})


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT 1 WHERE false", "gave no row"),
        ("SELECT NULL::int", "gave null"),
        ("SELECT 1, 2", "gave more than one value"),
        ("SELECT generate_series(1, 100000000)", "gave more than one value"),
        ("SELECT now()", "gave no number"),
    ],
)
async def test_what_is_no_number_is_absent_and_never_nought(
    postgres: PostgresServer, database: str, query: str, why: str
) -> None:
    seen = await ask(postgres, database, query)

    assert seen.page is not None
    assert seen.page.absent == {"answer": f"the query answer {why}"}
    assert "answer" not in values(seen.page)


async def test_what_is_not_as_expected_fails_and_is_read_all_the_same(
    postgres: PostgresServer, database: str
) -> None:
    seen = await ask(postgres, database, "SELECT 85", expect={"answer": {"below": 80}})

    assert (seen.outcome, seen.cause, seen.phase) == (Outcome.FAILED, Cause.ASSERTION, Phase.JUDGE)
    assert seen.detail == "answer is 85; expected a number below 80"
    assert values(seen.page)["answer"] == 85


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1 FROM nothing", 'relation "nothing" does not exist'),
        ("SELECT 1/0", "division by zero"),
        ("SELECT setval('s', 1) FROM (SELECT pg_notify('a', 'b')) x", "does not exist"),
        ("WITH x AS (DELETE FROM pg_class RETURNING 1) SELECT * FROM x", "read-only transaction"),
        ("SELECT lo_create(0)", "read-only transaction"),
    ],
)
async def test_a_query_that_fails_or_writes_is_told_in_the_servers_words(
    postgres: PostgresServer, database: str, query: str, said: str
) -> None:
    seen = await ask(postgres, database, query)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.STATUS)
    assert seen.detail.startswith("the query answer was answered ")
    assert said in seen.detail


async def test_a_slow_query_is_cut_off(postgres: PostgresServer, database: str) -> None:
    seen = await ask(postgres, database, "SELECT 1 FROM pg_sleep(60)", timedelta(seconds=1))

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.TIMEOUT,
        Phase.PROCESSING,
    )


async def test_a_server_that_falls_silent_after_the_sign_in_is_cut_off(
    postgres: PostgresServer, database: str
) -> None:
    talk = relay(postgres)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        only = asyncio.StreamReader()
        only.feed_data(await reader.read(65536))
        await talk(only, writer)

    async with Server(silent) as running:
        seen = await look(probe(running.port, database, timedelta(seconds=1)))

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.TIMEOUT,
        Phase.PROCESSING,
    )
    assert seen.duration < timedelta(seconds=5)


async def test_whom_the_server_will_not_have_is_told_so_without_the_password(
    postgres: PostgresServer, database: str
) -> None:
    async with server(postgres) as port:
        nobody = await look(probe(port, database, username="hush-1", password="hush-1"))
        nowhere = await look(probe(port, "nowhere"))

    assert (nobody.outcome, nobody.cause) == (Outcome.FAILED, Cause.STATUS)
    assert "does not exist" in nobody.detail
    assert "hush" not in nobody.detail
    assert 'database "nowhere" does not exist' in nowhere.detail


async def test_a_server_that_is_not_there_hangs_or_is_another_is_down() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await reader.read()

    gone = await look(probe(1))
    async with Server(hang) as running:
        hung = await look(probe(running.port, timeout=SHORT))
    async with Server(other) as running:
        foreign = await look(probe(running.port))

    assert (gone.outcome, gone.cause) == (Outcome.FAILED, Cause.CONNECT)
    assert (hung.outcome, hung.cause) == (Outcome.FAILED, Cause.TIMEOUT)
    assert foreign.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sql": "oracle://db.example/shop"}, "begins with postgresql://, mysql:// or mariadb://"),
        ({"sql": "postgresql://u:hush@db.example/shop"}, "write username and password"),
        ({"sql": "postgresql://db.example"}, "with host and database"),
        ({"queries": {"a": "DELETE FROM x"}}, "one SELECT"),
        ({"queries": {"a": "SELECT 1; COMMIT"}}, "without a semicolon"),
        ({"expect": {"a": 1}}, "which no query does"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], said: str) -> None:
    raw = {"sql": "postgresql://db.example/shop", "username": "nines", **settings}
    with pytest.raises(ValidationError, match=said) as caught:
        SqlConfig.model_validate(raw)
    assert "hush" not in str(caught.value)


async def test_a_password_of_our_own_environment_is_sent_to_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    came = bytearray()

    async def asks_in_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"R\0\0\0\x08\0\0\0\x03")  # AuthenticationCleartextPassword
        await writer.drain()
        came.extend(await reader.read(4096))

    monkeypatch.setenv("PGPASSWORD", "hush-own")
    async with Server(asks_in_clear) as running:
        seen = await look(probe(running.port))

    assert seen.outcome is Outcome.FAILED
    assert b"hush" not in came


async def test_a_resolver_of_ours_that_does_not_answer_is_our_failure() -> None:
    def away(*_: object) -> list[Address]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    raw = {"sql": "postgresql://db.example/shop", "username": "nines"}
    means = Means(timedelta(seconds=10), TIMEOUT, Resolver(away))
    seen = await look(SqlProbe("shop/db", SqlConfig.model_validate(raw), means))

    assert seen.outcome is Outcome.UNKNOWN
    assert "our own resolver did not answer" in seen.detail


async def test_a_huge_value_is_refused_before_it_comes(
    postgres: PostgresServer, database: str
) -> None:
    tracemalloc.start()
    try:
        seen = await ask(postgres, database, "SELECT repeat('x', 100000000)")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert seen.detail.endswith("more than 1MiB would come (the query answer)")
    assert most < 8 << 20


async def test_connections_are_counted_where_something_reads_them(
    postgres: PostgresServer, database: str
) -> None:
    async with server(postgres) as port:
        raw = {"sql": f"postgresql://127.0.0.1:{port}/{database}", "username": "postgres"}
        wanted = frozenset({"sql_connections_used_ratio"})
        means = Means(timedelta(seconds=10), TIMEOUT, Resolver(), wanted)
        seen = await look(SqlProbe("shop/db", SqlConfig.model_validate(raw), means))

    told = values(seen.page)
    assert told["sql_connections"] >= 1
    ratio = told["sql_connections"] / told["sql_connections_max"]
    assert told["sql_connections_used_ratio"] == ratio


@pytest.fixture(scope="module")
def users(postgres: PostgresServer) -> Iterator[None]:
    """A user for each way to sign in; the password of all is `hush`, with a soft hyphen in it."""
    ways = {"scram_user": "scram-sha-256", "md5_user": "md5", "clear_user": "password"}
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        file = Path(row[0])
        before = file.read_text()
        lines = "".join(f"local all {user} {way}\n" for user, way in ways.items())
        file.write_text(lines + before)
        for user in ways:
            kind = "md5" if user == "md5_user" else "scram-sha-256"
            connection.execute(f"SET password_encryption = '{kind}'".encode())
            connection.execute(f"CREATE USER {user} PASSWORD 'hu\u00adsh'".encode())
        connection.execute("SELECT pg_reload_conf()")
        yield
        file.write_text(before)
        for user in ways:
            connection.execute(f"DROP USER {user}".encode())
        connection.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("user", ["scram_user", "md5_user", "clear_user"])
@pytest.mark.usefixtures("users")
async def test_each_way_to_sign_in_is_known(
    postgres: PostgresServer, database: str, user: str
) -> None:
    async with server(postgres) as port:
        right = await look(probe(port, database, username=user, password="hu\u00adsh"))
        wrong = await look(probe(port, database, username=user, password="hush-2"))

    assert (right.outcome, right.detail) == (Outcome.PASSED, "")
    assert (wrong.outcome, wrong.cause) == (Outcome.FAILED, Cause.STATUS)
    assert "FATAL 28P01: password authentication failed" in wrong.detail
    assert "hush" not in wrong.detail


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


@pytest.mark.parametrize(
    ("came", "outcome", "cause", "said"),
    [
        (
            message(b"E", b"SSCHWERWIEGEND\0C53300\0MZu viele Verbindungen\0\0"),
            Outcome.FAILED,
            Cause.STATUS,
            "SCHWERWIEGEND 53300: Zu viele Verbindungen",
        ),
        (message(b"R", b"\0\0\0\x07"), Outcome.UNKNOWN, None, "sign in by GSSAPI"),
        (message(b"R", b"\0\0\0\x0c"), Outcome.FAILED, Cause.PROTOCOL, "does not prove"),
        (message(b"R", b"\0\0\0\x0br=x,s=,i=9"), Outcome.FAILED, Cause.PROTOCOL, "not an answer"),
        (b"HTTP/1.1 400", Outcome.FAILED, Cause.PROTOCOL, "it begins with b'HTTP/'"),
        (b"E\x7f\xff\xff\xff", Outcome.FAILED, Cause.PROTOCOL, "more than 1MiB would come"),
        (b"R\0", Outcome.FAILED, Cause.PROTOCOL, "the connection broke"),
    ],
)
async def test_what_is_said_at_the_door_is_told_by_its_code(
    came: bytes, outcome: Outcome, cause: Cause | None, said: str
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(came)
        writer.write_eof()
        await reader.read()

    async with Server(talk) as running:
        seen = await look(probe(running.port, password="hush"))

    assert (seen.outcome, seen.cause) == (outcome, cause)
    assert said in seen.detail


async def test_under_tls_the_certificate_is_checked_and_told(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    authority, behind = trustme.CA(), relay(postgres)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = server_context(authority)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == b"\0\0\0\x08\x04\xd2\x16\x2f"
        writer.write(b"S")
        await writer.start_tls(context)
        await behind(reader, writer)

    async def without(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"N")
        await reader.read()

    async def smuggles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"S" + message(b"R", b"\0\0\0\0"))
        await reader.read()

    trusting: dict[str, Any] = {"tls": {"ca_file": str(tmp_path / "ca.pem")}}
    async with Server(talk) as running:
        good = await look(probe(running.port, database, **trusting))
        foreign = await look(probe(running.port, database, tls={}))
    async with Server(without) as running:
        clear = await look(probe(running.port, database, **trusting))
    async with Server(smuggles) as running:
        smuggled = await look(probe(running.port, database, **trusting))

    assert (good.outcome, good.detail) == (Outcome.PASSED, "")
    assert good.tls_version == "TLSv1.3"
    assert good.leaf_expires is not None
    assert (foreign.outcome, foreign.cause, foreign.phase) == (
        Outcome.FAILED,
        Cause.CERTIFICATE,
        Phase.TLS,
    )
    assert (clear.outcome, clear.cause) == (Outcome.FAILED, Cause.TLS)
    assert (smuggled.outcome, smuggled.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert "in clear" in smuggled.detail
