"""The whole file as a model: what may stand in it, with a sentence about each key for editors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from alerting.config import AlertingConfig
from collectors.kinds import CollectorConfig
from nines.config.access import WebConfig
from nines.config.asking import ConfirmConfig, RateLimitConfig
from nines.config.deployments import DeploymentsConfig
from nines.config.discovery import Sources
from nines.config.gate import GateConfig
from nines.config.probe_endpoint import ProbeEndpoint
from nines.config.reports import ReportsConfig
from nines.config.status_page import StatusPageConfig
from slo.config import SLOConfig
from slo.exclusion_config import ExclusionConfig, MaintenanceConfig
from slo.fields import NAME_PATTERN, BudgetMarks, PositiveDuration, WindowValue
from slo.notices import DEFAULT_MARKS
from slo.rule_config import RuleConfig
from slo.secret import Secret, SecretText, to_secret
from slo.units import format_duration

BUCKETS = (1, 2, 5, 10)  # seconds: 10 and its divisors
DATABASES = ("sqlite:///", "postgresql+psycopg://")
_DETAIL_FLOOR = timedelta(days=3)  # windows up to here are summed from detail
_OWN_LABELS = frozenset(
    {"alertname", "service", "slo", "alert", "severity", "owner", "kind", "rule"}
    | {"objective", "window"}
)
_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\]]+)):(\d{1,5})")
_NAME = re.compile(NAME_PATTERN)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Listen:
    """The address that the server takes connections on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(value: object) -> Listen:
    """Read `127.0.0.1:9919` or `[::1]:9919`. Raises ValueError."""
    if isinstance(value, Listen):
        return value
    match = _LISTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or int(match[3]) > 65535:
        raise ValueError(
            f"{value!r} is not an address to listen on: write host:port, such as 127.0.0.1:9919, "
            "or 0.0.0.0:9919 for every interface"
        )
    return Listen(match[1] or match[2], int(match[3]))


def _name(value: object) -> object:
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > 100:
        raise ValueError(
            f"{value!r} is not a name: use small letters, digits, - and _, beginning with a letter "
            "or a digit, at most 100"
        )
    return value


def _dependency(value: object) -> object:
    if not isinstance(value, str) or not 1 <= len(value.split("/")) <= 2:
        raise ValueError(f"{value!r} is neither a service nor, as service/collector, a collector")
    for name in value.split("/"):
        _name(name)
    return value


def _label(value: str) -> str:
    if not _LABEL.fullmatch(value) or value.startswith("__"):
        raise ValueError(f"{value!r} is not a label name: letters, digits and _, no digit first")
    if value in _OWN_LABELS:
        raise ValueError(f"the label `{value}` is set by Nines itself; choose another name")
    return value


def _external_url(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = urlsplit(value.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{value!r} is not an address: write it such as https://nines.example.com")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("an external_url has no user, `?` or `#`")
    return value.strip().rstrip("/")


def _http_url(value: object) -> object:
    if isinstance(value, str) and not re.match(r"https?://[^/\s]", value):
        raise ValueError(f"{value!r} is not an address: it must begin with http:// or https://")
    return value


def _database(value: object) -> Secret:
    secret = to_secret(value)
    if not secret.value.startswith(DATABASES):
        raise ValueError(
            "a database is sqlite:///path or postgresql+psycopg://user@host/name; "
            f"this one begins with neither {' nor '.join(DATABASES)}"
        )
    return secret


def _bucket(value: timedelta) -> timedelta:
    if value not in {timedelta(seconds=seconds) for seconds in BUCKETS}:
        raise ValueError(
            f"a bucket is 10s or a divisor of it, 1s, 2s or 5s; {format_duration(value)} is none"
        )
    return value


Name = Annotated[
    str,
    BeforeValidator(_name),
    WithJsonSchema({"type": "string", "pattern": f"^{NAME_PATTERN}$", "maxLength": 100}),
]
DependencyName = Annotated[
    str,
    BeforeValidator(_dependency),
    WithJsonSchema({"type": "string", "pattern": f"^{NAME_PATTERN}(/{NAME_PATTERN})?$"}),
]
LabelName = Annotated[str, AfterValidator(_label)]
WebAddress = Annotated[
    str, BeforeValidator(_http_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]
ExternalURL = Annotated[
    str, BeforeValidator(_external_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]
ListenAddress = Annotated[
    Listen,
    PlainValidator(parse_listen),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["127.0.0.1:9919"]}),
]
DatabaseURL = Annotated[SecretText, PlainValidator(_database)]
Bucket = Annotated[
    PositiveDuration,
    AfterValidator(_bucket),
    WithJsonSchema({"enum": [f"{seconds}s" for seconds in BUCKETS]}),
]


class Retention(BaseModel):
    """How long counts are kept."""

    model_config = _STRICT

    detail: PositiveDuration = Field(
        timedelta(days=35), description="Counts by bucket. At least 3d."
    )
    sums: PositiveDuration = Field(timedelta(days=400), description="Five-minute sums.")

    @model_validator(mode="after")
    def _is_enough(self) -> Self:
        if self.detail < _DETAIL_FLOOR:
            raise ValueError(
                f"retention.detail of {format_duration(self.detail)} is too short: windows up to "
                "3d are summed from it; write at least 3d"
            )
        if self.sums < self.detail:
            raise ValueError(
                f"retention.sums ({format_duration(self.sums)}) must be at least "
                f"retention.detail ({format_duration(self.detail)})"
            )
        return self


class ServerConfig(BaseModel):
    """The service itself."""

    model_config = _STRICT

    listen: ListenAddress = Field(Listen("127.0.0.1", 9919), description="host:port.")
    external_url: ExternalURL = Field(
        "http://127.0.0.1:9919", description="How people reach it: the links in messages."
    )
    database: DatabaseURL = Field(
        Secret("sqlite:///nines.db"),
        description="sqlite:///path, or postgresql+psycopg://user@host/name.",
    )
    bucket: Bucket = Field(timedelta(seconds=10), description="The step in which events are kept.")
    retention: Retention = Retention()


class Defaults(BaseModel):
    """What collectors and SLOs take when they say nothing themselves."""

    model_config = _STRICT

    interval: PositiveDuration = timedelta(seconds=15)
    timeout: PositiveDuration = timedelta(seconds=5)
    window: WindowValue = timedelta(days=30)
    confirm: ConfirmConfig | Literal["off"] = Field(
        ConfirmConfig(),
        description="The look by other means that follows a probe's first failure; or `off`.",
    )
    notices: BudgetMarks = Field(
        DEFAULT_MARKS, description="Marks of the remaining error budget to be told of; [] for none."
    )

    @property
    def confirming(self) -> ConfirmConfig | None:
        """How to look once more; None where nobody is to."""
        return None if self.confirm == "off" else self.confirm


class ServiceConfig(BaseModel):
    """Something that is watched: its collectors and its promises."""

    model_config = _STRICT

    title: str | None = Field(None, min_length=1, description="Default: the service's name.")
    owner: str | None = Field(None, description="The team that is asked.")
    labels: Mapping[LabelName, str] = Field(
        default_factory=dict, description="For routing and filtering."
    )
    runbook: WebAddress | None = Field(None, description="What to do when it burns.")
    maintenance: tuple[ExclusionConfig, ...] = Field(
        (), description="Time that does not count for any of its SLOs."
    )
    depends_on: tuple[DependencyName, ...] = Field(
        (),
        description="Services, or collectors as service/collector, without which it fails: while "
        "one fires, this is not told beside it.",
    )
    collectors: Mapping[Name, CollectorConfig] = Field(default_factory=dict)
    slos: Mapping[Name, SLOConfig] = Field(default_factory=dict)
    alerts: Mapping[Name, RuleConfig] = Field(
        default_factory=dict, description="What is no SLO: thresholds held for a time."
    )


class ServiceTemplate(ServiceConfig):
    """The service that each discovered target becomes, with `{{label}}` in its texts."""

    name: str


def _as_template(value: object, _: ValidatorFunctionWrapHandler) -> ServiceTemplate:
    """Unread: what it means is known when the labels of a target are filled in."""
    if not isinstance(value, Mapping):
        raise ValueError("the service is a mapping with a `name`, such as shop-{{city}}")
    if not isinstance(value.get("name"), str) or not value["name"]:
        raise ValueError("the service lacks a `name`, such as shop-{{city}}")
    return ServiceTemplate.model_construct(name=value["name"])


class DiscoveryConfig(Sources):
    """A group of targets, each of which becomes a service."""

    service: Annotated[ServiceTemplate, WrapValidator(_as_template)]


class File(BaseModel):
    """The configuration of Nines."""

    model_config = _STRICT

    server: ServerConfig = ServerConfig()
    defaults: Defaults = Defaults()
    maintenance: tuple[MaintenanceConfig, ...] = Field(
        (), description="Time that does not count for services with certain labels."
    )
    rate_limits: Mapping[Name, RateLimitConfig] = Field(
        default_factory=dict, description="How often targets may be asked."
    )
    services: Mapping[Name, ServiceConfig] = Field(default_factory=dict)
    discovery: Mapping[Name, DiscoveryConfig] = Field(
        default_factory=dict, description="Services of targets that come and go."
    )
    alerting: AlertingConfig = AlertingConfig()
    web: WebConfig = WebConfig()
    deployments: DeploymentsConfig = Field(
        DeploymentsConfig(), description="Who may tell of releases by webhook."
    )
    gate: GateConfig = Field(GateConfig(), description="When releases may go.")
    reports: ReportsConfig = Field(ReportsConfig(), description="By day, week and month.")
    status_page: StatusPageConfig | None = Field(None, description="What customers see.")
    probe_endpoint: ProbeEndpoint | None = Field(
        None, description="/probe, for a Prometheus that asks for blackbox_exporter."
    )


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the whole file, for editors."""
    document = File.model_json_schema()
    _as_written(document)
    document["patternProperties"] = {"^x-": {"description": "Ignored: a place for anchors."}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://nines.invalid/config.schema.json",
        **document,
        "title": "Nines configuration",
    }


def _as_written(node: object) -> None:
    """Make the schema of the values one of the file, where `${NAME}` may stand for any of them."""
    if isinstance(node, list):
        for item in node:
            _as_written(item)
    if not isinstance(node, dict):
        return
    if "patternProperties" in node:
        node.setdefault("additionalProperties", False)  # other names are none
    if isinstance(node.get("pattern"), str) and node.get("type") == "string":
        node["pattern"] = rf"{node['pattern']}|\$\{{"
    for key in node:
        if key not in ("const", "enum", "default", "examples"):
            _as_written(node[key])
    for key, child in node.get("properties", {}).items():
        if isinstance(child, dict) and (
            "enum" in child or child.get("type") in ("integer", "number", "boolean")
        ):
            kept = {name: child.pop(name) for name in list(child) if name not in _ANNOTATIONS}
            node["properties"][key] = {
                **child,
                "anyOf": [kept, {"type": "string", "pattern": r"\$\{"}],
            }


_ANNOTATIONS = frozenset({"title", "description", "default", "examples"})
