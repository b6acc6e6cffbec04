"""Ask a real MariaDB, and servers that are none."""

import asyncio
import subprocess
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import trustme

from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from collectors.sql import SqlConfig, SqlProbe
from slo.exposition import Page
from tests.collectors.wire import SHORT, TIMEOUT, Server, Talk, hang, look
from tests.daemons import daemon, listens
from tests.web.ports import free_port

real = pytest.mark.needs("mariadb-server")
SETUP = """
    CREATE DATABASE shop;
    CREATE SEQUENCE shop.numbers;
    CREATE TABLE shop.orders (state VARCHAR(9)) ENGINE=InnoDB;
    INSERT INTO shop.orders VALUES ('open'), ('open'), ('done');
    CREATE USER nines@'%' IDENTIFIED BY 'hush';
    GRANT ALL ON shop.* TO nines@'%';
    CREATE USER safe@'%' IDENTIFIED BY 'hush' REQUIRE SSL;
    GRANT SELECT ON shop.* TO safe@'%';
"""


@dataclass(frozen=True)
class Running:
    port: int
    ca_file: str


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server on the loopback with a database `shop`; whoever uses it may write, too."""
    home = tmp_path_factory.mktemp("mariadb")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(home / "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(str(home / "server.pem"))
    issued.private_key_pem.write_to_path(str(home / "key.pem"))
    data, port = home / "data", free_port()
    own = ["--no-defaults", f"--datadir={data}", "--user=root"]
    install = ["mariadb-install-db", *own, "--auth-root-authentication-method=normal"]
    subprocess.run([*install, "--skip-test-db"], check=True, capture_output=True, timeout=120)
    socket = home / "s"
    arguments = [
        *("/usr/sbin/mariadbd", *own, f"--socket={socket}", f"--port={port}"),
        *("--bind-address=127.0.0.1", f"--pid-file={home / 'pid'}", "--skip-name-resolve"),
        *("--innodb-flush-log-at-trx-commit=0", "--max-allowed-packet=256M"),
        *(f"--ssl-cert={home / 'server.pem'}", f"--ssl-key={home / 'key.pem'}"),
    ]
    with daemon(arguments, partial(listens, port), home / "log"):
        client = ["mariadb", "--no-defaults", f"--socket={socket}", "--user=root"]
        subprocess.run(client, input=SETUP.encode(), check=True, capture_output=True, timeout=60)
        yield Running(port, str(home / "ca.pem"))


def probe(
    port: int,
    timeout: timedelta = TIMEOUT,
    wanted: frozenset[str] = frozenset(),
    **settings: Any,  # noqa: ANN401 - as it is written
) -> SqlProbe:
    raw = {
        "sql": f"mariadb://127.0.0.1:{port}/shop",
        "username": "nines",
        "password": "hush",
        **settings,
    }
    means = Means(timedelta(seconds=10), timeout, Resolver(), wanted)
    return SqlProbe("shop/db", SqlConfig.model_validate(raw), means)


async def ask(running: Running, query: str, timeout: timedelta = TIMEOUT) -> Observation:
    return await look(probe(running.port, timeout, queries={"answer": query}))


def values(page: Page | None) -> dict[str, int | float]:
    assert page is not None
    return {str(series): sample.value for series, sample in page.samples.items()}


@real
async def test_answers_are_values_and_their_times_too(mariadb: Running) -> None:
    queries = {
        "open_orders": "SELECT count(*) FROM orders WHERE state = 'open'",
        "big": "SELECT 9007199254740993",
        "part": "SELECT 1/4",
        "state": "SELECT 'open'",
    }
    expect = {"open_orders": {"below": 3}, "state": "open"}
    wanted = frozenset({"sql_connections"})
    seen = await look(probe(mariadb.port, wanted=wanted, queries=queries, expect=expect))

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    told = values(seen.page)
    assert (told["open_orders"], told["big"], told["part"]) == (2, 9007199254740993, 0.25)
    assert told['sql_query_seconds{query="big"}'] > 0
    assert told["sql_connections"] >= 1
    assert told["sql_connections_used_ratio"] == told["sql_connections"] / 151
    assert {Phase.RESOLVE, Phase.CONNECT, Phase.PROCESSING} <= set(seen.phases)


@real
@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT 1 WHERE false", "gave no row"),
        ("SELECT NULL", "gave null"),
        ("SELECT 1, 2", "gave more than one value"),
        ("SELECT seq FROM seq_1_to_100000000", "gave more than one value"),
        ("SELECT now()", "gave no number"),
    ],
)
async def test_what_is_no_number_is_absent_and_never_nought(
    mariadb: Running, query: str, why: str
) -> None:
    seen = await ask(mariadb, query)

    assert seen.page is not None
    assert seen.page.absent == {"answer": f"the query answer {why}"}


@real
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1 FROM nothing", "1146: Table 'shop.nothing' doesn't exist"),
        ("SELECT * FROM orders FOR UPDATE, 1", "1064: "),
        ("SELECT user FROM mysql.user", "1142: "),
        ("SELECT nextval(shop.numbers)", "1792: Cannot execute statement in a READ ONLY"),
    ],
)
async def test_a_query_that_fails_is_told_in_the_servers_words(
    mariadb: Running, query: str, said: str
) -> None:
    seen = await ask(mariadb, query)

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.STATUS,
        Phase.PROCESSING,
    )
    assert seen.detail.startswith("the query answer was answered ")
    assert said in seen.detail


@real
async def test_a_slow_query_is_cut_off(mariadb: Running) -> None:
    query = "SELECT count(*) FROM seq_1_to_99999999999 WHERE seq % 7 = 3"
    seen = await ask(mariadb, query, timedelta(seconds=1))

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.TIMEOUT,
        Phase.PROCESSING,
    )
    assert seen.duration < timedelta(seconds=5)


@real
async def test_a_huge_value_is_refused_before_it_comes(mariadb: Running) -> None:
    tracemalloc.start()
    try:
        seen = await ask(mariadb, "SELECT repeat('x', 100000000)")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert seen.detail.endswith("more than 1MiB would come (the query answer)")
    assert most < 8 << 20


@real
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"password": "hush-2"}, "1045: Access denied for user 'nines'"),
        ({"username": "nobody"}, "1045: Access denied for user 'nobody'"),
        ({"username": "safe"}, "1045: Access denied for user 'safe'"),
    ],
)
async def test_whom_the_server_will_not_have_is_told_so_without_the_password(
    mariadb: Running, settings: dict[str, Any], said: str
) -> None:
    seen = await look(probe(mariadb.port, **settings))

    assert (seen.outcome, seen.cause, seen.phase) == (Outcome.FAILED, Cause.STATUS, Phase.CONNECT)
    assert said in seen.detail
    assert "hush" not in seen.detail


@real
async def test_under_tls_the_certificate_is_checked_and_told(mariadb: Running) -> None:
    good = await look(probe(mariadb.port, username="safe", tls={"ca_file": mariadb.ca_file}))
    foreign = await look(probe(mariadb.port, tls={}))

    assert (good.outcome, good.detail) == (Outcome.PASSED, "")
    assert good.tls_version == "TLSv1.3"
    assert good.leaf_expires is not None
    assert (foreign.outcome, foreign.cause, foreign.phase) == (
        Outcome.FAILED,
        Cause.CERTIFICATE,
        Phase.TLS,
    )


GREETING = (
    b"\x0a5.5.5-10.11.2-MariaDB\0\1\0\0\0abcdefgh\0%b\x2d\2\0%b\x15"
    + bytes(10)
    + (b"abcdefghijkl\0mysql_native_password\0")
)


def packet(body: bytes, number: int = 0) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number]) + body


def says(*turns: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, turn in enumerate(turns):
            if number:
                await reader.read(4096)
            writer.write(turn)
        writer.write_eof()
        await reader.read()

    return talk


@pytest.mark.parametrize(
    ("talk", "settings", "cause", "said"),
    [
        (hang, {}, Cause.TIMEOUT, "the timeout passed"),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), {}, Cause.PROTOCOL, "not MySQL's protocol"),
        (says(b"\4\0\0\5ABCD"), {}, Cause.PROTOCOL, "not MySQL's protocol"),
        (says(packet(b"\x0a")), {}, Cause.PROTOCOL, "not MySQL's protocol"),
        (says(b"\4\0"), {}, Cause.PROTOCOL, "the connection broke"),
        (says(packet(b"\xff\x10\x04Too many connections")), {}, Cause.STATUS, "1040: "),
        (says(packet(GREETING % (b"\x00\xa2", b"\x08\0"))), {"tls": {}}, Cause.TLS, "no TLS"),
        (
            says(packet(GREETING % (b"\x00\xaa", b"\x08\0")) + b"\0"),
            {"tls": {}},
            Cause.PROTOCOL,
            "in clear behind it",
        ),
    ],
)
async def test_a_server_that_is_none_or_is_in_trouble_is_told_by_its_cause(
    talk: Talk, settings: dict[str, Any], cause: Cause, said: str
) -> None:
    async with Server(talk) as running:
        timeout = SHORT if talk is hang else TIMEOUT
        seen = await look(probe(running.port, timeout, **settings))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, cause)
    assert said in seen.detail
    assert "hush" not in seen.detail


async def test_a_sign_in_that_is_not_known_here_is_our_lack() -> None:
    switch = packet(b"\xfeauth_gssapi_client\0x", 2)
    async with Server(says(packet(GREETING % (b"\x00\xa2", b"\x08\0")), switch)) as running:
        seen = await look(probe(running.port))

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert "auth_gssapi_client" in seen.detail
