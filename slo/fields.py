"""How the values of an SLO are written in the configuration, and read."""

import re
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from slo.objective import Objective
from slo.selector import Selector, SelectorError, parse_selector
from slo.threshold import Threshold, parse_threshold
from slo.units import (
    DURATION_PATTERN,
    PERCENT_PATTERN,
    Duration,
    Percent,
    format_duration,
    format_percent,
    parse_duration,
    parse_percent,
)
from slo.window import Calendar, Period
from slo.zone import parse_zone

NAME_PATTERN = r"[a-z0-9][a-z0-9_-]*"
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_CALENDAR = re.compile(r"(day|week|month|quarter|year) +(\S+)", re.IGNORECASE)
_LIKE_CALENDAR = re.compile(
    r"(?:calendar[ -])?(dai|day|week|month|quarter|year)(?:ly)?\b", re.IGNORECASE
)
_SHORTEST_WINDOW = timedelta(minutes=5)
_LONGEST_WINDOW = timedelta(days=366)
_MOST_VARIANTS = 8  # objectives, and windows, of one SLO
_MOST_PARTS = 50  # that one SLI is derived from
_MOST_WEIGHT = 1_000_000


def parse_objective(value: object) -> Decimal:
    """Read `99.9%` as an objective's share, strictly between 0 and 1. Raises ValueError."""
    return Objective(parse_percent(value)).share


Promised = TypeVar("Promised", Decimal, timedelta | Calendar)


def _several(value: object) -> object:
    """One is a list of one."""
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError("the list is empty; write at least one")
        if len(value) > _MOST_VARIANTS:
            raise ValueError(f"{len(value)} are too many to be told apart; write at most 8")
        return value
    return (value,)


def _distinct(values: tuple[Promised, ...]) -> tuple[Promised, ...]:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"{_written(value)} is there twice")
    return values


def _written(value: Decimal | timedelta | Calendar) -> str:
    if isinstance(value, Calendar):
        return value.label
    return format_duration(value) if isinstance(value, timedelta) else format_percent(value)


def parse_window(value: object) -> timedelta | Calendar:
    """Read `30d` (rolling) or `month Asia/Tokyo` (the calendar). Raises ValueError."""
    if isinstance(value, Calendar):
        return value
    written = _CALENDAR.fullmatch(value.strip()) if isinstance(value, str) else None
    if written is not None:
        return Calendar(Period(written[1].lower()), parse_zone(written[2]))
    like = _LIKE_CALENDAR.match(value.strip()) if isinstance(value, str) else None
    if like is not None:
        period = like[1].lower().replace("dai", "day")
        raise ValueError(
            "a calendar window is a period and its time zone: "
            f"`{period} Europe/Berlin`, or `{period} UTC`"
        )
    return parse_length(value)


def parse_length(value: object) -> timedelta:
    """Read `30d` as the length of a rolling window. Raises ValueError."""
    length = parse_duration(value)
    if not _SHORTEST_WINDOW <= length <= _LONGEST_WINDOW:
        raise ValueError(
            f"a window of {format_duration(length)} is too "
            f"{'short' if length < _SHORTEST_WINDOW else 'long'}; write 5m to 366d"
        )
    return length


def parse_selectors(value: object) -> tuple[Selector, ...]:
    """Read one series selector or a list of them. Raises ValueError."""
    texts = value if isinstance(value, list | tuple) else [value]
    if not texts:
        raise ValueError("the list of selectors is empty")
    return tuple(_selector(text) for text in texts)


def _selector(text: object) -> Selector:
    if isinstance(text, Selector):
        return text
    if not isinstance(text, str):
        raise ValueError('a selector is text, such as http_requests_total{code=~"5.."}')
    try:
        return parse_selector(text)
    except SelectorError as error:
        raise ValueError(f"{text!r} is not a selector: {error}") from error


def _label(name: str) -> str:
    if not _LABEL.fullmatch(name):
        raise ValueError(f"{name!r} is not a label name: letters, digits and _, no digit first")
    return name


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("a duration of 0 makes no sense here")
    return value


def _marks(values: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    for value in values:
        if not 0 <= value < 1:
            raise ValueError(
                f"a mark of the remaining budget is 0% or more and less than 100%, not "
                f"{format_percent(value)}"
            )
        if values.count(value) > 1:
            raise ValueError(f"{format_percent(value)} stands there twice")
    return tuple(sorted(values, reverse=True))


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(
            f"{value!r} names nothing: write a name of this service, or `service/name` of another"
        )
    return value


def _names(value: object) -> tuple[str, ...]:
    """Read a list of references. Raises ValueError."""
    names = [_name(name) for name in (value if isinstance(value, list | tuple) else [value])]
    if len(names) > _MOST_PARTS:
        raise ValueError(f"{len(names)} are too many; at most {_MOST_PARTS} may be named")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"`{twice}` is named twice")
    return tuple(names)


def _weights(value: object) -> dict[str, int]:
    """Read names with their weights. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError(
            "weights are names with whole numbers, such as {web/login: 3, pay/charge: 1}"
        )
    for name, weight in zip(_names(list(value)), value.values(), strict=True):
        if type(weight) is not int or not 1 <= weight <= _MOST_WEIGHT:
            raise ValueError(
                f"{weight!r} is no weight for `{name}`: write a whole number, 1 to {_MOST_WEIGHT:,}"
            )
    return value


def _factor(value: object) -> Fraction:
    """Read a burn rate; a float stands for the decimal it is written as."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal | Fraction):
        raise ValueError("a factor is a number, such as 14.4")
    try:
        factor = value if isinstance(value, Fraction) else Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{value!r} is not a factor: write a number, such as 14.4") from None
    if factor <= 0:
        raise ValueError("a factor must be more than 0")
    return factor


_WINDOW_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": rf"{DURATION_PATTERN}|^(day|week|month|quarter|year) \S+$",
    "examples": ["30d", "28d", "7d", "month Asia/Tokyo"],
}
_OBJECTIVE_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": PERCENT_PATTERN,
    "examples": ["99.9%"],
}
_SELECTOR_SCHEMA: dict[str, Any] = {"type": "string", "minLength": 1}


def _one_or_several(schema: dict[str, Any]) -> dict[str, Any]:
    several = {"type": "array", "items": schema, "minItems": 1, "maxItems": _MOST_VARIANTS}
    return {"anyOf": [schema, several]}


ObjectiveShare = Annotated[
    Decimal,
    BeforeValidator(parse_objective),
    PlainSerializer(format_percent),
    WithJsonSchema(_OBJECTIVE_SCHEMA),
]
WindowValue = Annotated[
    timedelta | Calendar,
    PlainValidator(parse_window),
    PlainSerializer(
        lambda value: value.label if isinstance(value, Calendar) else format_duration(value)
    ),
    WithJsonSchema(_WINDOW_SCHEMA),
]
WindowLength = Annotated[Duration, AfterValidator(parse_length)]
Objectives = Annotated[
    tuple[ObjectiveShare, ...],
    BeforeValidator(_several),
    AfterValidator(_distinct),
    WithJsonSchema(_one_or_several(_OBJECTIVE_SCHEMA)),
]
Windows = Annotated[
    tuple[WindowValue, ...],
    BeforeValidator(_several),
    AfterValidator(_distinct),
    WithJsonSchema(_one_or_several(_WINDOW_SCHEMA)),
]
Selectors = Annotated[
    tuple[Selector, ...],
    BeforeValidator(parse_selectors),
    PlainSerializer(lambda selectors: [str(selector) for selector in selectors]),
    WithJsonSchema(
        {"anyOf": [_SELECTOR_SCHEMA, {"type": "array", "items": _SELECTOR_SCHEMA, "minItems": 1}]}
    ),
]
Factor = Annotated[
    Fraction,
    BeforeValidator(_factor),
    PlainSerializer(float),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]
ThresholdValue = Annotated[
    Threshold,
    BeforeValidator(parse_threshold),
    PlainSerializer(str),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string"}], "examples": ["200ms", "70%", 1000]}
    ),
]
_REFERENCE_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": f"^({NAME_PATTERN}/)?{NAME_PATTERN}$",
}
References = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema({"type": "array", "items": _REFERENCE_SCHEMA, "minItems": 2}),
]
Weights = Annotated[
    dict[str, int],
    BeforeValidator(_weights),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 1, "maximum": _MOST_WEIGHT},
            "minProperties": 2,
        }
    ),
]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
LabelName = Annotated[str, AfterValidator(_label)]

BudgetMarks = Annotated[
    tuple[Percent, ...],
    AfterValidator(_marks),
    Field(max_length=20, examples=[["50%", "25%", "0%"]]),
]

FROZEN = ConfigDict(
    frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True
)
