"""What past weeks would have made of an objective: exact, and of what is known alone."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from slo.counts import Counts
from slo.definition import EventsSLI, GaugeSLI
from slo.exposition import MANY_PROCESSES, Page, Sample, Series
from slo.hindsight import WEEK, Week, look_back, suggest, weeks_before, weeks_met
from slo.objective import Objective
from slo.selector import parse_selector
from slo.threshold import Side, parse_threshold

END = datetime(2026, 11, 21, 12, tzinfo=UTC)
STEP = timedelta(hours=2)
EVERY, BAD = parse_selector("requests"), parse_selector('requests{code="500"}')
EVENTS = EventsSLI("p", total=(EVERY,), bad=(BAD,))
STEPS = WEEK // STEP


def week(good: int, bad: int, seen: int = 10, due: int = 10) -> Week:
    return Week(END - WEEK, END, Counts(good, bad), seen, due)


def objective(percent: str) -> Objective:
    return Objective(Decimal(percent) / 100)


def page(good: float, bad: float) -> Page:
    samples = {
        Series("requests", (("code", "200"),)): Sample(good),
        Series("requests", (("code", "500"),)): Sample(bad),
    }
    return Page(samples, MANY_PROCESSES)


def test_nothing_is_rounded_before_it_is_compared() -> None:
    exactly, above = week(999_000, 1_000), week(998_999_999, 1_000_001)

    assert exactly.meets(objective("99.9"))
    assert not above.meets(objective("99.9"))
    assert float(above.counts.good_ratio or 0) == pytest.approx(0.999, abs=1e-8)


def test_weeks_of_which_too_little_is_kept_say_nothing() -> None:
    weeks = [week(10, 0), week(0, 0), week(10, 0, seen=4), week(10, 5)]

    assert weeks_met(weeks, objective("99")) == (1, 2)
    assert suggest([week(0, 0)]) is None
    assert suggest([]) is None


@pytest.mark.parametrize(("missed", "percent"), [(0, "99.99"), (1, "99.99"), (2, "99"), (10, "99")])
def test_the_strictest_that_nine_of_ten_weeks_met_is_suggested(missed: int, percent: str) -> None:
    weeks = [week(990, 10)] * missed + [week(1_000, 0)] * (10 - missed)

    assert suggest(weeks) == objective(percent)


def test_what_is_never_met_is_not_suggested() -> None:
    assert suggest([week(1, 9)] * 10) is None


def test_counters_are_counted_by_the_engine_through_resets() -> None:
    weeks = weeks_before(END, 2)
    pages, good, bad = {}, 500.0, 50.0
    for number in range(2 * STEPS + 1):
        if number == STEPS // 2:
            good, bad = 0.0, 0.0  # begun again
        pages[weeks[0].start + number * STEP] = page(good, bad)
        good, bad = good + 10, bad + (number >= STEPS)

    first, second = look_back(EVENTS, pages, weeks, STEP)

    assert first.counts == Counts(10 * (STEPS - 1), 0)  # what came before the restart is not known
    assert second.counts == Counts(10 * STEPS, STEPS)
    assert (first.seen, first.due, second.seen, second.due) == (STEPS,) * 4


def test_what_was_counted_while_nothing_was_kept_is_spread_over_that_time() -> None:
    weeks = weeks_before(END, 2)
    edge = weeks[1].start
    pages = {weeks[0].start: page(0, 0), edge - 2 * STEP: page(0, 0), edge + 2 * STEP: page(400, 0)}

    first, second = look_back(EVENTS, pages, weeks, STEP)

    assert first.counts.good + second.counts.good == 400
    assert first.counts.good == second.counts.good
    assert not first.is_known  # most of it was not kept


def test_a_gauge_counts_each_sample() -> None:
    sli = GaugeSLI("p", (parse_selector("up"),), Side.ABOVE, parse_threshold(0))
    weeks = weeks_before(END, 1)
    pages = {
        weeks[0].start + number * STEP: Page(
            {
                Series("up", (("i", "a"),)): Sample(1),
                Series("up", (("i", "b"),)): Sample(number % 2),
            },
            MANY_PROCESSES,
        )
        for number in range(1, STEPS + 1)
    }

    (one,) = look_back(sli, pages, weeks, STEP)

    assert one.counts == Counts(STEPS + STEPS // 2, STEPS // 2)
