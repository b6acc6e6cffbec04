"""One SLI with several objectives and windows: counted once, judged for each, edited freely."""

from datetime import timedelta
from pathlib import Path

from collectors.observation import Cause, Observation, Outcome
from nines.demo.http_server import HttpServer
from nines.service import Service
from slo.counts import Counts
from slo.evaluate import NO_DATA
from tests.fakes.clock import FakeClock
from tests.journeys.readings import metrics
from tests.journeys.serving import Nines, Target, eventually, nines
from tests.slo.builders import T0
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
services:
  shop:
    collectors: {{health: {{http: "{target}/", interval: 1s}}}}
    slos:
      up:
        objective: [99.9%, 99.99%]
        window: [30d, month Asia/Tokyo]
        sli: {{probe: health}}
alerting: {{route: {{receivers: []}}}}
"""
VARIANTS = ("", "@99.9-month-Asia-Tokyo", "@99.99-30d", "@99.99-month-Asia-Tokyo")


async def test_every_objective_over_every_window_stands_on_pages_api_and_metrics(
    tmp_path: Path,
) -> None:
    port, target = free_port(), Target()
    server = HttpServer(target.answer)
    await server.start()
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(port=port, database=tmp_path / "nines.db", target=server.url))
    try:
        async with nines(config, port) as process:
            await eventually(lambda: _counted(process), "probes to be counted", process.log)
            listed = {one["id"] for one in (await process.get("/api/v1/slos"))["slos"]}
            told = await metrics(process)
            page = (await process.client.get("/slos/shop/up@99.99-30d")).text
    finally:
        await server.refuse()

    assert listed == {f"shop/up{variant}" for variant in VARIANTS}
    assert len(told.all("slo_objective_ratio", service="shop", slo="up")) == 4
    assert len(told.all("slo_events_total", service="shop", slo="up", result="good")) == 1
    assert page.count('class="ranges variants"') == 1
    for variant in VARIANTS:
        assert f'href="/slos/shop/up{variant.replace("@", "%40")}"' in page


async def _counted(process: Nines) -> bool:
    slo = await process.get("/api/v1/slos/shop/up@99.99-month-Asia-Tokyo")
    return bool(slo["events"]["good"] >= 2)


def _config(folder: Path, slo: str) -> Path:
    config = folder / "config.yaml"
    config.write_text(
        f'server: {{database: "sqlite:///{folder / "nines.db"}"}}\n'
        "services: {shop: {collectors: {health: {http: 'http://127.0.0.1:1/', interval: 10s}},"
        f" slos: {{up: {{{slo}, sli: {{probe: health}}}}}}}}}}\n"
    )
    return config


def _run(n: int, outcome: Outcome) -> Observation:
    at = T0 + n * timedelta(seconds=10)
    nothing = timedelta(0)
    cause = Cause.STATUS if outcome is Outcome.FAILED else None
    return Observation("shop/health", at, at, nothing, nothing, outcome, cause)


async def test_an_sli_is_booked_once_and_keeps_its_counts_when_promises_come_and_go(
    tmp_path: Path,
) -> None:
    clock = FakeClock(T0)
    service = await Service.open(_config(tmp_path, "objective: 99%"), {}, clock)
    try:
        for n in range(60):
            service.rounds.on_observation(_run(n, Outcome.PASSED if n % 10 else Outcome.FAILED))
            clock.move(timedelta(seconds=10))
        _config(tmp_path, "objective: [99%, 99.9%], window: [30d, 7d]")
        assert not (await service.reloading.reload()).problems
        service.rounds.on_observation(_run(60, Outcome.PASSED))
        service.engine.tick(clock.now())
        entries = service.engine.entries
        counts = {
            name: one.ledger.window(7 * timedelta(days=1), clock.now()).counts
            for name, one in entries.items()
        }
        indicators = list(service.engine.indicators)
        silent = [name for name, one in entries.items() if NO_DATA in one.states]
        await service.dispatch.flush()
        (stored,) = service.counts.series("shop/up")
    finally:
        await service.close()

    assert list(entries) == ["shop/up", "shop/up@99-7d", "shop/up@99.9-30d", "shop/up@99.9-7d"]
    assert set(counts.values()) == {Counts(good=55, bad=6)}
    assert len(indicators) == 1
    assert stored.lifetime == Counts(good=55, bad=6)
    assert silent == ["shop/up"]
