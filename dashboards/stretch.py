"""A stretch of time cut into steps, for a chart and its table."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from slo.definition import SLO
from slo.epoch import ceiling
from slo.window import Rolling

TABLE_STEPS = 24
FIVE_MINUTES = timedelta(minutes=5)
BUCKET = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time cut into steps, for one chart and its table."""

    start: datetime
    end: datetime
    step: timedelta


def stretch(length: timedelta, now: datetime, least: timedelta = BUCKET) -> Stretch:
    """The last `length`, in about 24 steps that lie on whole buckets; it reaches up to now.

    `least` is the finest step that its counts are kept in.
    """
    grain = FIVE_MINUTES if length >= TABLE_STEPS * FIVE_MINUTES else least
    step = max(-(-length // TABLE_STEPS // grain) * grain, grain)
    end = ceiling(now, grain)
    steps = -(-length // step)
    return Stretch(end - steps * step, end, step)


def window_length(slo: SLO, now: datetime) -> timedelta:
    """How long the SLO's window is by now: a period of the calendar has only begun at first."""
    if isinstance(slo.window, Rolling):
        return slo.window.length
    elapsed = now - slo.window.start(now)
    return max(-(-elapsed // FIVE_MINUTES) * FIVE_MINUTES, FIVE_MINUTES)
