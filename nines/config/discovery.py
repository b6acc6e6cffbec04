"""Where targets are discovered, and the service that each of them becomes."""

import hashlib
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from collectors.target import HttpUrl
from nines.config.sd import Target, parse_groups
from slo.fields import PositiveDuration
from slo.secret import SecretText

_STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
_SHORTEST = timedelta(seconds=5)


class DnsNames(BaseModel):
    """Names whose records are the targets."""

    model_config = _STRICT

    names: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    type: Literal["SRV", "A", "AAAA"] = "SRV"
    port: int | None = Field(None, ge=1, le=65535, strict=True, description="Of A and AAAA.")

    @model_validator(mode="after")
    def _addresses_have_a_port(self) -> Self:
        if (self.port is None) != (self.type == "SRV"):
            raise ValueError("write a port with A and AAAA; SRV records have their own")
        return self


_GROUPS_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "targets": {"type": "array", "items": {"type": "string"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["targets"],
        "additionalProperties": False,
    },
}
Groups = Annotated[
    tuple[Target, ...],
    BeforeValidator(lambda value: parse_groups(value, "targets")),
    WithJsonSchema(_GROUPS_SCHEMA),
]


class Sources(BaseModel):
    """Where the targets of a group are found: in one place or several."""

    model_config = _STRICT

    targets: Groups = Field((), description="Written here, in Prometheus's form.")
    files: tuple[str, ...] = Field((), description="Prometheus's file_sd: *.json, *.yml, *.yaml.")
    http: HttpUrl | None = Field(None, description="Prometheus's http_sd.")
    bearer_token: SecretText | None = Field(None, description="For `http`.")
    dns: DnsNames | None = None
    refresh: PositiveDuration = Field(
        timedelta(seconds=30), description="How often to look. At least 5s."
    )

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if not (self.targets or self.files or self.http or self.dns):
            raise ValueError("name a source of targets: `targets`, `files`, `http` or `dns`")
        if self.bearer_token is not None and self.http is None:
            raise ValueError("bearer_token is of no use without http")
        if self.refresh < _SHORTEST:
            raise ValueError("refresh is at least 5s")
        for pattern in self.files:
            if not pattern.endswith((".json", ".yml", ".yaml")):
                raise ValueError(f"{pattern!r}: a file of targets ends in .json, .yml or .yaml")
        return self

    @property
    def is_asked(self) -> bool:
        """Whether somebody has to be asked over the network."""
        return self.http is not None or self.dns is not None

    @property
    def key(self) -> str:
        """A name for where it looks: what was found elsewhere is not of it."""
        told = self.model_dump_json(include={"targets", "files", "http", "dns"})
        return hashlib.sha256(told.encode()).hexdigest()[:16]
