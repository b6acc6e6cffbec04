"""Durations and percentages as people write them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.units import format_duration, format_percent, parse_duration, parse_percent


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15s", 15), ("1h30m", 5400), ("500ms", 0.5), ("30d", 2_592_000), ("4w", 2_419_200)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "15", "1.5h", "30m1h", "1 h", "5M", "-5s", 15, True, None])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@given(st.integers(0, 10**11))
def test_a_written_duration_reads_back(milliseconds: int) -> None:
    value = timedelta(milliseconds=milliseconds)

    assert parse_duration(format_duration(value)) == value


@pytest.mark.parametrize(
    ("text", "share"), [("99.9%", "0.999"), ("0.05 %", "0.0005"), ("100%", "1")]
)
def test_a_percentage_is_exactly_the_decimal_that_was_written(text: str, share: str) -> None:
    assert parse_percent(text) == Decimal(share)


@pytest.mark.parametrize("text", ["99.9", 99.9, "%", "NaN%", "inf%", None])
def test_what_is_no_percentage_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not a percentage"):
        parse_percent(text)


def test_a_decimal_percentage_keeps_every_digit() -> None:
    assert format_percent(Decimal("0.99995")) == "99.995%"
