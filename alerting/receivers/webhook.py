"""Post to any HTTP address: Alertmanager's body (version 4), signed as Standard Webhooks are."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from alerting import wording
from alerting.alert import sli_of
from alerting.notification import AlertLine, Handle, Message, NotificationKind, Receipt
from alerting.origin import fingerprint
from alerting.receivers import evidence
from alerting.receivers.door import AddressConfig, Door
from alerting.receivers.headers import Headers, plain
from alerting.receivers.source import TemplatedConfig
from alerting.receivers.text import printable
from alerting.service import Service, rule_labels
from slo.secret import Secret, SecretText

ALERTS_LIMIT = 100  # the rest is counted in truncatedAlerts
TEXT_LIMIT = 10_000

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix of secrets, not one
# Go's zero time: how Alertmanager says that an alert has no end yet.
NO_END = "0001-01-01T00:00:00Z"


def _signing_secret(secret: Secret) -> Secret:
    _key(secret)
    return secret


class WebhookConfig(AddressConfig, TemplatedConfig):
    """`webhook:` in config.yaml. The address counts as a secret: many hold a token."""

    headers: Headers = Field(
        default_factory=dict, description="Sent with each request; the values count as secrets."
    )
    secret: Annotated[SecretText, AfterValidator(_signing_secret)] | None = Field(
        None, description="A Standard Webhooks secret (whsec_...) to sign with."
    )

    @field_validator("headers")
    @classmethod
    def _not_ours(cls, headers: Mapping[str, Secret]) -> Mapping[str, Secret]:
        for name in headers:
            if name.lower() == "content-type" or name.lower().startswith("webhook-"):
                raise ValueError(f"the header {name} is set by Nines")
        return headers


def body(message: Message, external_url: str) -> dict[str, Any]:
    """Alertmanager's webhook body (version 4); what only Nines knows is under `nines`."""
    alerts = [alert(line, message) for line in message.alerts[:ALERTS_LIMIT]]
    # A canary fires nothing: whoever counts what fires must not be woken by it.
    over = message.kind.over or message.kind is NotificationKind.CANARY
    return {
        "version": "4",
        "groupKey": f"nines:{message.incident_id}",
        "truncatedAlerts": max(len(message.alerts) - ALERTS_LIMIT, 0),
        "status": "resolved" if over else "firing",
        "receiver": message.receiver,
        "notification_reason": _text(message.what_changed),
        "groupLabels": {"service": _text(message.service)},
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": external_url,
        "alerts": alerts,
        "nines": {
            "notification_id": message.notification_id,
            "incident_id": message.incident_id,
            "incident_url": message.incident_url,
            "kind": str(message.kind),
            "revision": message.revision,
            "severity": str(message.severity),
            "title": _text(message.title),
            "text": _text(wording.paragraph(message)),
            "opened_at": _time(message.opened_at),
            "decided_at": _time(message.decided_at),
            "resolved_at": _time(message.resolved_at) if message.resolved_at else None,
            "acknowledged_by": message.acknowledged_by and _text(message.acknowledged_by),
            "linked_to": message.linked_to,
        },
    }


def alert(line: AlertLine, message: Message) -> dict[str, Any]:
    """One alert as Alertmanager writes it; one from outside as its sender did."""
    over = evidence.ended_at(message, line)
    # Whoever keeps alerts open until their end is told it with the first word.
    is_news = message.kind is NotificationKind.NOTICE
    if line.origin is not None:
        labels, annotations = dict(line.origin.labels), dict(line.origin.annotations)
        mark = line.rule.rpartition("/")[2]  # of all its labels, which a message may cut
    else:
        labels, annotations = _labels(line, message), _annotations(line, message)
        mark = fingerprint(labels)
    return {
        "status": "resolved" if over and not is_news else "firing",
        "labels": {_text(key): _text(value) for key, value in labels.items()},
        "annotations": {key: _text(value) for key, value in annotations.items() if value},
        "startsAt": _time(line.started_at),
        "endsAt": _time(over) if over else NO_END,
        "generatorURL": line.dashboard_url,
        "fingerprint": mark,
    }


def _labels(line: AlertLine, message: Message) -> dict[str, str]:
    if line.labels:
        return dict(line.labels)
    # What an older version decided has the service's labels in the message alone.
    service = Service(message.service, message.service_title, labels=message.labels)
    return rule_labels(service, sli_of(line.slo), line.severity, line.kind, line.rule)


def _annotations(line: AlertLine, message: Message) -> dict[str, str]:
    return {
        "summary": wording.line_text(line),
        "description": line.facts.reason,
        "runbook_url": message.runbook or "",
        **{what.lower(): text for what, text in evidence.rows(line)},
    }


def signed(
    notification_id: str, content: bytes, secret: Secret | None, now: datetime
) -> dict[str, str]:
    """The three headers of Standard Webhooks; without a secret the signature is left out."""
    stamp = str(int(now.timestamp()))
    headers = {"webhook-id": notification_id, "webhook-timestamp": stamp}
    if secret is not None:
        to_sign = f"{notification_id}.{stamp}.".encode() + content
        digest = hmac.new(_key(secret), to_sign, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


class Webhook:
    """One address. Those who remember `webhook-id` can tell a repetition from news."""

    def __init__(
        self, config: WebhookConfig, external_url: str, now: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._external_url = external_url
        self._now = now
        values = plain(config.headers).values()
        self._door = Door("The webhook", config, *values, twice_is_once=True)

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt:
        """Post once; any 2xx is a yes."""
        del handle, attempt  # the id is the same at every try
        content = json.dumps(body(message, self._external_url)).encode()
        headers = {
            "content-type": "application/json",
            **plain(self._config.headers),
            **signed(message.notification_id, content, self._config.secret, self._now()),
        }
        answer = await self._door.send("POST", self._config.url.value, content, headers)
        if not answer.taken:
            raise self._door.refused(answer)
        return Receipt(f"{self._door.who} answered {answer.status}", answer.status)

    async def close(self) -> None:
        """Nothing stays open."""
        self._door.close()


def build(config: WebhookConfig, *, external_url: str) -> Webhook:
    """The receiver. Raises ValueError when a file it needs cannot be used."""
    return Webhook(config, external_url, partial(datetime.now, UTC))


def _key(secret: Secret) -> bytes:
    """The bytes of a `whsec_` secret. Source: the Standard Webhooks specification."""
    encoded = secret.value.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if encoded == secret.value or not 24 <= len(key) <= 64:
        raise ValueError(
            f"a signing secret is {SECRET_PREFIX} and the base64 of 24 to 64 random bytes"
        )
    return key


def _common(each: list[dict[str, str]]) -> dict[str, str]:
    """What all of them say alike."""
    first, *rest = each or [{}]
    return {key: value for key, value in first.items() if all(o.get(key) == value for o in rest)}


def _text(value: str) -> str:
    return wording.clip(printable(value), TEXT_LIMIT)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
