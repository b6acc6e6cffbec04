"""A program posts events to a real Nines that is killed again and again, and each counts once."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "{database}"}}
alerting: {{route: {{receivers: []}}}}
services:
  shop:
    collectors:
      orders: {{push: the shop, bearer_token: only-you-know, interval: 1s, timeout: 1s}}
    slos:
      orders:
        objective: 99%
        window: 1d
        sli: {{collector: orders, bad: 'orders_total{{outcome="failed"}}', total: orders_total}}
"""
KILLS, EACH = 3, 40


async def told(process: Nines, key: str) -> int:
    """Send one request until it is answered, as a program does; how often it was sent."""
    events = [
        {"metric": "orders_total", "labels": {"outcome": "done"}, "count": 9},
        {"metric": "orders_total", "labels": {"outcome": "failed"}},
    ]
    headers = {"authorization": "Bearer only-you-know", "idempotency-key": key}
    for tries in range(1, 2_000):
        try:
            answer = await process.client.post(
                "/api/v1/events", json={"events": events}, headers=headers
            )
        except httpx.TransportError:
            await asyncio.sleep(0.05)
            continue
        if answer.status_code == 204:
            return tries
        assert answer.status_code == 503, answer.text
        await asyncio.sleep(0.05)
    raise AssertionError(process.log())


@pytest.mark.slow
async def test_events_that_are_sent_until_they_are_taken_count_once_through_kills(
    tmp_path: Path, empty_database_url: str
) -> None:
    port, config = free_port(), tmp_path / "config.yaml"
    database = empty_database_url.replace("postgresql://", "postgresql+psycopg://")
    config.write_text(CONFIG.format(port=port, database=database))
    async with nines(config, port) as process:

        async def lifetime() -> dict[str, int]:
            counted: dict[str, int] = (await process.get("/api/v1/slos/shop/orders"))["lifetime"]
            return counted

        await told(process, "first")
        for kill in range(KILLS):
            sending = [
                asyncio.create_task(told(process, f"{kill}-{number}")) for number in range(EACH)
            ]
            done, _ = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
            assert done
            await process.kill()
            await process.start()
            await asyncio.gather(*sending)
        taken = KILLS * EACH + 1

        async def is_whole() -> bool:
            return (await lifetime())["bad"] >= taken

        await eventually(is_whole, "all events to be counted", process.log)
        counted = await lifetime()
        assert (counted["good"], counted["bad"]) == (9 * taken, taken)
