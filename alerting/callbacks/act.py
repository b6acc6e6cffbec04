"""What an accepted callback asks for. Kept until it is done; pure decisions say what follows."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class ActKind(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"
    RESOLVED_ELSEWHERE = "resolved_elsewhere"
    RECEIPT = "receipt"
    NOTE = "note"
    NOTHING = "nothing"  # believed, and of no consequence


@dataclass(frozen=True, slots=True)
class Act:
    """`where` names the way it came ("Slack"); `revision` is that of the message, if it has one.

    `heard_from` is the receiver that knows already and is not told again.
    """

    kind: ActKind
    receiver: str
    incident_id: str = ""
    by: str = ""
    where: str = ""
    text: str = ""
    revision: int | None = None
    heard_from: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def act_from_json(text: str) -> Act:
    """Undo `to_json`."""
    said = json.loads(text)
    return Act(**(said | {"kind": ActKind(said["kind"])}))
