"""The exact edges of a window: which buckets it sums, and in which unit."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slo.ledger import FIVE_MINUTES, epoch_micros, unit_seconds
from slo.window import Calendar, Window


@dataclass(frozen=True, slots=True)
class Edges:
    """The buckets of `unit` that start in [start, now]; `end` is where the last one ends."""

    start: datetime
    end: datetime
    unit: timedelta


def edges(length: timedelta, now: datetime, bucket_seconds: int) -> Edges:
    """The window [ceil_u(now) - length, now], as `Ledger.window` sums it."""
    seconds = int(length.total_seconds())
    unit = unit_seconds(seconds, bucket_seconds)
    micros, unit_micros = epoch_micros(now), unit * 1_000_000
    ceiling, last = -(-micros // unit_micros), micros // unit_micros
    return Edges(
        start=datetime.fromtimestamp(ceiling * unit - seconds, UTC),
        end=datetime.fromtimestamp((last + 1) * unit, UTC),
        unit=timedelta(seconds=unit),
    )


def edges_of(window: Window, now: datetime, bucket_seconds: int) -> Edges:
    """An SLO's own window; that of the calendar is summed by five minutes, however long it is."""
    if not isinstance(window, Calendar):
        return edges(window.length, now, bucket_seconds)
    last = epoch_micros(now) // (FIVE_MINUTES * 1_000_000)
    return Edges(
        start=window.start(now),
        end=datetime.fromtimestamp((last + 1) * FIVE_MINUTES, UTC),
        unit=timedelta(seconds=FIVE_MINUTES),
    )
