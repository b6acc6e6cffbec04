"""Hand alerts to an existing Alertmanager, as Prometheus would."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from pydantic import Field

from alerting.notification import AlertLine, Handle, Message, NotificationKind, Receipt
from alerting.receivers import evidence
from alerting.receivers.door import AddressConfig, Door
from alerting.receivers.headers import Headers, plain
from alerting.receivers.webhook import alert
from slo.units import Duration

PATH = "/api/v2/alerts"
ALERTS_LIMIT = 500  # of one incident; a service has fewer rules
# A notice has no end that would be told, so it stands for as long as one is sure to be noticed.
NOTICE_STANDS = timedelta(minutes=5)
_NO_LABEL = re.compile(r"[^a-zA-Z0-9_]")


class AlertmanagerConfig(AddressConfig):
    """`alertmanager:` in config.yaml. `url` is its address, as Prometheus would be given it."""

    headers: Headers = Field(
        default_factory=dict, description="Sent with each request; the values count as secrets."
    )
    expires: Duration = Field(
        timedelta(hours=24),
        gt=timedelta(minutes=5),
        description="How long an alert goes on firing there once Nines says nothing more of it.",
    )


Alert = dict[str, Any]


def alerts(message: Message, now: datetime, expires: timedelta) -> list[Alert]:
    """The body of POST /api/v2/alerts: what fires, until `expires` has passed, and what is over."""
    return [_alert(line, message, now, expires) for line in message.alerts[:ALERTS_LIMIT]]


class Alertmanager:
    """One Alertmanager. It knows an alert by its labels, so nothing that comes twice is told twice.

    Alertmanager keeps alerts in memory alone: `resend` says again what stands, so that one that was
    started anew knows it too.
    """

    def __init__(self, config: AlertmanagerConfig, now: Callable[[], datetime]) -> None:
        self._config = config
        self._now = now
        self._url = f"{config.url.value.rstrip('/').removesuffix(PATH)}{PATH}"
        self._door = Door(
            "Alertmanager", config, *plain(config.headers).values(), twice_is_once=True
        )
        self._turn = asyncio.Lock()  # what stands must not overtake what is news

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt:
        """Post the alerts of one message; any 2xx is a yes."""
        del handle, attempt  # it knows the alerts by their labels
        async with self._turn:
            return await self._post(alerts(message, self._now(), self._config.expires))

    async def resend(self, standing: list[Message]) -> Receipt | None:
        """Say once more what was said last of each incident."""
        now, expires = self._now(), self._config.expires
        said = [one for message in standing for one in alerts(message, now, expires)]
        if not said:
            return None
        async with self._turn:
            return await self._post(said)

    async def close(self) -> None:
        """Nothing stays open."""
        self._door.close()

    async def _post(self, body: list[Alert]) -> Receipt:
        headers: Mapping[str, str] = {
            "content-type": "application/json",
            **plain(self._config.headers),
        }
        answer = await self._door.send("POST", self._url, json.dumps(body).encode(), headers)
        if not answer.taken:
            raise self._door.refused(answer)
        return Receipt(f"{self._door.who} took {len(body)} alert(s)", answer.status)


def build(config: AlertmanagerConfig, *, external_url: str) -> Alertmanager:
    """The receiver. Raises ValueError when a file it needs cannot be used."""
    del external_url  # messages bring their addresses
    return Alertmanager(config, partial(datetime.now, UTC))


def label_name(name: str) -> str:
    """A name that every Alertmanager takes: letters, digits and _, no digit first."""
    safe = _NO_LABEL.sub("_", name) or "_"
    return f"_{safe}" if safe[0].isdigit() else safe


def _alert(line: AlertLine, message: Message, now: datetime, expires: timedelta) -> Alert:
    written = alert(line, message)
    if message.kind is NotificationKind.NOTICE:
        end = message.decided_at + NOTICE_STANDS
    else:
        end = evidence.ended_at(message, line) or now + expires
    # It refuses an end before the start, which a clock that was set could make.
    end = max(end, line.started_at)
    labels = {label_name(name): value for name, value in written["labels"].items() if value}
    address = written["generatorURL"]
    followed = address.isascii() and address.startswith(("https://", "http://"))
    return {
        "labels": labels,  # the same in every message of this rule: they are its identity
        "annotations": written["annotations"] | {"incident_url": message.incident_url},
        "startsAt": written["startsAt"],
        "endsAt": end.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "generatorURL": address if followed and address.isprintable() else "",
    }
