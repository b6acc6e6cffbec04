"""A real Nines gets its first user while it runs; programs go on with a token."""

import asyncio
import getpass
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

SECRET = "correct horse battery"
CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "{url}", database: "sqlite:///{database}"}}
services:
  shop: {{owner: web-team, collectors: {{front: {{tcp: "127.0.0.1:{port}"}}}}}}
  pets: {{owner: pets-team, collectors: {{front: {{tcp: "127.0.0.1:{port}"}}}}}}
alerting:
  receivers: {{}}
  route: {{receivers: []}}
"""
SILENCE = {"matchers": ['service="shop"'], "duration": "1h", "reason": "new disks", "author": "me"}
ALERT = [{"labels": {"alertname": "Full", "service": "shop"}}]
HERE = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Door:
    """A running Nines, and its command line."""

    nines: Nines

    def command(self, *words: str, typed: str = "", token: str = "") -> str:
        """What a command prints; it has to succeed."""
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        if token:
            environ |= {"NINES_TOKEN": token, "NINES_SERVER": self.nines.url}
        else:
            words = (*words, "--config", str(self.nines.config))
        done = subprocess.run(
            [sys.executable, "-m", "nines", *words],
            input=typed,
            capture_output=True,
            text=True,
            env=environ,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    port = free_port()
    config = tmp_path / "config.yaml"
    url = f"http://127.0.0.1:{port}"
    config.write_text(CONFIG.format(port=port, url=url, database=tmp_path / "nines.db"))
    async with nines(config, port) as process:
        yield Door(process)


@pytest.mark.needs("prometheus-alertmanager")
async def test_the_first_user_closes_the_door_and_tokens_open_it(
    door: Door, tmp_path: Path
) -> None:
    client = door.nines.client
    before = await client.post("/api/v1/silences", json=SILENCE)
    assert before.status_code == 201, before.text

    run = asyncio.to_thread
    await run(
        lambda: door.command(
            "user", "add", "ada", "--role", "admin", "--password-stdin", typed=f"{SECRET}\n"
        )
    )

    async def is_shut() -> bool:
        return (await client.get("/api/v1/slos")).status_code == 401

    await eventually(is_shut, "the door to shut", door.nines.log)
    assert (await client.post("/api/v1/silences", json=SILENCE)).status_code == 401
    assert (await client.get("/metrics")).status_code == 200
    assert (await client.post("/api/v2/alerts", json=ALERT)).status_code == 200
    assert (await client.get("/api/v2/silences")).status_code == 401

    # Programs, with tokens.
    token = (
        await run(
            lambda: door.command(
                "token", "create", "shop-ci", "--role", "responder", "--owner", "web-team"
            )
        )
    ).strip()
    listed = await run(lambda: door.command("silence", "list", token=token))
    assert "new disks" in listed
    http = tmp_path / "amtool.yml"
    http.write_text(f"authorization: {{credentials: {token}}}\n")
    amtool = ["amtool", f"--alertmanager.url={door.nines.url}", f"--http.config.file={http}"]
    said = []
    for service in ("shop", "pets"):
        process = await asyncio.create_subprocess_exec(
            *(*amtool, "silence", "add", f"service={service}", "--comment=disks", "--duration=1h"),
            *("--author=eve",),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        said.append((process.returncode, out.decode()))
    assert said[0][0] == 0, said
    assert said[1][0] == 1
    assert "status 403" in said[1][1]  # amtool tells no more of what Alertmanager never says

    # A person, and what was written down of it all.
    signed_in = await client.post(
        "/sign-in", data={"name": "ada", "password": SECRET}, headers=HERE
    )
    assert signed_in.status_code == 303
    log = (await door.nines.get("/api/v1/audit"))["records"]
    made = [
        (one["by"], one["after"]["reason"]) for one in log if one["action"] == "silence created"
    ]
    assert made == [
        (f"shop-ci (token of {getpass.getuser()} (command line))", "disks"),
        ("me", "new disks"),
    ]
    assert {"user added", "token made", "signed in"} <= {one["action"] for one in log}
    assert token not in json.dumps(log)
    assert SECRET not in door.nines.log()

    # A stream ends with the session.
    async with client.stream("GET", "/api/v1/stream") as stream:
        lines = stream.aiter_lines()
        assert (await anext(lines)).startswith("retry")
        async with httpx.AsyncClient(base_url=door.nines.url, cookies=client.cookies) as other:
            await other.post("/sign-out", headers=HERE)
        async with asyncio.timeout(10):
            async for _ in lines:
                pass
    assert (await client.get("/api/v1/slos")).status_code == 401


async def test_a_screen_shows_the_wall_by_a_token_that_is_in_no_log_until_it_is_revoked(
    door: Door,
) -> None:
    run = asyncio.to_thread
    await run(
        lambda: door.command(
            "user", "add", "ada", "--role", "admin", "--password-stdin", typed=f"{SECRET}\n"
        )
    )
    token = (await run(lambda: door.command("token", "create", "lobby", "--role", "wall"))).strip()
    async with httpx.AsyncClient(
        base_url=door.nines.url, follow_redirects=True, timeout=60
    ) as screen:
        opened = await screen.get(f"/wall?token={token}")
        assert (opened.status_code, opened.url.path, opened.url.query) == (200, "/wall", b"")
        refused = await screen.get("/api/v1/slos")
        async with screen.stream("GET", "/api/v1/stream") as stream:
            assert stream.status_code == 200
            listed = json.loads(await run(lambda: door.command("token", "list", "-o", "json")))
            (known,) = listed["tokens"] if isinstance(listed, dict) else listed
            await run(lambda: door.command("token", "revoke", known["id"]))
            async with asyncio.timeout(40):
                async for _ in stream.aiter_raw():
                    pass  # until it ends

        async def is_over() -> bool:
            return (await screen.get("/wall/tiles")).status_code == 401

        await eventually(is_over, "the screen to be refused", door.nines.log)
    assert refused.status_code == 401
    assert token not in door.nines.log()
