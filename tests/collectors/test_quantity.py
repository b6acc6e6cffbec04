"""Numbers as programs write them."""

from fractions import Fraction

import pytest

from collectors.quantity import parse_scale, read_quantity


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (7, 7),
        (2**60 + 1, 2**60 + 1),
        (0.25, 0.25),
        ("7", 7),
        ("12 ms", 0.012),
        ("12ms", 0.012),
        ("98.5%", 0.985),
        (" 3 MiB ", 3 * 2**20),
        ("1.5 kB", 1500),
        ("-2.5e3", -2500),
        ("2h", 7200),
    ],
)
def test_a_number_is_read_in_base_units(written: object, read: float) -> None:
    found = read_quantity(written)

    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    "written",
    [True, None, [], {}, "", "ms", "1,234", "12 parsecs", "NaN", "Infinity", "1e999", "0x10",
     "9" * 200, float("nan"), float("inf"), "1 2"],
)  # fmt: skip
def test_what_is_no_number_is_none_and_never_nought(written: object) -> None:
    assert read_quantity(written) is None


def test_a_scale_is_applied_to_the_decimal_that_was_written() -> None:
    assert read_quantity(98.5, Fraction(1, 100)) == 0.985
    assert read_quantity("250", Fraction(1, 1000)) == 0.25
    assert read_quantity(3, Fraction(1000)) == 3000
    assert parse_scale(0.01) == Fraction(1, 100)


@pytest.mark.parametrize("written", [0, "a", True, None, "1/3", "1e9999999"])
def test_a_scale_that_is_none_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="is no factor"):
        parse_scale(written)
