"""What PagerDuty and Slack send back to Nines: properly signed, as their documentation says."""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx

from nines.demo.inbox_pagerduty import PagerDutyIncident
from nines.demo.inbox_slack import SlackMessage

_TRIES = 3
_BETWEEN = 0.2  # seconds; PagerDuty waits for longer


@dataclass(frozen=True, slots=True)
class Home:
    """Where Nines is, its receivers' names, and what is shared with it."""

    url: str
    slack: str
    signing_secret: str
    pagerduty: str
    webhook_secret: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on call."""

    id: str = "U0ANN"
    name: str = "ann"


class Webhooks:
    """Sends in order, one at a time. `answers` are the status codes that came, oldest first."""

    def __init__(self, home: Home, now: Callable[[], datetime]) -> None:
        self._home = home
        self._now = now
        self._waiting: asyncio.Queue[tuple[str, dict[str, str], bytes]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.answers: list[int] = []

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._send_all())

    async def stop(self) -> None:
        """Send nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def press(self, message: SlackMessage, action_id: str, person: Person) -> None:
        """Somebody pressed a button in a message."""
        found = [
            element
            for block in message.blocks
            for element in block.get("elements", [])
            if block.get("type") == "actions" and element.get("action_id") == action_id
        ]
        if not found:
            return
        payload = {
            "type": "block_actions",
            "user": {"id": person.id, "username": person.name, "name": person.name},
            "channel": {"id": message.channel},
            "message": {"ts": message.ts, "text": message.text, "blocks": message.blocks},
            "actions": [{"type": "button", "action_id": action_id, "value": found[0]["value"]}],
        }
        body = urlencode({"payload": json.dumps(payload)}).encode()
        stamp = str(int(self._now().timestamp()))
        signature = _signature(self._home.signing_secret, b"v0:%s:%s" % (stamp.encode(), body))
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={signature}",
        }
        self._waiting.put_nowait((f"slack/{self._home.slack}", headers, body))

    def tell(self, what: str, incident: PagerDutyIncident, person: Person | None) -> None:
        """Something became of an incident, by a person or (with None) by the integration."""
        agent = {"id": "PNINES", "summary": "Nines", "type": "inbound_integration_reference"}
        if person is not None:
            agent = {"id": person.id, "summary": person.name, "type": "user_reference"}
        event = {
            "id": uuid4().hex,
            "event_type": f"incident.{what}",
            "resource_type": "incident",
            "occurred_at": self._now().isoformat(),
            "agent": agent,
            "data": _data(incident),
        }
        body = json.dumps({"event": event}).encode()
        given = f"v1={_signature('an older secret', body)}"
        own = f"v1={_signature(self._home.webhook_secret, body)}"
        headers = {"Content-Type": "application/json", "X-PagerDuty-Signature": f"{given},{own}"}
        self._waiting.put_nowait((f"pagerduty/{self._home.pagerduty}", headers, body))

    async def _send_all(self) -> None:
        async with httpx.AsyncClient(
            base_url=f"{self._home.url}/callbacks/", trust_env=False, timeout=5
        ) as client:
            while True:
                path, headers, body = await self._waiting.get()
                for _ in range(_TRIES):
                    with contextlib.suppress(httpx.HTTPError):
                        answer = await client.post(path, headers=headers, content=body)
                        self.answers.append(answer.status_code)
                        break
                    await asyncio.sleep(_BETWEEN)


def _data(incident: PagerDutyIncident) -> Mapping[str, Any]:
    return {
        "id": f"Q{incident.number:013}",
        "type": "incident",
        "number": incident.number,
        "status": incident.state,
        "incident_key": incident.dedup_key,
        "title": incident.payload.get("summary", ""),
        "assignees": [{"id": "U0ANN", "summary": "ann", "type": "user_reference"}],
    }


def _signature(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
