"""Buttons in Slack: what they bear, whether a press is Slack's word, and who pressed what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import parse_qs

from alerting.callbacks import content
from alerting.callbacks.refusal import RefusedError

SIGNATURE_HEADER = "x-slack-signature"
STAMP_HEADER = "x-slack-request-timestamp"
WINDOW = timedelta(seconds=300)  # Slack's own advice: an older request is a replay
SILENCE_FOR = timedelta(hours=1)

_STAMP = re.compile(r"[0-9]{1,12}")
_VALUE = re.compile(r"v1\.([0-9A-Za-z_-]{1,64})\.([0-9]{1,9})")
_ID = re.compile(r"[0-9A-Z]{1,32}")
_UNSIGNED = (
    "The signature is not Slack's: check the receiver's signing_secret, and the clocks of both."
)


class Button(StrEnum):
    """What can be pressed; the value is Slack's action_id."""

    ACKNOWLEDGE = "nines_acknowledge"
    SILENCE = "nines_silence_1h"


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody pressed a button in the message of a revision of an incident.

    `channel` is where, as Slack's id; empty when the payload does not say.
    """

    button: Button
    incident_id: str
    revision: int
    user_id: str
    user_name: str
    channel: str = ""


def value(incident_id: str, revision: int) -> str | None:
    """What the buttons of a message bear; None when the id is none that could come back."""
    bears = f"v1.{incident_id}.{revision}"
    return bears if _VALUE.fullmatch(bears) else None


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The signature of a request that Slack signed within the window. Raises RefusedError."""
    stamp, given = headers.get(STAMP_HEADER, ""), headers.get(SIGNATURE_HEADER, "")
    if not _STAMP.fullmatch(stamp):
        raise RefusedError(401, _UNSIGNED)
    expected = "v0=" + content.signature(secret, b"v0:%s:%s" % (stamp.encode(), body))
    fresh = abs(now.timestamp() - int(stamp)) <= WINDOW.total_seconds()
    if not content.same(expected, [given]) or not fresh:
        raise RefusedError(401, _UNSIGNED)
    return expected


def read(body: bytes) -> Press | None:
    """The press; None when it is none of our buttons. Raises RefusedError."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=10)
    except ValueError as error:
        raise RefusedError(400, "The body is no form.") from error
    payload = fields.get("payload")
    if payload is None or len(payload) != 1:
        raise RefusedError(400, "The form has no field `payload`.")
    said = content.json_object(payload[0])
    if said.get("type") != "block_actions":
        return None
    actions = said.get("actions")
    for action in actions if isinstance(actions, list) else ():
        pressed = content.member(action, "action_id")
        if pressed in list(Button):
            return _press(Button(pressed), content.member(action, "value"), said)
    return None


def _press(button: Button, bears: object, said: Mapping[str, object]) -> Press:
    found = _VALUE.fullmatch(bears) if isinstance(bears, str) else None
    if found is None:
        raise RefusedError(400, "The button bears a value that is none of ours.")
    user_id = content.member(said, "user", "id")
    if not isinstance(user_id, str) or not _ID.fullmatch(user_id):
        raise RefusedError(400, "The payload does not say who pressed.")
    name = content.text(content.member(said, "user", "name"))
    name = name or content.text(content.member(said, "user", "username"))
    where = content.member(said, "channel", "id")
    channel = where if isinstance(where, str) and _ID.fullmatch(where) else ""
    return Press(button, found[1], int(found[2]), user_id, name or user_id, channel)
