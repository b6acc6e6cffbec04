"""Read a number as programs write it: bare, or as text with a unit, in Prometheus's base units."""

import math
import re
from fractions import Fraction

UNITS: dict[str, Fraction] = {
    "": Fraction(1),
    "ns": Fraction(1, 10**9), "us": Fraction(1, 10**6), "µs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000), "s": Fraction(1), "sec": Fraction(1), "m": Fraction(60),
    "min": Fraction(60), "h": Fraction(3600), "d": Fraction(86_400),
    "%": Fraction(1, 100),
    "B": Fraction(1), "kB": Fraction(10**3), "KB": Fraction(10**3), "MB": Fraction(10**6),
    "GB": Fraction(10**9), "TB": Fraction(10**12),
    "KiB": Fraction(2**10), "MiB": Fraction(2**20), "GiB": Fraction(2**30), "TiB": Fraction(2**40),
}  # fmt: skip
_TEXT = re.compile(
    r"([+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?)\s?([^\d\s]*)"
)
_LONGEST = 100
_PLAIN = Fraction(1)
_DECIMALS = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,2})?")


def read_quantity(value: object, scale: Fraction = _PLAIN) -> int | float | None:
    """The number times `scale`, an int where it is whole; None where it is no finite number.

    Text may bear a unit: `12 ms` is 0.012, `98.5%` 0.985, `3 MiB` 3145728.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _of_text(value, scale)
    if isinstance(value, int):
        return value if scale == 1 else number(value * scale)
    if not isinstance(value, float) or not math.isfinite(value):
        return None
    # The decimal that was written, so that 98.5 by a hundredth is what 0.985 is.
    return value if scale == 1 else number(Fraction(repr(value)) * scale)


def _of_text(text: str, scale: Fraction) -> int | float | None:
    match = _TEXT.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    unit = UNITS.get(match[2]) if match is not None else None
    if match is None or unit is None:
        return None
    return number(Fraction(match[1]) * unit * scale)


def number(exact: Fraction) -> int | float | None:
    """The fraction as a sample has it; None where no float is as large."""
    if exact.denominator == 1 and abs(exact) < 10**30:
        return int(exact)
    try:
        return float(exact)
    except OverflowError:
        return None


def parse_scale(value: object) -> Fraction:
    """Read a factor such as 0.01 as the decimal that was written. Raises ValueError."""
    if isinstance(value, Fraction):
        return value
    text = "" if isinstance(value, bool) else str(value).strip()
    if _DECIMALS.fullmatch(text) is None or not (scale := Fraction(text)):
        raise ValueError(f"{value!r} is no factor: write a decimal that is not 0, such as 0.01")
    return scale
