"""Debian's Prometheus scrapes the exporter of a running Nines, and keeps all that it says."""

import asyncio
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.prometheus import prometheus
from benchmarks.serving import last_core
from tests.journeys.serving import eventually
from tests.journeys.shop import shop

SCRAPES = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: nines
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@pytest.mark.slow
@pytest.mark.needs("prometheus")
async def test_a_real_prometheus_has_every_series_and_the_counts(tmp_path: Path) -> None:
    (tmp_path / "peer").mkdir()
    async with shop(tmp_path) as world, httpx.AsyncClient(trust_env=False) as client:
        port = world.nines.url.rpartition(":")[2]
        started = prometheus(tmp_path / "peer", SCRAPES.format(port=port), core=last_core())
        peer = await asyncio.to_thread(started.__enter__)
        try:

            async def of(query: str) -> list[tuple[dict[str, str], float]]:
                answer = await client.get(f"{peer.url}/api/v1/query", params={"query": query})
                found = answer.json()["data"]["result"]
                return [(one["metric"], float(one["value"][1])) for one in found]

            async def is_scraped() -> bool:
                found = await of("slo_events_total{slo='availability',result='good'}")
                return bool(found) and found[0][1] >= 5

            await eventually(is_scraped, "a scrape with five good events", world.nines.log)
            page = (await world.nines.client.get("/metrics")).text
            names = {
                sample.name
                for family in text_string_to_metric_families(page)
                for sample in family.samples
            }
            kept = {metric["__name__"] for metric, _ in await of('{job="nines"}')}

            assert await of("up") == [
                ({"__name__": "up", "job": "nines", "instance": f"127.0.0.1:{port}"}, 1)
            ]
            assert names - kept == set()
            objective = await of("slo_objective_ratio{service='shop',slo='availability'}")
            assert [value for _, value in objective] == [0.9999]
            before = (await of("slo_events_total{slo='availability',result='good'}"))[0][1]
            told = await world.nines.get("/api/v1/slos/shop/availability")
            assert 5 <= before <= told["events"]["good"]
            assert await of("slo_events_total{slo='availability',result='bad'}") != []
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)
