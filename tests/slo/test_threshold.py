"""Numbers, durations and shares as the place where good ends."""

from decimal import Decimal

import pytest

from slo.threshold import parse_threshold


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("200ms", "0.2"),
        ("1h30m", "5400"),
        ("70%", "0.7"),
        (0.1, "0.1"),
        (1000, "1000"),
        ("-5", "-5"),
        ("2.5e-3", "0.0025"),
        ("9007199254740993", "9007199254740993"),
    ],
)
def test_a_threshold_is_exactly_what_was_written(written: object, value: str) -> None:
    threshold = parse_threshold(written)

    assert threshold.value == Decimal(value)
    assert str(threshold) == str(written)


@pytest.mark.parametrize("written", ["fast", "", "nan", "inf", True, None, [1], "1e99999", "10 ms"])
def test_what_is_no_number_is_refused_in_words(written: object) -> None:
    with pytest.raises(ValueError, match=r"a number|not a number|not a threshold"):
        parse_threshold(written)


def test_two_ways_to_write_a_threshold_are_one() -> None:
    assert parse_threshold("200ms") == parse_threshold(0.2) == parse_threshold("20%")
