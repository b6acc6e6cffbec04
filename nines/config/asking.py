"""How often targets may be asked, and when they are asked once more."""

import contextlib
import re
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from collectors.dns import server_at
from collectors.rate_limit import RateLimit, parse_rate_limit
from collectors.target import HostPort
from slo.fields import PositiveDuration

_LATEST_CONFIRMATION = timedelta(minutes=1)
_STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _resolver(value: object) -> HostPort:
    if isinstance(value, HostPort):
        return value
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            server = server_at(value, 53)
            ip_address(server.host)
            return server
    raise ValueError(f"{value!r} is no address of a resolver: write 192.0.2.53 or [::1]:5353")


ResolverAddress = Annotated[
    HostPort,
    PlainValidator(_resolver),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["192.0.2.53", "[::1]:5353"]}),
]


class ConfirmConfig(BaseModel):
    """The look by other means that follows a probe's first failure."""

    model_config = _STRICT

    after: PositiveDuration = Field(timedelta(seconds=1), description="How soon. At most 1m.")
    resolver: ResolverAddress | None = Field(
        None, description="The address of a second resolver, such as 192.0.2.53 or [::1]:5353."
    )

    @model_validator(mode="after")
    def _is_soon(self) -> Self:
        if self.after > _LATEST_CONFIRMATION:
            raise ValueError("`after` is how soon the look follows a failure: write at most 1m")
        return self


def _host_pattern(value: str) -> str:
    host = value.strip().lower()
    if not re.fullmatch(r"(\*\.)?[^\s*/@?#]+", host) or (":" in host and not _is_address(host)):
        raise ValueError(
            f"{value!r} is no host: write api.shop.example, *.shop.example or an address, without "
            "a port"
        )
    return host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class RateLimitConfig(BaseModel):
    """How often hosts may be asked, all of them together."""

    model_config = _STRICT

    hosts: tuple[Annotated[str, AfterValidator(_host_pattern)], ...] = Field(
        min_length=1, description="Host names, addresses, or *.name for all below it."
    )
    at_most: Annotated[
        RateLimit,
        PlainValidator(parse_rate_limit),
        PlainSerializer(str),
        WithJsonSchema({"type": "string", "examples": ["100/15m"]}),
    ] = Field(description="Requests in a time.")

    def takes(self, host: str) -> bool:
        """Whether a host is one of them."""
        return any(
            host.endswith(one[1:]) if one.startswith("*.") else host == one for one in self.hosts
        )
