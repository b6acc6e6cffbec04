"""What a number looks like on a page, and that it never looks better than it is."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import format as write
from slo.objective import Objective
from slo.window import Rolling

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def plain(text: str) -> str:
    return text.replace(write.NBSP, " ")


def objective(percent: str) -> Objective:
    return Objective(Decimal(percent) / 100)


@pytest.mark.parametrize(
    ("ratio", "target", "shown"),
    [
        pytest.param("0.99996", "99.99", "99.996 %", id="the oracle figure"),
        pytest.param("0.9995123", "99.95", "99.951 %", id="one decimal more than the target"),
        pytest.param("0.9999999999", "99.9", "99.99 %", id="almost all is not all"),
        pytest.param("1", "99.9", "100 %", id="all is all"),
        pytest.param("0.99899999", "99.9", "99.89 %", id="below the target stays below it"),
        pytest.param("0", "99", "0.0 %", id="nothing good"),
        pytest.param("0.987", "99", "98.7 %", id="a target without decimals"),
    ],
)
def test_an_sli_has_one_decimal_more_than_its_target_and_is_cut(
    ratio: str, target: str, shown: str
) -> None:
    assert plain(write.sli(Fraction(ratio), objective(target))) == shown


@given(good=st.integers(0, 10**12), bad=st.integers(1, 10**12))
def test_an_sli_with_one_bad_event_is_never_shown_as_100_percent(good: int, bad: int) -> None:
    assert not write.sli(Fraction(good, good + bad), objective("99.99")).startswith("100")


@pytest.mark.parametrize(
    ("remaining", "shown"),
    [
        pytest.param("1", "100 %", id="untouched"),
        pytest.param("0.99999", "99.9 %", id="hardly touched"),
        pytest.param("0.629", "62 %", id="cut, not rounded"),
        pytest.param("0.0349", "3.4 %", id="finer when little is left"),
        pytest.param("0", "0 %", id="spent to the event"),
        pytest.param("-0.0004", "-0.1 %", id="hardly over is over"),
        pytest.param("-0.12", "-12 %", id="over"),
        pytest.param("-4", "-400 %", id="far over"),
    ],
)
def test_a_budget_is_cut_and_may_be_negative(remaining: str, shown: str) -> None:
    assert plain(write.budget(Fraction(remaining))) == shown


def test_no_data_is_said_in_words_and_never_as_a_number() -> None:
    nothing = {
        write.sli(None, objective("99.9")),
        write.budget(None),
        write.burn(None),
        write.share(None),
        write.coverage(None),
    }

    assert nothing == {"no data"}


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (Fraction(0), "0x"),
        (Fraction(1, 10_000), "<0.01x"),
        (Fraction(7, 100), "0.07x"),
        (Fraction(7, 10), "0.7x"),
        (Fraction(98, 100), "0.98x"),
        (Fraction(104, 100), "1.04x"),
        (Fraction(1), "1x"),
        (Fraction(1421, 100), "14.2x"),
        (Fraction(1000), "1000x"),
    ],
)
def test_a_burn_rate_shows_which_side_of_one_it_is_on(rate: Fraction, shown: str) -> None:
    assert write.burn(rate) == shown


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        ("0", "0 %"),
        ("0.0006652", "0.067 %"),
        ("0.00000001", "0.000001 %"),
        ("0.117", "12 %"),
        ("0.9999", "99.99 %"),
        ("0.99999999", "99.99 %"),
        ("1", "100 %"),
    ],
)
def test_some_failures_are_never_shown_as_none_nor_as_all(ratio: str, shown: str) -> None:
    assert plain(write.share(Fraction(ratio))) == shown


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (timedelta(milliseconds=300), "under 1 s"),
        (timedelta(seconds=42), "42 s"),
        (timedelta(minutes=4, seconds=19.2), "4 min 19 s"),
        (timedelta(minutes=43, seconds=12), "43 min"),
        (timedelta(hours=3, minutes=43), "3 h 43 min"),
        (timedelta(hours=5), "5 h"),
        (timedelta(days=2, hours=4), "2 d 4 h"),
        (timedelta(days=40, hours=4), "40 d"),
        (-timedelta(minutes=5), "5 min"),
    ],
)
def test_a_length_of_time_has_two_units_at_most(length: timedelta, shown: str) -> None:
    assert plain(write.span(length)) == shown


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (NOW - timedelta(seconds=8), "8 s ago"),
        (NOW + timedelta(minutes=25), "in 25 min"),
        (NOW, "just now"),
    ],
)
def test_a_time_is_seen_from_now(at: datetime, shown: str) -> None:
    assert plain(write.ago(at, NOW)) == shown


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (datetime(2026, 11, 21, 3, 4, tzinfo=UTC), "03:04 UTC"),
        (datetime(2026, 11, 24, 14, 2, tzinfo=UTC), "Tue 24 Nov 14:02 UTC"),
        (datetime(2025, 1, 2, 3, 4, tzinfo=UTC), "Thu 2 Jan 2025 03:04 UTC"),
    ],
)
def test_a_stamp_says_no_more_of_the_date_than_it_must(at: datetime, shown: str) -> None:
    assert write.stamp(at, NOW) == shown


def test_a_moment_bears_the_time_for_machines_and_in_full() -> None:
    made = write.moment(NOW - timedelta(hours=2), NOW)

    assert made.iso == "2026-11-21T10:00:00+00:00"
    assert made.absolute == "2026-11-21 10:00:00 UTC"
    assert plain(made.relative) == "2 h ago"


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (timedelta(0), "0 ms"),
        (timedelta(microseconds=840), "0.8 ms"),
        (timedelta(milliseconds=123), "123 ms"),
        (timedelta(seconds=1.236), "1.24 s"),
    ],
)
def test_a_latency_is_told_in_the_unit_that_fits(length: timedelta, shown: str) -> None:
    assert plain(write.latency(length)) == shown


@pytest.mark.parametrize(
    ("window", "shown"),
    [
        (timedelta(days=30), "30-day"),
        (timedelta(hours=12), "12-hour"),
        (timedelta(minutes=90), "90-minute"),
    ],
)
def test_a_window_is_named_inside_a_sentence(window: timedelta, shown: str) -> None:
    assert write.window_name(Rolling(window)) == shown


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (NOW - 2 * HOUR, NOW - HOUR, "10:00 to 11:00 UTC"),
        (NOW - 26 * HOUR, NOW - 25 * HOUR, "Fri 20 Nov 10:00 to 11:00 UTC"),
        (NOW - 26 * HOUR, NOW - HOUR, "Fri 20 Nov 10:00 to today 11:00 UTC"),
        (NOW - 50 * HOUR, NOW - 26 * HOUR, "Thu 19 Nov 10:00 to Fri 20 Nov 10:00 UTC"),
        (NOW - timedelta(seconds=150), NOW, "11:57:30 to 12:00:00 UTC"),
    ],
)
def test_a_stretch_is_told_by_its_ends(start: datetime, end: datetime, said: str) -> None:
    assert write.between(start, end, NOW) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(seconds=150), "2.5 minutes"),
        (timedelta(hours=30), "30 hours"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=75), "75 minutes"),
        (timedelta(days=60), "60 days"),
        (timedelta(seconds=10), "10 seconds"),
        (timedelta(seconds=40), "40 seconds"),
    ],
)
def test_a_whole_length_is_said_in_one_unit(length: timedelta, said: str) -> None:
    assert plain(write.length(length)) == said
