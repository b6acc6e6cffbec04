"""A clock that can stand in the past while it is written."""

from datetime import datetime
from typing import Protocol


class PastClock(Protocol):
    """A clock that can be set; with None it goes on as before."""

    def now(self) -> datetime: ...

    def set(self, at: datetime | None) -> None: ...
