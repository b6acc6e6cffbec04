"""A second Nines on the same database is turned away before it writes anything."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.journeys.serving import nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", database: "sqlite:///{database}"}}
services:
  shop:
    collectors: {{health: {{http: "http://127.0.0.1:1/", interval: 1s}}}}
    slos: {{availability: {{objective: 99.9%, sli: {{probe: health}}}}}}
"""


@pytest.mark.slow
async def test_it_says_who_has_the_database_and_ends(tmp_path: Path) -> None:
    configs = []
    for name in ("first", "second"):
        config = tmp_path / f"{name}.yaml"
        port = free_port()
        config.write_text(CONFIG.format(port=port, database=tmp_path / "nines.db"))
        configs.append((config, port))

    async with nines(*configs[0]) as first:
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nines", "serve", "--config", str(configs[1][0])),
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        _, said = await second.communicate()

        assert second.returncode == 1
        assert f"Another Nines (process {first.pid}) uses the database" in said.decode()
        assert "Traceback" not in said.decode()
