"""A suppressor: why nobody is newly told of an alert that is counted and recorded all the same."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SuppressorKind(StrEnum):
    """What holds an alert back."""

    SILENCE = "silence"  # somebody asked for quiet
    MUTE = "mute"  # the route is quiet in a time interval
    INACTIVE = "inactive"  # the route speaks only in a time interval
    INHIBITED = "inhibited"  # another alert says it already
    DEPENDENCY = "dependency"  # what it depends on fires, and says it already
    FLAPPING = "flapping"  # its rule fires and clears again and again


@dataclass(frozen=True, slots=True)
class Suppressor:
    """One of them: `id` finds it again, `words` say it to people, `until` is when it may end."""

    kind: SuppressorKind
    id: str
    words: str
    until: datetime | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.id}" + (f" ({self.words})" if self.words else "")
