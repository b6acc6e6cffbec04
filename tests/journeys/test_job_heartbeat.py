"""A job pings a real Nines, which is killed between the commit and the answer."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.serving import Nines, eventually
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "{database}"}}
alerting: {{route: {{receivers: []}}}}
services:
  shop:
    collectors:
      nightly: {{heartbeat: {{cron: "30 2 * * *", grace: 30m, token: "${{TOKEN}}"}}, interval: 1s,
                timeout: 1s}}
    slos: {{backups: {{objective: 99%, window: 1d, sli: {{probe: nightly}}}}}}
"""
TOKEN = "only-you-know"
PATH = "/api/v1/heartbeats/shop/nightly"


class NinesThen(Nines):
    """One whose clock shows the night; `armed` kills it at the next ping's commit."""

    def __init__(self, config: Path, port: int, armed: Path, ahead: timedelta) -> None:
        super().__init__(config, port)
        self.ahead, self._armed = ahead, str(armed)

    async def launch(self) -> None:
        with self.config.with_suffix(".log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.journeys.heartbeat_process"),
                *(str(self.ahead.total_seconds()), self._armed),
                *("serve", "--config", str(self.config)),
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "PYTHONPATH": str(Path(__file__).parents[2]),
                    "TOKEN": TOKEN,
                },
            )

    async def ping(self, what: str = "", method: str = "POST", **more: Any) -> httpx.Response:  # noqa: ANN401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        return await self.client.request(method, PATH + what, headers=bearer, **more)


@pytest.mark.slow
async def test_a_ping_that_was_stored_counts_once_though_nobody_was_answered(
    tmp_path: Path, empty_database_url: str
) -> None:
    port, config, armed = free_port(), tmp_path / "config.yaml", tmp_path / "armed"
    database = empty_database_url.replace("postgresql://", "postgresql+psycopg://")
    config.write_text(CONFIG.format(port=port, database=database))
    now = datetime.now(UTC)
    night = now.replace(hour=1, minute=0) + timedelta(days=1)
    process = NinesThen(config, port, armed, night - now)

    async def lifetime() -> dict[str, int]:
        counted: dict[str, int] = (await process.get("/api/v1/slos/shop/backups"))["lifetime"]
        return counted

    async def looked() -> bool:
        collectors = (await process.get("/api/v1/collectors"))["collectors"]
        return any(one["last"] is not None for one in collectors)

    async def is_counted() -> bool:
        return (await lifetime())["good"] == 1

    try:
        await process.start()
        await eventually(looked, "the first look", process.log)
        await process.terminate()
        process.ahead += timedelta(minutes=91)  # now it is due
        await process.start()

        begun = await process.ping("/start?rid=r1", "GET")
        assert (begun.status_code, begun.json()["ping"]) == (200, "start")
        armed.touch()
        with pytest.raises(httpx.TransportError):
            await process.ping("?rid=r1", content=b"3 of 3 databases\n")
        assert not armed.exists()
        await process.kill()
        await process.start()
        again = await process.ping("/0?rid=r1")
        assert (again.status_code, again.json()["repeated"]) == (200, True)
        await eventually(is_counted, "the run to be counted", process.log)

        # By hand, as no run is expected before tomorrow.
        assert (await process.ping("/fail?rid=r2")).status_code == 200
        await eventually(looked, "a look", process.log)
        found = await lifetime()
        assert (found["good"], found["bad"], found["unknown"]) == (1, 0, 0)

        assert (await process.client.post(PATH)).status_code == 401
        assert (await process.ping("/256")).status_code == 400
        assert (await process.ping("?rid=" + "x" * 101)).status_code == 400
        assert (await process.ping(content=b"x" * 70_000)).status_code == 413
        answers = await asyncio.gather(*(process.ping("/start") for _ in range(70)))
        refused = [one for one in answers if one.status_code == 429]
        assert refused
        assert refused[0].headers["retry-after"] == "1"
        assert TOKEN not in process.log()
    finally:
        await process.close()
