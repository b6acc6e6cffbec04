"""The database goes away under a running Nines: whoever looks goes on seeing what is in memory."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.conftest import PostgresServer
from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "{url}", bucket: 1s, database: "{database}"}}
services:
  shop:
    collectors: {{front: {{tcp: "127.0.0.1:{port}", interval: 1s}}}}
    slos: {{reachable: {{objective: 99%, window: 1d, sli: {{probe: front}}}}}}
alerting:
  receivers: {{}}
  route: {{receivers: []}}
"""
SECRET = "correct horse battery"
PAGE = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}


class Relay:
    """Stands between Nines and PostgreSQL's socket; `cut` it, or let it `hang`."""

    def __init__(self, server: Path, folder: Path) -> None:
        self._server = server
        self._own = folder / server.name
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._listening: asyncio.Server | None = None

    async def mend(self) -> None:
        self._flows.set()
        if self._listening is None:
            self._listening = await asyncio.start_unix_server(self._relay, self._own)

    def hang(self) -> None:
        self._flows.clear()

    def cut(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        self._own.unlink(missing_ok=True)
        for writer in self._open:
            writer.transport.abort()

    async def _relay(self, ours: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        theirs, forth = await asyncio.open_unix_connection(self._server)
        self._open |= {back, forth}
        with contextlib.suppress(ConnectionError):
            await asyncio.wait(
                {
                    asyncio.ensure_future(self._pass_on(ours, forth)),
                    asyncio.ensure_future(self._pass_on(theirs, back)),
                },
                return_when=asyncio.FIRST_COMPLETED,
            )
        for writer in (back, forth):
            writer.transport.abort()
            self._open.discard(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while some := await reader.read(65536):
                await self._flows.wait()
                writer.write(some)
                await writer.drain()


@pytest.fixture
async def relay(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[tuple[Relay, str]]:
    name = postgres.lend()
    url = postgres.url(name).replace("postgresql:", "postgresql+psycopg:")
    folder = parse_qs(urlsplit(url).query)["host"][0]
    relay = Relay(Path(folder, ".s.PGSQL.5432"), tmp_path)
    await relay.mend()
    yield relay, url.replace(folder, str(tmp_path))
    relay.cut()
    postgres.take_back(name)


@pytest.fixture
async def signed_in(relay: tuple[Relay, str], tmp_path: Path) -> AsyncIterator[Nines]:
    """A Nines whose client has a session of its first user."""
    port, config = free_port(), tmp_path / "config.yaml"
    url = f"http://127.0.0.1:{port}"
    config.write_text(CONFIG.format(port=port, url=url, database=relay[1]))
    async with nines(config, port) as process:
        process.client.timeout = httpx.Timeout(60)
        adding = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nines", "user", "add", "ada", "--role", "admin"),
            *("--password-stdin", "--config", str(config)),
            stdin=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        await adding.communicate(f"{SECRET}\n".encode())
        assert adding.returncode == 0
        done = await process.client.post(
            "/sign-in", data={"name": "ada", "password": SECRET, "next": "/"}, headers=PAGE
        )
        assert done.status_code == 303, done.text
        await eventually(lambda: _is_counted(process), "something to be counted", process.log)
        yield process


async def _is_counted(process: Nines) -> bool:
    return bool((await process.get("/api/v1/slos/shop/reachable"))["events"]["good"])


async def _said(process: Nines, path: str) -> str:
    answer = await process.client.get(path, headers=PAGE)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.slow
async def test_the_dashboard_stays_while_postgresql_is_away_or_hangs(
    relay: tuple[Relay, str], signed_in: Nines
) -> None:
    between, _ = relay
    for path in ("/", "/slos", "/services/shop", "/wall"):
        assert "Not on this page" not in await _said(signed_in, path)
    between.cut()

    async def is_said() -> bool:
        return "Not on this page for now: incidents" in await _said(signed_in, "/")

    await eventually(is_said, "the overview to say what it leaves out", signed_in.log)
    for path in ("/", "/slos", "/services/shop"):
        page = await _said(signed_in, path)
        assert "did not answer" in page
        assert "shop" in page
        assert "Signed in as ada" in page or "/account" in page
    await _said(signed_in, "/wall")
    left = await signed_in.client.get("/incidents", headers=PAGE)
    assert (left.status_code, "did not answer" in left.text) == (503, True)

    await between.mend()
    await eventually(lambda: _is_whole(signed_in), "all to be back", signed_in.log)
    between.hang()
    await eventually(is_said, "the overview to say that storage is slow", signed_in.log)
    assert "reachable" in await _said(signed_in, "/slos")

    await between.mend()
    await eventually(lambda: _is_whole(signed_in), "all to be back", signed_in.log)


async def _is_whole(process: Nines) -> bool:
    return "Not on this page" not in await _said(process, "/")
