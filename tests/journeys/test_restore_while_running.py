"""A backup is put back under a running Nines, which goes on from there in the same process."""

import asyncio
import sys
from pathlib import Path

import httpx

from nines.demo.http_server import HttpServer
from tests.journeys.serving import Nines, Target, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
services:
  shop:
    collectors: {{health: {{http: "{target}/", interval: 1s}}}}
    slos: {{up: {{objective: 99%, sli: {{probe: health}}}}}}
alerting: {{route: {{receivers: []}}}}
"""


async def test_yesterdays_counts_come_back_and_counting_goes_on(tmp_path: Path) -> None:
    port, target = free_port(), Target()
    server = HttpServer(target.answer)
    await server.start()
    config, file = tmp_path / "config.yaml", tmp_path / "backup.db"
    config.write_text(CONFIG.format(port=port, database=tmp_path / "nines.db", target=server.url))
    try:
        async with nines(config, port) as process:
            pid = process.pid
            await eventually(lambda: _good(process, 3), "probes to be counted", process.log)
            await _run("backup", file, config)
            saved = (await process.get("/api/v1/slos/shop/up"))["lifetime"]["total"]
            target.status = 500
            await eventually(lambda: _bad(process, 2), "failures to be counted", process.log)
            target.status = 200
            await _run("restore", file, config, "--force")
            await eventually(lambda: _anew(process, saved), "it to go on", process.log)
            lifetime = (await process.get("/api/v1/slos/shop/up"))["lifetime"]
            same = process.pid == pid
    finally:
        await server.refuse()

    assert same
    assert lifetime["unknown"] >= 2  # what was due between the backup and the new start
    assert lifetime["good"] > 3


async def _good(process: Nines, least: int) -> bool:
    return bool((await process.get("/api/v1/slos/shop/up"))["lifetime"]["good"] >= least)


async def _bad(process: Nines, least: int) -> bool:
    return bool((await process.get("/api/v1/slos/shop/up"))["lifetime"]["bad"] >= least)


async def _anew(process: Nines, saved: int) -> bool:
    """Whether it serves the restored counts, with new ones behind them."""
    if "database_restored" not in process.log():
        return False
    try:
        slo = await process.get("/api/v1/slos/shop/up")
    except (OSError, httpx.HTTPError):
        return False
    lifetime = slo["lifetime"]
    return bool(lifetime["bad"] == 0 and lifetime["total"] > saved)


async def _run(command: str, file: Path, config: Path, *options: str) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nines", command, str(file), "--config", str(config), *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    assert child.returncode == 0, said.decode()
