"""What looks by other means saw: the newest of each collector."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look by other means saw."""

    at: datetime
    text: str


class Findings:
    """Asked by whoever words an alert."""

    def __init__(self) -> None:
        self._newest: dict[str, Finding] = {}

    def add(self, collector_id: str, finding: Finding) -> None:
        self._newest[collector_id] = finding

    def keep(self, collector_ids: Set[str]) -> None:
        """Forget those of all others."""
        self._newest = {id_: one for id_, one in self._newest.items() if id_ in collector_ids}

    def since(self, collector_id: str, at: datetime) -> str | None:
        """What was found after that; None where nothing was."""
        found = self._newest.get(collector_id)
        return found.text if found is not None and found.at >= at else None
