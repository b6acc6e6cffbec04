"""Every point of a burn chart is the engine's own window at that instant."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from dashboards.series import lookbacks_of, series
from dashboards.source import Point
from slo.evaluate import evaluate, read_burn
from slo.ledger import Ledger
from slo.status import SLOStatus
from tests.slo.builders import T0, a_ledger, an_slo, book, instants

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = T0 + 4 * DAY + timedelta(hours=7, minutes=13, seconds=27)
# (start, length, good, bad) of what was observed, every minute.
STORY = (
    (T0, DAY, 60, 0),
    (T0 + DAY, HOUR, 30, 30),
    (T0 + DAY + HOUR, 2 * DAY, 600, 1),
    (T0 + 3 * DAY + 2 * HOUR, 3 * HOUR, 0, 0),  # looked at, and idle
    (T0 + 3 * DAY + 5 * HOUR, NOW - T0 - 3 * DAY - 5 * HOUR, 59, 1),
)


def watched(until: Sequence[datetime] = (NOW,)) -> Iterator[Ledger]:
    """The ledger as it stood at each of these instants; what is due then is not in it yet."""
    ledger, known = a_ledger(an_slo()), T0
    for instant in until:
        for start, length, good, bad in STORY:
            for at in instants(start, start + length, MINUTE):
                if known <= at < instant:
                    book(ledger, at, good, bad)
        known = instant
        yield ledger


def status_now() -> SLOStatus:
    return evaluate(an_slo(), next(watched()), NOW, {}, T0)[0]


def points(start: datetime, end: datetime, step: timedelta) -> list[Point]:
    """The same story added up in steps."""
    found: dict[datetime, tuple[int, int, int]] = {}
    for begin, length, good, bad in STORY:
        at = begin
        while at < begin + length:
            place = start + (at - start) // step * step
            have = found.get(place, (0, 0, 0))
            found[place] = (have[0] + good, have[1] + bad, have[2] + 1)
            at += MINUTE
    steps = -(-(end - start) // step)
    starts = [start + number * step for number in range(steps)]
    counts = [found.get(at, (0, 0, 0)) for at in starts]
    return [
        Point(at, good, bad, 0, seen) for at, (good, bad, seen) in zip(starts, counts, strict=True)
    ]


@pytest.mark.parametrize(
    ("length", "step"),
    [(HOUR, MINUTE), (6 * HOUR, 30 * timedelta(seconds=1)), (DAY, 5 * MINUTE), (2 * DAY, HOUR)],
    ids=["1h by 1m", "6h by 30s", "24h by 5m", "48h by 1h"],
)
def test_a_drawn_burn_rate_is_the_engines_window_at_that_instant(
    length: timedelta, step: timedelta
) -> None:
    status = status_now()
    start, end = (NOW - length).replace(minute=0, second=0), NOW + step
    end = start + (end - start) // step * step
    lookbacks = lookbacks_of(status, step)

    drawn = series(
        status, points(start - max(lookbacks), end, step), start, step, lookbacks=lookbacks
    )

    assert drawn.burn is not None
    assert drawn.ends[-1] == NOW.timestamp()
    ends = [datetime.fromtimestamp(at, UTC) for at in drawn.ends]
    for at, ledger, *rates in zip(ends, watched(ends), *drawn.burn.values(), strict=True):
        engine = [read_burn(status.slo, ledger, lookback, at).rate for lookback in lookbacks]
        assert rates == [None if rate is None else float(rate) for rate in engine]


def test_a_lookback_whose_grain_does_not_fit_the_step_is_left_out() -> None:
    status = status_now()

    drawn = [str(each) for each in lookbacks_of(status, timedelta(seconds=40))]

    assert drawn == ["0:30:00", "1:00:00", "2:00:00", "6:00:00"]  # a day is counted by the minute


def test_what_began_after_the_newest_evaluation_is_not_drawn() -> None:
    status = status_now()
    late = NOW.replace(second=0) - HOUR
    made = points(late, NOW + 3 * MINUTE, MINUTE)

    drawn = series(status, made, late, MINUTE)

    assert drawn.t[-1] == NOW.replace(second=0).timestamp()
    assert drawn.running
