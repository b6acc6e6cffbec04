"""What a collector may look like in config.yaml; the key that holds the target is its kind."""

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

from collectors.pattern import JsonPathText, RegexText
from collectors.size import Size
from collectors.target import HttpUrl, Target
from slo.secret import Secret, SecretText
from slo.units import Duration, format_duration

MAX_REDIRECTS = 10
Scalar = str | int | float | bool | None


class _Strict(BaseModel):
    """Unknown keys are errors, and no error prints what was written: it may be a secret."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class BasicAuth(_Strict):
    """User and password of HTTP's basic scheme."""

    username: str
    password: SecretText


class TlsOptions(_Strict):
    """How a TLS connection is made and whom it trusts; the system's authorities by default."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False

    @model_validator(mode="after")
    def _key_needs_certificate(self) -> Self:
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file is of no use without cert_file")
        if self.ca_file is not None and self.insecure_skip_verify:
            raise ValueError("ca_file is of no use with insecure_skip_verify: nothing is verified")
        return self


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


class HeaderPattern(_Strict):
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


class JsonCondition(_Strict):
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


class JsonEquals(_Strict):
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


class HttpExpect(_Strict):
    """What an answer must be; the first that it is not gives the run its cause."""

    status: Statuses = ("2xx",)
    headers: Mapping[str, HeaderExpectation] = Field(default_factory=dict)
    body: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_one_or_many)
    ] = ()
    body_regex: RegexText | None = None
    json_: Mapping[JsonPathText, JsonExpectation] = Field(default_factory=dict, alias="json")
    latency: Duration | None = None
    certificate_days: int | None = Field(default=None, ge=0, strict=True)

    @field_validator("latency")
    @classmethod
    def _latency_is_positive(cls, value: timedelta | None) -> timedelta | None:
        return _positive(value)

    @property
    def looks_at_body(self) -> bool:
        """Whether any assertion needs the body."""
        return bool(self.body or self.body_regex or self.json_)


class _Collector(_Strict):
    """What every kind has; None is filled in from `defaults`."""

    interval: Duration | None = None
    timeout: Duration | None = None

    @field_validator("interval", "timeout")
    @classmethod
    def _is_positive(cls, value: timedelta | None) -> timedelta | None:
        return _positive(value)


class _Request(_Collector):
    """What HTTP requests have in common, whatever is made of the answer."""

    headers: Mapping[str, SecretText] = Field(default_factory=dict)
    basic_auth: BasicAuth | None = None
    bearer_token: SecretText | None = None
    tls: TlsOptions = TlsOptions()
    follow_redirects: bool = True

    @field_validator("headers")
    @classmethod
    def _headers_can_be_sent(cls, headers: Mapping[str, Secret]) -> Mapping[str, Secret]:
        for name, secret in headers.items():
            value = secret.value
            if not name.isascii() or not all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name):
                raise ValueError(f"{name!r} is not a header name")
            if not value.isascii() or any(c in "\r\n\0" for c in value):
                raise ValueError(f"the header {name} holds characters that cannot be sent")
        return headers

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> Self:
        own_header = any(name.lower() == "authorization" for name in self.headers)
        if own_header + (self.basic_auth is not None) + (self.bearer_token is not None) > 1:
            raise ValueError(
                "only one of basic_auth, bearer_token and an Authorization header can be sent"
            )
        return self


class HttpConfig(_Request):
    """Probe an address over HTTP."""

    http: HttpUrl
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    body: str | None = None
    body_limit: Size = 1 << 20
    expect: HttpExpect = HttpExpect()

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.method == "HEAD" and self.expect.looks_at_body:
            raise ValueError("an answer to HEAD has no body: expect nothing of it, or use GET")
        plain = self.http.lower().startswith("http:") and not self.follow_redirects
        if plain and self.expect.certificate_days is not None:
            raise ValueError("certificate_days: there is no certificate without https")
        late = self.expect.latency
        if late is not None and self.timeout is not None and late > self.timeout:
            raise ValueError(
                f"expect.latency {format_duration(late)} is longer than the timeout "
                f"{format_duration(self.timeout)}, so that it could never be judged"
            )
        return self


class PrometheusConfig(_Request):
    """Scrape a page of metrics."""

    prometheus: HttpUrl
    page_limit: Size = 64 << 20


class TcpConfig(_Collector):
    """Open a TCP connection; perhaps say something, perhaps wait for an answer."""

    tcp: Target
    send: str | None = None
    expect: str | None = Field(default=None, min_length=1)


class TlsConfig(_Collector):
    """Make a TLS handshake and look at the certificate."""

    tls: Target
    server_name: str | None = None
    ca_file: Path | None = None
    insecure_skip_verify: bool = False
    certificate_days: int | None = Field(default=None, ge=0, strict=True)


AnyCollector = HttpConfig | PrometheusConfig | TcpConfig | TlsConfig
KINDS: Mapping[str, type[AnyCollector]] = {
    "http": HttpConfig,
    "prometheus": PrometheusConfig,
    "tcp": TcpConfig,
    "tls": TlsConfig,
}


def _by_kind(value: object, _: ValidatorFunctionWrapHandler) -> AnyCollector:
    """Validate as the kind that the keys name, so that an error's place is the key's own."""
    if isinstance(value, AnyCollector):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(
            "a collector is a mapping whose key is its kind, such as http: https://..."
        )
    kinds = list(_kinds(value))
    match kinds:
        case [kind]:
            return KINDS[kind].model_validate(value)
        case []:
            raise ValueError(f"a collector has a kind: one of {', '.join(KINDS)} holds its target")
        case _:
            raise ValueError(f"a collector has one kind, not {' and '.join(kinds)}")


def _kinds(value: Mapping[str, object]) -> Iterator[str]:
    for kind in KINDS:
        # `tls:` with options below it belongs to the http or prometheus beside it.
        if kind in value and not (kind == "tls" and isinstance(value["tls"], Mapping)):
            yield kind


CollectorConfig = Annotated[AnyCollector, WrapValidator(_by_kind)]


def _positive(value: timedelta | None) -> timedelta | None:
    if value is not None and value <= timedelta(0):
        raise ValueError("it must be longer than nothing")
    return value
