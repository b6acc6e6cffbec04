"""What the schedule drives, and the clock that both are handed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

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
