"""A budget passes its marks while Nines is killed again and again: each is told, once by its id."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.observation import Observation, Outcome
from nines.demo.http_server import HttpServer
from nines.demo.inbox import Inbox
from nines.service import Service
from tests.fakes.clock import FakeClock
from tests.journeys.serving import Nines, Target, eventually, nines
from tests.web.ports import free_port

S = timedelta(seconds=1)
CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
services:
  shop:
    collectors:
      health: {{http: "{target}/health", interval: 1s, timeout: 5s}}
    slos:
      availability:
        objective: 99%
        window: 1h
        sli: {{probe: health}}
        notices: [90%, 60%, 30%]
        tiers: [{{severity: page, factor: 99, long: 30m, short: 20m}}]
alerting:
  receivers:
    desk: {{webhook: {{url: "{inbox}/webhook"}}}}
    oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{inbox}"}}}}
  route: {{receivers: [desk, oncall]}}
"""
SEEN = 1_000  # seconds of good looks before: a failed one is a tenth of the budget


@pytest.mark.slow
async def test_each_mark_is_told_once_through_kills(tmp_path: Path) -> None:
    target, port, config = Target(), free_port(), tmp_path / "config.yaml"
    server = HttpServer(target.answer)
    await server.start()
    try:
        async with Inbox.start() as inbox:
            database = tmp_path / "nines.db"
            text = CONFIG.format(port=port, database=database, target=server.url, inbox=inbox.url)
            config.write_text(text)
            await _watched_for_a_while(config)
            async with nines(config, port) as process:
                target.status = 500
                while _marks(inbox)[-1:] != ["30 %"]:
                    known = len(_marks(inbox))
                    await _another(inbox, known, process)
                    await process.kill()
                    await process.start()
                await _more_looks(process, 3)

            told = _marks(inbox)
            # Where the machine stalled, two were passed together, and the lower one was told.
            assert told == [mark for mark in ("90 %", "60 %", "30 %") if mark in told]
            assert not inbox.pagerduty
            assert [change.payload["summary"] for change in inbox.changes]
    finally:
        await server.refuse()


async def _watched_for_a_while(config: Path) -> None:
    """Good looks until now, by a service whose clock ran."""
    now = datetime.now(UTC).replace(microsecond=0)
    clock = FakeClock(now - (SEEN + 5) * S)
    service = await Service.open(config, {}, clock)
    nothing = timedelta(0)
    for _ in range(SEEN):
        clock.move(S)
        at = clock.now()
        service.rounds.on_observation(
            Observation("shop/health", at, at, nothing, nothing, Outcome.PASSED)
        )
    await service.rounds.look_at_budgets()
    await service.dispatch.settle()
    await service.dispatch.flush()
    await service.close()


async def _more_looks(process: Nines, number: int) -> None:
    async def bad() -> int:
        return int((await process.get("/api/v1/slos/shop/availability"))["lifetime"]["bad"])

    start = await bad()

    async def came() -> bool:
        return await bad() >= start + number

    await eventually(came, "more looks", process.log)


async def _another(inbox: Inbox, known: int, process: Nines) -> None:
    await eventually(lambda: len(_marks(inbox)) > known, "a notice", process.log)


def _marks(inbox: Inbox) -> list[str]:
    """The marks that notices told of, in their order; one that came twice, by its id, is one."""
    bodies = [json.loads(call.body)["nines"] for call in inbox.webhook]
    titles = {body["notification_id"]: body["title"] for body in bodies}
    return [title.rpartition(", below ")[2] for title in titles.values()]
