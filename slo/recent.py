"""What was counted lately: exact sums over one stretch of time that ends now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slo.increment import Increment
from slo.ledger import epoch_micros

SLOTS = 60  # the steps in which the stretch moves
_MICROSECOND = timedelta(microseconds=1)
_SLOT_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Slot:
    """One step of time: how much of it is known, and what happened in that."""

    number: int
    observed: int  # microseconds between pages whose increments are known
    good: int
    bad: int
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Sums:
    """What the stretch holds together; `observed` is the time that the events are of.

    `unknown` events happened too, and nobody can tell whether they were good.
    """

    observed: timedelta
    good: int
    bad: int
    unknown: int = 0

    @property
    def total(self) -> int:
        return self.good + self.bad


@dataclass(frozen=True, slots=True)
class Recent:
    """The last `over` in slots that hold events and the time that these are of.

    Between two pages all is known: their events and the time between them are kept together, so a
    rate is exact though a page was late or missing. What nobody knows is not there at all.
    """

    over: timedelta
    slots: tuple[Slot, ...] = ()  # by number

    def added(self, since: datetime | None, until: datetime, increment: Increment) -> "Recent":
        """With what was counted in (since, until], which is booked at its end.

        Left out is what says nothing of its time: a first page, events that nobody can tell apart,
        and a gap so long that its events would come to life again long after they happened.
        """
        if since is None or not since < until or not _is_known(increment):
            return self
        gap_since = increment.gap_since
        if gap_since is not None and (until - gap_since) * SLOTS > self.over:
            return self
        number = self._number(until)
        observed = (until - since) // _MICROSECOND
        kept = [slot for slot in self.slots if slot.number > number - SLOTS]
        have = next((slot for slot in kept if slot.number == number), Slot(number, 0, 0, 0))
        kept = [slot for slot in kept if slot.number != number]
        kept.append(
            Slot(
                number,
                have.observed + observed,
                have.good + increment.good,
                have.bad + increment.bad,
                have.unknown + increment.unknown,
            )
        )
        return Recent(self.over, tuple(sorted(kept, key=lambda slot: slot.number)))

    def sums(self, now: datetime) -> Sums:
        """What the last `over` holds; it moves by a sixtieth of itself, and is never longer."""
        number = self._number(now)
        mine = [slot for slot in self.slots if number - SLOTS < slot.number <= number]
        return Sums(
            sum(slot.observed for slot in mine) * _MICROSECOND,
            sum(slot.good for slot in mine),
            sum(slot.bad for slot in mine),
            sum(slot.unknown for slot in mine),
        )

    def _number(self, at: datetime) -> int:
        return epoch_micros(at) * SLOTS // (self.over // _MICROSECOND)

    def to_rows(self) -> list[list[int]]:
        """As lists of numbers, to be stored."""
        return [
            [slot.number, slot.observed, slot.good, slot.bad, slot.unknown] for slot in self.slots
        ]

    @classmethod
    def from_rows(cls, over: timedelta, rows: Sequence[Any]) -> "Recent":
        """What `to_rows` gave for a stretch as long. Raises ValueError for anything else."""
        slots = []
        for row in rows:
            if len(row) != _SLOT_FIELDS or not all(isinstance(one, int) for one in row):
                raise ValueError(f"{row!r} is no slot")
            slots.append(Slot(*row))
        return cls(over, tuple(slots))


def _is_known(increment: Increment) -> bool:
    """Whether the events between two pages are known, all but some that nobody can tell apart.

    Where nothing was counted and something is odd (another process answered), that is no silence.
    """
    if not increment.data:
        return False
    odd = increment.unknown or increment.anomalies
    return bool(increment.good + increment.bad) or not odd
