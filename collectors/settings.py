"""What collectors of several kinds have in common in config.yaml."""

import base64
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from slo.secret import Secret, SecretText
from slo.units import Duration


class Strict(BaseModel):
    """Unknown keys are errors, and no error prints what was written: it may be a secret."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class BasicAuth(Strict):
    """User and password of HTTP's basic scheme."""

    username: str
    password: SecretText

    @property
    def header(self) -> str:
        """As it is sent (RFC 7617)."""
        user = f"{self.username}:{self.password.value}".encode()
        return f"Basic {base64.b64encode(user).decode()}"


class TlsOptions(Strict):
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


class CollectorSettings(Strict):
    """What every kind has; None is filled in from `defaults`."""

    interval: Duration | None = None
    timeout: Duration | None = None

    def within(self, timeout: timedelta) -> Iterator[tuple[tuple[str, ...], str]]:  # noqa: ARG002 - of kinds
        """What cannot be within this timeout: its place in these settings, and a sentence."""
        yield from ()

    def metric_types(self) -> Mapping[str, str] | None:
        """`counter` or `gauge` by metric, where the settings name all that there will be."""
        return None

    @field_validator("interval", "timeout")
    @classmethod
    def _ispositive(cls, value: timedelta | None) -> timedelta | None:
        return positive(value)


class HeaderOptions(Strict):
    """What an HTTP request bears of ours."""

    headers: Mapping[str, SecretText] = Field(default_factory=dict)
    basic_auth: BasicAuth | None = None
    bearer_token: SecretText | None = None

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


class RequestOptions(HeaderOptions):
    """What an HTTP request bears, and whether it goes on where it is sent."""

    follow_redirects: bool = True


class RequestSettings(RequestOptions, CollectorSettings):
    """What collectors that ask over HTTP have in common, whatever is made of the answer."""

    tls: TlsOptions = TlsOptions()


def positive(value: timedelta | None) -> timedelta | None:
    """The duration, if there is one. Raises ValueError."""
    if value is not None and value <= timedelta(0):
        raise ValueError("it must be longer than nothing")
    return value
