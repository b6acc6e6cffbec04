"""Charts repeat the SLO's arithmetic along time, and sparklines let small things be seen."""

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction

import pytest

from dashboards import charts
from dashboards.source import Point
from tests.web.fakes import NOW, make_slo

SLO = make_slo("shop", "checkout")
STEP = timedelta(minutes=5)
START = NOW.replace(second=0)


def points(*counts: tuple[int, int]) -> Sequence[Point]:
    return [Point(START + n * STEP, good, bad, 0) for n, (good, bad) in enumerate(counts)]


def test_the_burn_rate_is_that_of_the_lookback_that_ends_with_the_step() -> None:
    drawn = charts.columns(
        SLO, points((90, 10), (100, 0), (0, 0), (0, 0)), STEP, lookbacks=[2 * STEP]
    )

    assert drawn.burn["10m"] == [100, 50, 0, None]


def test_the_lead_feeds_the_lookbacks_and_is_not_drawn() -> None:
    drawn = charts.columns(SLO, points((90, 10), (100, 0)), STEP, lead=1, lookbacks=[2 * STEP])

    assert drawn.good == [100]
    assert drawn.burn["10m"] == [pytest.approx(50)]
    assert drawn.t == [int((START + STEP).timestamp())]


def test_a_step_below_ten_seconds_burns_over_lookbacks_that_end_with_it() -> None:
    second = timedelta(seconds=1)
    each = [Point(START + n * second, 1, int(n == 2), 0, seen=1) for n in range(8)]

    drawn = charts.columns(SLO, each, second, lookbacks=[4 * second])

    assert drawn.burn["4s"] == [0, 0, 250, 200, 200, 200, 0, 0]


def test_one_failure_can_be_seen_and_one_percent_differs_from_fifty() -> None:
    bars = charts.sparkline(SLO, points((100_000, 0), (99_999, 1), (99, 1), (50, 50))).bars

    heights = [float(bar.height) for bar in bars]
    assert heights == sorted(set(heights))


def test_a_bar_says_by_its_tone_whether_it_burned_too_fast_or_saw_nothing() -> None:
    bars = charts.sparkline(SLO, points((9_995, 5), (90, 10), (0, 0))).bars

    assert [bar.tone for bar in bars] == ["calm", "over", "void"]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([(0, 0)], "Last 7 days: no data"),
        ([(100, 0), (100, 0)], "Last 7 days: worst 4 h burned 0x"),
        (
            [(90, 10), (0, 0), (100, 0)],
            "Last 7 days: worst 4 h burned 100x, 1 of 3 stretches above 1x, 1 without data",
        ),
    ],
)
def test_a_sparkline_says_in_words_what_it_shows(counts: list[tuple[int, int]], words: str) -> None:
    assert charts.sparkline(SLO, points(*counts)).words == words


@pytest.mark.parametrize(
    ("remaining", "start", "length", "tone"),
    [
        ("1", "0.00", "100.00", "good"),
        ("0.2", "0.00", "20.00", "low"),
        ("0", "0.00", "0.00", "gone"),
        ("-0.1", "12.00", "8.00", "gone"),
        ("-4", "0.00", "20.00", "gone"),
    ],
)
def test_a_gauge_fills_from_its_zero_line_and_stops_at_its_ends(
    remaining: str, start: str, length: str, tone: str
) -> None:
    bar = charts.gauge(Fraction(remaining))

    assert bar is not None
    assert (bar.start, bar.length, bar.tone) == (start, length, tone)


def test_without_a_budget_there_is_no_gauge() -> None:
    assert charts.gauge(None) is None
