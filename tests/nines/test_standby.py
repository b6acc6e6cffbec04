"""What one that stands by says of itself."""

import asyncio
from pathlib import Path

import httpx

from nines.config import load
from nines.standby import stand_by
from tests.fakes.clock import FakeClock
from tests.journeys.serving import eventually
from tests.web.ports import free_port


async def test_a_database_that_cannot_be_asked_is_not_said_to_be_anothers(tmp_path: Path) -> None:
    port, nowhere = free_port(), free_port()
    file = tmp_path / "config.yaml"
    file.write_text(
        f"server: {{listen: '127.0.0.1:{port}', "
        f"database: 'postgresql+psycopg://nines:secret@127.0.0.1:{nowhere}/nines'}}\n"
    )
    stop = asyncio.Event()
    standing = asyncio.create_task(stand_by(load(file, {}), stop, FakeClock()))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        said: list[httpx.Response] = []

        async def told() -> bool:
            try:
                said.append(await client.get("/"))
            except httpx.TransportError:
                return False
            return "did not answer" in said[-1].text

        await eventually(told, "it to say what it waits for")
        alive = await client.get("/-/healthy")
    stop.set()
    await standing

    assert said[-1].status_code == 503
    assert "another one has" not in said[-1].text
    assert "secret" not in said[-1].text
    assert alive.status_code == 200
