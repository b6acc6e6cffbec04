"""Targets that misbehave in every way, beside healthy ones that must not notice."""

import asyncio
import itertools
import ssl
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from nines.demo.http_server import HttpServer, Request, Response
from tests.collectors.wire import Server, Talk, answer, ends, hang, says
from tests.journeys.readings import metrics
from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

MOST_GROWTH_KB = 64 * 1024
LATEST_START_SECONDS = 1.0
PROBES = [f"probe-{number}" for number in range(8)]
GIGABYTE = 1 << 30

HEAD = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
defaults: {{interval: 1s, timeout: 5s, window: 1d}}
services:
"""
PROBE_SLO = "{name}: {{objective: 99%, sli: {{probe: {name}}}}}"
COUNTER_SLO = """{name}:
        objective: 99%
        sli: {{collector: {name}, total: wanted_total, bad: 'wanted_total{{code="500"}}'}}"""
TEXT = "Content-Type: text/plain; version=0.0.4\r\n"
OPENMETRICS = "Content-Type: application/openmetrics-text; version=1.0.0\r\n"
ZIPPED = "Content-Encoding: gzip\r\n"


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """A target that behaves `well` until it is told not to, and what is to be said of it then."""

    name: str
    well: Talk
    badly: Talk
    cause: str | None  # None: the page can be read
    says: str = ""
    settings: str = ""
    kind: str = "http"
    every: str = "1s"
    bad_tls: ssl.SSLContext | None = None
    tls: bool = False

    def collector(self, port: int, authority: Path) -> str:
        scheme = "https" if self.tls else "http"
        more = [f"interval: {self.every}", f"timeout: {'9s' if self.every == '3s' else '3s'}"]
        more += [f'tls: {{ca_file: "{authority}"}}'] if self.tls else []
        more += [self.settings] if self.settings else []
        return f'{self.name}: {{{self.kind}: "{scheme}://127.0.0.1:{port}/", {", ".join(more)}}}'


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte a second."""
    await reader.readuntil(b"\r\n\r\n")
    for byte in answer():
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A gigabyte, as long as somebody takes it."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {GIGABYTE}\r\n\r\n".encode())
    piece = bytes(64 * 1024)
    for _ in range(GIGABYTE // len(piece)):
        writer.write(piece)
        await writer.drain()


def rising() -> Talk:
    """A page whose counters rise by 10 and 1 each time."""
    pages = itertools.count(1)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read = next(pages)
        await says(wanted(200, 10 * read) + wanted(500, read))(reader, writer)

    def wanted(code: int, value: int) -> bytes:
        return f'wanted_total{{code="{code}"}} {value}\n'.encode()

    def says(body: bytes) -> Talk:
        return ends(answer(body, headers=TEXT))

    return talk


def bomb(piece: bytes) -> bytes:
    """A quarter of a gigabyte of this, zipped."""
    packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    block = piece * (1_000_000 // len(piece))
    parts = [packer.compress(block) for _ in range(GIGABYTE // 4 // len(block))]
    return b"".join([*parts, packer.flush()])


def misfits() -> Iterator[Misfit]:
    """Every way to be bad while an answer is read."""
    good = says(answer())
    expects_body = "expect: {body: ok}"
    yield Misfit(
        name="hangs", well=good, badly=hang, cause="timeout", says="while waiting for the answer"
    )
    yield Misfit(
        name="trickles", well=good, badly=trickle, cause="timeout", says="the timeout passed"
    )
    yield Misfit(name="floods", well=good, badly=flood, cause="body", settings=expects_body)
    yield Misfit(
        name="wrong-encoding",
        well=good,
        badly=says(answer(b"ok, but not zipped", headers=ZIPPED)),
        cause="body",
        settings=expects_body,
    )
    half = ends(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it")
    yield Misfit(name="half-an-answer", well=good, badly=half, cause="protocol")
    yield Misfit(name="no-http", well=good, badly=ends(b"SSH-2.0-X\r\n"), cause="protocol")
    yield Misfit(
        name="turns-in-circles",
        well=good,
        badly=ends(answer(b"", "302 Found", "Location: /again\r\n")),
        cause="protocol",
        says="redirects more than",
    )


def bad_pages() -> Iterator[Misfit]:
    """Every way in which a page of metrics can be bad."""
    scrape = "prometheus"
    nan = b'wanted_total{code="200"} NaN\nwanted_total{code="500"} NaN\n'
    yield Misfit(
        name="no-number",
        well=rising(),
        badly=says(answer(nan, headers=TEXT)),
        cause=None,
        kind=scrape,
    )
    cut = b'# TYPE wanted counter\nwanted_total{code="200"} 100\n'
    yield Misfit(
        name="cut-off",
        well=rising(),
        badly=says(answer(cut, headers=OPENMETRICS)),
        cause="body",
        says="cut off",
        kind=scrape,
    )
    many = "".join(f'noise_total{{path="/item/{n}",code="200"}} {n}\n' for n in range(200_000))
    yield Misfit(
        name="many-series",
        well=rising(),
        badly=says(answer(f'{many}wanted_total{{code="200"}} 1\n'.encode(), headers=TEXT)),
        cause=None,
        kind=scrape,
        every="3s",
    )
    for name, piece, said in (
        ("bomb-of-lines", b'noise_total{code="2"} 1\n', "larger than the limit"),
        ("bomb-of-one-line", b"0", "longer than"),
    ):
        yield Misfit(
            name=name,
            well=rising(),
            badly=says(answer(bomb(piece), headers=TEXT + ZIPPED)),
            cause="body",
            says=said,
            kind=scrape,
            every="3s",
        )


def bad_handshakes(authority: trustme.CA) -> Iterator[Misfit]:
    """The ways to be bad before a request is even sent."""
    good = says(answer())
    yield Misfit(
        name="tls-hangs",
        well=good,
        badly=hang,
        cause="timeout",
        says="during the TLS handshake",
        tls=True,
    )
    now = datetime.now(UTC)
    expired = authority.issue_cert(
        "127.0.0.1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)
    )
    other = authority.issue_cert("other.example")
    for name, certificate, said in (
        ("expired", expired, "has expired"),
        ("wrong-host", other, "for another"),
    ):
        yield Misfit(
            name=name,
            well=good,
            badly=good,
            cause="certificate",
            says=said,
            tls=True,
            bad_tls=context_of(certificate),
        )


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def relay(port: int) -> Talk:
    """Hand a connection on to another port, in both directions."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(_pump(reader, behind), _pump(behind_reader, writer))
        finally:
            behind.transport.abort()

    return talk


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


class World:
    """One Nines; healthy targets, and those that misbehave once `bad` is set."""

    def __init__(self, misfits: list[Misfit]) -> None:
        self.misfits = misfits
        self.bad = False
        self.requests = 0
        self.nines: Nines

    def healthy(self, request: Request) -> Response:
        if request.path != "/metrics":
            return Response(200, b"{}")
        self.requests += 10
        page = f'wanted_total{{code="200"}} {self.requests}\nwanted_total{{code="500"}} 0\n'
        return Response(200, page.encode(), "text/plain; version=0.0.4")

    def moody(self, well: Talk, badly: Talk) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await (badly if self.bad else well)(reader, writer)

        return talk

    def resident_kb(self) -> int:
        lines = Path(f"/proc/{self.nines.pid}/status").read_text().splitlines()
        found = next(line for line in lines if line.startswith("VmRSS:"))
        return int(found.split()[1])

    async def most_resident_kb(self, seconds: float) -> int:
        """The most memory at any of many looks."""
        most = 0
        for _ in range(int(seconds / 0.05)):
            most = max(most, self.resident_kb())
            await asyncio.sleep(0.05)
        return most

    async def last(self, misfit: Misfit) -> dict[str, Any]:
        collector = await self.nines.get(f"/api/v1/collectors/bad/{misfit.name}")
        return dict(collector["last"] or {})

    async def wrongly_judged(self) -> list[str]:
        """What is not said (yet) as it should be of those that misbehave."""
        wrong = []
        for misfit in self.misfits:
            last = await self.last(misfit)
            expected = ("passed" if misfit.cause is None else "failed", misfit.cause)
            told = (last.get("outcome"), last.get("cause"))
            if told != expected or misfit.says not in last["detail"]:
                wrong.append(f"{misfit.name}: {told} {last.get('detail')!r}")
        return wrong


@asynccontextmanager
async def served(tmp_path: Path) -> AsyncIterator[World]:
    authority = trustme.CA()
    authority_file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(authority_file))
    own = context_of(authority.issue_cert("127.0.0.1"))
    world = World([*misfits(), *bad_pages(), *bad_handshakes(authority)])
    async with AsyncExitStack() as stack:
        collectors = []
        for misfit in world.misfits:
            well, badly = misfit.well, misfit.badly
            if misfit.tls:
                behind = await stack.enter_async_context(Server(well, own))
                well = relay(behind.port)
            if misfit.bad_tls:
                behind = await stack.enter_async_context(Server(badly, misfit.bad_tls))
                badly = relay(behind.port)
            front = await stack.enter_async_context(Server(world.moody(well, badly)))
            collectors.append(misfit.collector(front.port, authority_file))
        fine = HttpServer(world.healthy)
        await fine.start()
        stack.push_async_callback(fine.refuse)
        port = free_port()
        config = tmp_path / "config.yaml"
        config.write_text(
            HEAD.format(port=port, database=tmp_path / "nines.db")
            + service(
                "fine",
                [f'counters: {{prometheus: "{fine.url}/metrics"}}']
                + [f'{name}: {{http: "{fine.url}/{name}"}}' for name in PROBES],
                [COUNTER_SLO.format(name="counters")]
                + [PROBE_SLO.format(name=name) for name in PROBES],
            )
            + service(
                "bad",
                collectors,
                [
                    (PROBE_SLO if misfit.kind == "http" else COUNTER_SLO).format(name=misfit.name)
                    for misfit in world.misfits
                ],
            )
        )
        async with nines(config, port) as process:
            world.nines = process
            yield world


def service(name: str, collectors: list[str], slos: list[str]) -> str:
    lines = [f"  {name}:", "    collectors:", *(f"      {each}" for each in collectors)]
    return "\n".join([*lines, "    slos:", *(f"      {each}" for each in slos), ""])


@pytest.mark.slow
async def test_targets_that_misbehave_in_every_way_harm_nobody_else(tmp_path: Path) -> None:
    async with served(tmp_path) as world:
        await eventually(lambda: well_read(world), "every target to be seen well", world.nines.log)
        before = await world.most_resident_kb(2)

        world.bad = True
        memory = asyncio.create_task(world.most_resident_kb(11))
        wrong: list[str] = []

        async def judged() -> bool:
            wrong[:] = await world.wrongly_judged()
            return not wrong

        try:
            await eventually(judged, "a verdict on each", within=25)
        except AssertionError as error:
            raise AssertionError("\n".join(wrong)) from error
        not_counted = await events_of(world, "bad/no-number")
        most = await memory

        assert most - before <= MOST_GROWTH_KB, f"from {before} kB to {most} kB"
        assert await world.wrongly_judged() == []
        assert await events_of(world, "bad/no-number") == not_counted
        anomalies = (await world.nines.get("/api/v1/slos/bad/no-number"))["anomalies"]
        assert any("is nan, which is no count" in sentence for sentence in anomalies)
        await assert_healthy_are_unharmed(world)


async def well_read(world: World) -> bool:
    collectors = (await world.nines.get("/api/v1/collectors"))["collectors"]
    return all(one["runs"].get("passed", 0) >= 1 for one in collectors)


async def events_of(world: World, slo: str) -> dict[str, int]:
    return dict((await world.nines.get(f"/api/v1/slos/{slo}"))["lifetime"])


async def assert_healthy_are_unharmed(world: World) -> None:
    page = await metrics(world.nines)
    for name in ("counters", *PROBES):
        events = await events_of(world, f"fine/{name}")
        assert (events["bad"], events["unknown"]) == (0, 0), name
        assert events["good"] >= 10
        collector = await world.nines.get(f"/api/v1/collectors/fine/{name}")
        assert collector["runs"].keys() == {"passed"}
        late = max(run["lateness_seconds"] for run in collector["recent"])
        assert late <= LATEST_START_SECONDS
        lag = page.one("nines_collector_lag_seconds", service="fine", collector=name)
        assert lag <= LATEST_START_SECONDS
