"""In Alertmanager's place: its own tool, a real Prometheus, and the same requests beside it."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from nines.demo.inbox import Inbox
from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.needs("prometheus-alertmanager")]

NINES = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
services: {{}}
alerting:
  alertmanager_api: {{resolve_timeout: 5m}}
  receivers:
    oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{inbox}"}}}}
    desk: {{email: {{smtp: "smtp://127.0.0.1:1", from: a@b.example, to: [c@b.example]}}}}
  route:
    receivers: [oncall]
    group_wait: 0s
    routes:
      - {{match: 'team="db"', receivers: [desk], group_by: [instance], continue: true}}
  inhibit_rules:
    - {{source_matchers: severity="critical", target_matchers: severity="warning",
       equal: [service]}}
"""
ALERTMANAGER = """
route:
  receiver: oncall
  group_by: [service]
  routes: [{receiver: desk, matchers: [team="db"], group_by: [instance], continue: true}]
receivers: [{name: oncall}, {name: desk}]
inhibit_rules:
  - {source_matchers: [severity="critical"], target_matchers: [severity="warning"],
     equal: [service]}
"""


@dataclass
class World:
    inbox: Inbox
    nines: Nines

    def incidents(self) -> list[str]:
        return [incident.state for incident in self.inbox.pagerduty]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    port = free_port()
    async with Inbox.start(http_port=0, smtp_port=0) as inbox:
        config = tmp_path / "config.yaml"
        config.write_text(NINES.format(port=port, database=tmp_path / "nines.db", inbox=inbox.url))
        async with nines(config, port) as process:
            yield World(inbox, process)


@asynccontextmanager
async def running(*command: str, log: Path) -> AsyncIterator[None]:
    """A process that is gone afterwards."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=out)
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/-/ready")).status_code == 200
    except httpx.TransportError:
        return False


# --- the same requests beside Debian's Alertmanager ------------------------------------------


def now(hours: float) -> str:
    at = datetime.now(UTC) + timedelta(hours=hours)
    return at.isoformat().replace("+00:00", "Z")


SILENCE: dict[str, Any] = {
    "matchers": [{"name": "team", "value": "db", "isRegex": False}],
    "createdBy": "me",
    "comment": "why",
}
ALERTS = [
    (
        b'[{"labels":{"alertname":"A","severity":"critical","service":"s1"},'
        b'"annotations":{"summary":"x"},"generatorURL":"http://p/g"}]'
    ),
    b'[{"labels":{"alertname":"B","severity":"warning","service":"s1","team":"db"}}]',
    b"[]",
    b"null",
    b"",
    b"garbage",
    b"{}",
    b"[1]",
    b'[{"annotations":{}}]',
    b'[{"labels":{}}]',
    b'[{"labels":{"a":""}}]',
    b'[{"labels":{"":"x"}}]',
    b'[{"labels":{"alertname":1}}]',
    b'[{"labels":null}]',
    '[{"labels":{"alertname":"é\\n😀"}}]'.encode(),
    b'[{"labels":{"alertname":"\xff\xfe"}}]',
    b'[{"labels":{"alertname":"\\ud800"}}]',
    b'[{"labels":{"alertname":"' + b"x" * 100_000 + b'"}}]',
    b'[{"labels":{"alertname":"' + b"y" * 10_000_000 + b'"},"endsAt":"2026-01-01T00:00:00Z"}]',
    b'[{"labels":{"a":"E"},"startsAt":"2026-01-02T00:00:00Z","endsAt":"2026-01-01T00:00:00Z"}]',
    b'[{"labels":{"alertname":"E"},"startsAt":"nonsense"}]',
    b'[{"labels":{"alertname":"E"},"startsAt":""}]',
    b'[{"labels":{"alertname":"E"},"startsAt":5}]',
    b'[{"labels":{"alertname":"E"},"generatorURL":"not a url"}]',
    b'[{"labels":{"alertname":"E"},"annotations":{"":"x"}}]',
    b'[{"labels":{"alertname":"Good"}},{"labels":{"":"x"}},{"labels":{}},{"labels":{"b":"c"}}]',
    b'[{"labels":{"alertname":"None"}},{"annotations":{}}]',
]
QUESTIONS = [
    "/alerts?filter=service%3D%22s1%22",
    "/alerts?filter=alertname%3DB&active=false",
    "/alerts?filter=alertname%3D%22Good%22",
    "/alerts?filter=alertname%3D%22None%22",
    "/alerts?filter=b!%3Dc&filter=service%3D~%22s.*%22",
    "/alerts?filter=service%3D~%22s.%22&inhibited=false",
    "/alerts?active=maybe&filter=service%3Ds1",
    "/alerts?filter=%7B%7B",
    "/alerts?filter=foo",
    "/alerts?receiver=d",
    "/alerts?receiver=desk",
    "/alerts/groups?receiver=desk",
    "/alerts/groups?filter=service%3D%22s1%22&inhibited=false",
    "/silences?filter=team%3Ddb",
    "/silences?filter=foo",
    "/silence/nope",
    "/silence/2d3a3a3e-1111-4111-8111-111111111111",
    "/receivers",
    "/nothing",
]
# What may differ: moments, ids, words of Go's own parser, and fields of Alertmanager's later days.
_VARIES = [
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}"), "ID"),
    (re.compile(r'(body from "" failed, because).*', re.DOTALL), r"\1"),
]
_LATER = {"mutedBy", "routeLabels"}


async def asked(client: httpx.AsyncClient) -> list[tuple[str, int, Any]]:
    """The answers to everything above, with what varies taken out."""
    json_ = {"content-type": "application/json"}
    found = []

    async def ask(method: str, path: str, body: bytes | None = None) -> httpx.Response:
        answer = await client.request(
            method, f"/api/v2{path}", content=body, headers=json_ if body is not None else {}
        )
        said = answer.json() if answer.text.strip() else None
        name = f"{method} {path} {(body or b'')[:80]!r}"
        found.append((name, answer.status_code, _known(said)))
        return answer

    for body in ALERTS:
        await ask("POST", "/alerts", body)
    await asyncio.sleep(1.1)  # Alertmanager takes its time to process them
    for wanted in (
        {"startsAt": now(-1), "endsAt": now(2)},
        {"startsAt": now(-1), "endsAt": now(2), "id": "2d3a3a3e-1111-4111-8111-111111111111"},
        {"startsAt": now(-1), "endsAt": now(-0.5)},
        {"startsAt": now(3), "endsAt": now(2)},
        {"startsAt": now(-1)},
        {"startsAt": now(-1), "endsAt": now(2), "matchers": []},
        {
            "startsAt": now(-1),
            "endsAt": now(2),
            "matchers": [{"name": "a", "value": ".*", "isRegex": True}],
        },
        {"startsAt": now(-1), "endsAt": now(2), "matchers": [{"name": "a", "value": "b"}]},
    ):
        await ask("POST", "/silences", json.dumps(SILENCE | wanted).encode())
    for path in QUESTIONS:
        await ask("GET", path)
    return found


def _known(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Without what varies. Groups of the same moment come in any order."""
    match value:
        case str():
            for pattern, words in _VARIES:
                value = pattern.sub(words, value)
            return value
        case list():
            return sorted((_known(one) for one in value), key=json.dumps)
        case dict():
            later = _LATER | ({"annotations"} if "matchers" in value else set())
            return {key: _known(one) for key, one in value.items() if key not in later}
        case _:
            return value


async def test_the_same_requests_get_the_answers_that_alertmanager_gives(
    world: World, tmp_path: Path
) -> None:
    program = shutil.which("prometheus-alertmanager")
    assert program is not None
    file, port = tmp_path / "alertmanager.yml", free_port()
    file.write_text(ALERTMANAGER)
    arguments = (
        program,
        f"--config.file={file}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    )
    url = f"http://127.0.0.1:{port}"
    async with (
        running(*arguments, log=tmp_path / "alertmanager.log"),
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as theirs,
        httpx.AsyncClient(base_url=world.nines.url, trust_env=False, timeout=20) as ours,
    ):
        await eventually(lambda: answers(theirs), "Alertmanager")
        wanted, got = await asked(theirs), await asked(ours)

    for want, have in zip(wanted, got, strict=True):
        assert have == want


# --- amtool ----------------------------------------------------------------------------------


async def amtool(world: World, *arguments: str) -> str:
    """Its output; it has to succeed."""
    process = await asyncio.create_subprocess_exec(
        "amtool",
        f"--alertmanager.url={world.nines.url}",
        "--no-version-check",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def test_amtool_works_unchanged(world: World) -> None:
    labels = ("alertname=Slow", "service=cart", "severity=critical")
    await amtool(world, "alert", "add", *labels, "--annotation=summary=it is slow")
    await eventually(lambda: world.incidents() == ["triggered"], "a page", world.nines.log)
    shown = await amtool(world, "alert", "query")
    assert re.search(r"Slow .*it is slow +active", shown)
    (alert,) = json.loads(await amtool(world, "alert", "query", "-o", "json", "service=cart"))
    assert alert["labels"] == dict(label.split("=") for label in labels)
    assert await amtool(world, "alert", "query", "-o", "json", "service=shop") == "[]\n"

    id_ = (
        await amtool(world, "silence", "add", "service=cart", "-c", "why", "-a", "ada", "-d", "1h")
    ).strip()
    assert re.search(rf"{id_} +service=.cart. .*ada +why", await amtool(world, "silence", "query"))
    updated = await amtool(world, "silence", "update", "-d", "2h", "-c", "longer", id_)
    assert id_ in updated
    assert "longer" in updated
    assert json.loads(await amtool(world, "alert", "query", "-o", "json")) == []
    (muted,) = json.loads(await amtool(world, "alert", "query", "--silenced", "-o", "json"))
    assert muted["status"]["silencedBy"] == [id_]
    (silence,) = (await world.nines.get("/api/v1/silences"))["silences"]
    assert (silence["author"], silence["reason"]) == ("ada", "longer")

    await amtool(world, "silence", "expire", id_)
    assert (await amtool(world, "silence", "query", "-q")).strip() == ""
    assert id_ in await amtool(world, "silence", "query", "--expired")
    assert await amtool(world, "config", "routes", "test", "team=db") == "desk\n"


# --- a real Prometheus -----------------------------------------------------------------------

RULES = """
groups:
  - name: shop
    interval: 1s
    rules:
      - alert: TargetDown
        expr: up == 0
        labels: {severity: critical, service: shop}
        annotations:
          summary: "{{ $labels.instance }} is down"
          runbook_url: https://runbooks.example/down
"""
SCRAPING = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{nines}"]}}]}}]}}
scrape_configs: [{{job_name: shop, static_configs: [{{targets: ["{target}"]}}]}}]
"""


@pytest.mark.needs("prometheus")
async def test_an_alerting_rule_of_a_real_prometheus_pages_and_resolves_over_a_kill(
    world: World, tmp_path: Path
) -> None:
    metrics = await asyncio.start_server(_metrics, "127.0.0.1", 0)
    target = "{}:{}".format(*metrics.sockets[0].getsockname())
    home = tmp_path / "prometheus"
    home.mkdir()
    (home / "rules.yml").write_text(RULES)
    address = world.nines.url.removeprefix("http://")
    (home / "prometheus.yml").write_text(SCRAPING.format(nines=address, target=target))
    arguments = (
        "prometheus",
        f"--config.file={home / 'prometheus.yml'}",
        f"--storage.tsdb.path={home / 'data'}",
        f"--web.listen-address=127.0.0.1:{free_port()}",
        "--rules.alert.resend-delay=1s",
    )
    said: Callable[[], str] = world.nines.log
    async with running(*arguments, log=home / "log"):
        metrics.close()
        await metrics.wait_closed()
        await eventually(lambda: world.incidents() == ["triggered"], "a page", said)
        (incident,) = (await world.nines.get("/api/v1/incidents"))["incidents"]
        assert incident["title"] == f"shop TargetDown: {target} is down"

        await world.nines.kill()
        await world.nines.start()
        await asyncio.sleep(3)  # a resolve, or a second page, that must not come
        assert world.incidents() == ["triggered"]

        host, port = target.split(":")
        metrics = await asyncio.start_server(_metrics, host, int(port))
        await eventually(lambda: world.incidents() == ["resolved"], "its resolve", said)
        metrics.close()


async def _metrics(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A target that answers."""
    await reader.readuntil(b"\r\n\r\n")
    body = b"one 1\n"
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    await writer.drain()
    writer.close()
