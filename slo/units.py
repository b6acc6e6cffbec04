"""Read and write units: durations such as `1h30m`, shares such as `99.9%`."""

import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNIT_MILLISECONDS = {
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?")
DURATION_PATTERN = r"^(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$"
PERCENT_PATTERN = r"^-?\d+(\.\d+)?\s?%$"


def parse_duration(text: object) -> timedelta:
    """Read `1h30m`; units w d h m s ms, largest first, each at most once. Raises ValueError."""
    if isinstance(text, timedelta):
        return text
    if isinstance(text, bool) or not isinstance(text, str):
        raise ValueError(f"{text!r} is not a duration: write a unit, such as 15s, 5m or 1h30m")
    match = _DURATION.fullmatch(text.strip())
    if match is None or not text.strip():
        raise ValueError(
            f"{text!r} is not a duration: write it such as 500ms, 15s, 5m, 1h30m, 30d or 4w"
        )
    milliseconds = sum(
        int(amount) * factor
        for amount, factor in zip(match.groups(), _UNIT_MILLISECONDS.values(), strict=True)
        if amount
    )
    # Beyond a century nothing here makes sense, and timedelta would overflow further on.
    if milliseconds > 36_525 * 86_400_000:
        raise ValueError(f"{text!r} is longer than a century")
    return timedelta(milliseconds=milliseconds)


@lru_cache(maxsize=1024)  # rules ask for the same few all the time
def format_duration(value: timedelta) -> str:
    """Write a duration as the configuration would: `1h30m`; weeks are written as days."""
    left = round(value / timedelta(milliseconds=1))
    if left == 0:
        return "0s"
    sign, left = ("-", -left) if left < 0 else ("", left)
    parts = []
    for unit, factor in _UNIT_MILLISECONDS.items():
        if unit == "w":
            continue
        amount, left = divmod(left, factor)
        if amount:
            parts.append(f"{amount}{unit}")
    return sign + "".join(parts)


def parse_percent(text: object) -> Decimal:
    """Read `99.9%` as the exact decimal 0.999. Raises ValueError; a bare number is refused."""
    if isinstance(text, Decimal):
        return text
    if not isinstance(text, str) or not text.strip().endswith("%"):
        raise ValueError(f"{text!r} is not a percentage: write it with its sign, such as 99.9%")
    try:
        value = Decimal(text.strip()[:-1].strip())
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a percentage: write it such as 99.9%") from None
    if not value.is_finite():
        raise ValueError(f"{text!r} is not a percentage: write it such as 99.9%")
    return value / 100


def format_percent(share: Decimal | Fraction | float, digits: int | None = None) -> str:
    """Write a share as a percentage; every digit of a Decimal, `digits` places of the rest."""
    if isinstance(share, Decimal) and digits is None:
        return f"{(share * 100).normalize():f}%"
    return f"{float(share) * 100:.{2 if digits is None else digits}f}%"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["15s", "1h30m"]}),
]
Percent = Annotated[
    Decimal,
    BeforeValidator(parse_percent),
    PlainSerializer(format_percent),
    WithJsonSchema({"type": "string", "pattern": PERCENT_PATTERN, "examples": ["99.9%"]}),
]
