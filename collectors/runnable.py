"""What the schedule drives, and the clock that both are handed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from collectors.job import Ping
from collectors.observation import Observation
from slo.exposition import Page


class Clock(Protocol):
    """Wall time for stamps, monotonic seconds for waiting and measuring."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Runnable(Protocol):
    """A collector, ready to look.

    `run` ends within `timeout`, and turns whatever goes wrong into an observation; only
    cancellation passes through. `target` is for people: it holds no secret.
    """

    @property
    def id(self) -> str: ...  # service/collector

    @property
    def kind(self) -> str: ...

    @property
    def target(self) -> str: ...

    @property
    def interval(self) -> timedelta: ...

    @property
    def timeout(self) -> timedelta: ...

    async def run(self, due: datetime, clock: Clock) -> Observation: ...

    async def close(self) -> None: ...


@runtime_checkable
class ReadsOn(Protocol):
    """A collector that goes on over our restarts from the position that its last page told."""

    def go_on_from(self, left_at: Callable[[], str | None]) -> None:
        """`left_at` gives the last counted page's position; asked at the first look."""


@runtime_checkable
class IsFed(Protocol):
    """A collector that others send to."""

    def fed_by(self, page: Callable[[], Page]) -> None:
        """`page` gives what came so far; asked at every look."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a job told after a certain ping. `since`: from then on this process could be told;
    `refused`: when a ping could last not be stored; `until`: when the first of those came in that
    are being stored.
    """

    pings: Sequence[Ping]
    since: datetime
    refused: datetime | None = None
    until: datetime | None = None


@runtime_checkable
class IsTold(Protocol):
    """A collector of what a job tells of its runs."""

    def told_by(self, heard: Callable[[int], Heard], left_at: Callable[[], str | None]) -> None:
        """`heard` gives what came after a ping's number, `left_at` the last counted position."""
