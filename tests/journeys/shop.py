"""A shop whose health endpoint is watched every second, and the vendors that its pages go to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nines.demo.http_server import HttpServer
from nines.demo.inbox import Inbox
from tests.journeys.serving import Nines, Target, eventually, nines
from tests.web.ports import free_port

HEAD = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
services:
  shop:
    title: Shop
    runbook: https://runbooks.example/shop
    collectors:
      health: {{http: "{target}/health", interval: 1s, timeout: 500ms}}
    slos:
      availability:
        objective: 99.99%
        window: 1d
        sli: {{probe: health}}
        tiers:
          - {{severity: page, factor: 14.4, long: 20s, short: 5s, keep_firing_for: 1s}}
"""
ONCALL = """
alerting:
  receivers:
    oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{inbox}"}}}}
  route: {{receivers: [oncall]}}
"""


@dataclass
class Shop:
    """The endpoint, who hears of it, and the Nines between them."""

    target: Target
    server: HttpServer
    inbox: Inbox
    nines: Nines

    def incidents(self) -> list[tuple[str, str]]:
        """PagerDuty's, which deduplicates by key: key and state."""
        return [(incident.dedup_key, incident.state) for incident in self.inbox.pagerduty]

    async def is_watched(self) -> bool:
        """Whether five good probes were counted."""
        slo = await self.nines.get("/api/v1/slos/shop/availability")
        return bool(slo["events"]["good"] >= 5)


@asynccontextmanager
async def shop(folder: Path, alerting: str = ONCALL, **values: str) -> AsyncIterator[Shop]:
    """A healthy one, watched for a few seconds.

    `alerting` follows `HEAD`, and may name `{inbox}`, `{smtp}` and `values`.
    """
    target = Target()
    server = HttpServer(target.answer)
    await server.start()
    port = free_port()
    async with Inbox.start(http_port=0, smtp_port=0) as inbox:
        config = folder / "config.yaml"
        text = (HEAD + alerting).format(
            port=port,
            database=folder / "nines.db",
            target=server.url,
            inbox=inbox.url,
            smtp=inbox.smtp_url,
            **values,
        )
        config.write_text(text)
        async with nines(config, port) as process:
            one = Shop(target, server, inbox, process)
            await eventually(one.is_watched, "five good probes", process.log)
            yield one
    await server.refuse()
