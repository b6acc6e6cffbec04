"""What an HTTP answer may be expected to be, as config.yaml says it."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

from collectors.pattern import JsonPathText, RegexText
from collectors.settings import Strict, positive
from collectors.size import Size, format_size
from slo.units import Duration, format_duration

Scalar = str | int | float | bool | None


def _status(value: object) -> tuple[int | str, ...]:
    """Read 200, "2xx" or a list of them. Raises ValueError."""
    found = value if isinstance(value, list | tuple) else [value]
    if not found:
        raise ValueError("name at least one status")
    for status in found:
        named = isinstance(status, str) and len(status) == 3 and status[0] in "12345"
        if named and str(status).endswith("xx"):
            continue
        if type(status) is not int or not 100 <= status <= 599:
            raise ValueError(f"{status!r} is not a status: write 200, [200, 204] or 2xx")
    return tuple(found)


def _write_status(statuses: tuple[int | str, ...]) -> object:
    return statuses[0] if len(statuses) == 1 else list(statuses)


_STATUS_SCHEMA: JsonSchemaValue = {
    "anyOf": [
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": "^[1-5]xx$"},
    ]
}
Statuses = Annotated[
    tuple[int | str, ...],
    PlainValidator(_status),
    PlainSerializer(_write_status),
    WithJsonSchema(
        {"anyOf": [_STATUS_SCHEMA, {"type": "array", "items": _STATUS_SCHEMA, "minItems": 1}]}
    ),
]


class HeaderPattern(Strict):
    """A header's value, searched."""

    regex: RegexText


def _header(value: object) -> str | HeaderPattern:
    match value:
        case str() | HeaderPattern():
            return value
        case Mapping():
            return HeaderPattern.model_validate(value)
        case _:
            raise ValueError("expect a header to be a text (quoted), or {regex: ...}")


def _write_header(value: str | HeaderPattern) -> object:
    return value if isinstance(value, str) else {"regex": str(value.regex)}


HeaderExpectation = Annotated[
    str | HeaderPattern,
    PlainValidator(_header),
    PlainSerializer(_write_header),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"regex": {"type": "string"}},
                    "required": ["regex"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a bound is a number")
    return value


Number = Annotated[int | float, PlainValidator(_number), WithJsonSchema({"type": "number"})]


class JsonCondition(Strict):
    """What a JSON value must be, when it is not simply equal to a scalar."""

    above: Number | None = None
    below: Number | None = None
    one_of: tuple[Scalar, ...] | None = Field(default=None, min_length=1)
    exists: bool | None = Field(default=None, strict=True)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        bounds = self.above is not None or self.below is not None
        if bounds + (self.one_of is not None) + (self.exists is not None) != 1:
            raise ValueError("write above and/or below, or one_of, or exists")
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise ValueError(f"nothing lies above {self.above} and below {self.below}")
        return self


class JsonEquals(Strict):
    """A JSON value equal to this scalar: of the same type, numbers by value."""

    equals: Scalar


def _json_expectation(value: object) -> JsonEquals | JsonCondition:
    match value:
        case JsonEquals() | JsonCondition():
            return value
        case str() | int() | float() | None:
            return JsonEquals.model_construct(equals=value)
        case Mapping():
            return JsonCondition.model_validate(value)
        case _:
            raise ValueError("expect a text, a number, true, false, null or a condition")


def _write_json_expectation(value: JsonEquals | JsonCondition) -> object:
    if isinstance(value, JsonEquals):
        return value.equals
    return value.model_dump(mode="json", exclude_none=True)


JsonExpectation = Annotated[
    JsonEquals | JsonCondition,
    PlainValidator(_json_expectation),
    PlainSerializer(_write_json_expectation),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "number", "boolean", "null"]},
                {
                    "type": "object",
                    "properties": {
                        "above": {"type": "number"},
                        "below": {"type": "number"},
                        "one_of": {"type": "array", "minItems": 1},
                        "exists": {"type": "boolean"},
                    },
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class SizeExpect(Strict):
    """How long a body must be, once it is decoded."""

    at_least: Size | None = None
    at_most: Size | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("write at_least and/or at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("nothing is of a size that is at least more than at most")
        return self


def _version(value: object) -> str:
    """As it is said after `HTTP/`; YAML reads a number."""
    text = str(value).removesuffix(".0") if value in (2, 2.0, "2.0") else str(value)
    if isinstance(value, bool) or text not in _VERSIONS:
        raise ValueError(f"{value!r} is no version of HTTP that is spoken here: write 1.1 or 2")
    return text


_VERSIONS = ("1.0", "1.1", "2")
HttpVersion = Annotated[
    str, PlainValidator(_version), WithJsonSchema({"enum": [1.0, 1.1, 2, *_VERSIONS]})
]


class HttpExpect(Strict):
    """What an answer must be; the first that it is not gives the run its cause."""

    status: Statuses = ("2xx",)
    version: HttpVersion | None = None
    headers: Mapping[str, HeaderExpectation] = Field(default_factory=dict)
    body: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_one_or_many)
    ] = ()
    body_regex: RegexText | None = None
    json_: Mapping[JsonPathText, JsonExpectation] = Field(default_factory=dict, alias="json")
    size: SizeExpect | None = None
    compression: Literal["gzip", "none"] | None = None
    latency: Duration | None = None
    certificate_days: int | None = Field(default=None, ge=0, strict=True)

    @field_validator("latency")
    @classmethod
    def _latency_ispositive(cls, value: timedelta | None) -> timedelta | None:
        return positive(value)

    @property
    def looks_at_body(self) -> bool:
        """Whether any assertion needs the body."""
        return bool(self.body or self.body_regex or self.json_ or self.size)

    def beyond(self, body_limit: int) -> str | None:
        """Why a size cannot be judged of a body that is left at this limit; None where it can."""
        bounds = (self.size.at_least, self.size.at_most) if self.size is not None else ()
        if any(bound is not None and bound >= body_limit for bound in bounds):
            return f"body_limit, {format_size(body_limit)}, must be larger than what `size` expects"
        return None


def never_judged(latency: timedelta, timeout: timedelta) -> str:
    """Why a latency beyond the timeout makes no sense."""
    return (
        f"a latency of {format_duration(latency)} is longer than the timeout, "
        f"{format_duration(timeout)}, so that it could never be judged"
    )
