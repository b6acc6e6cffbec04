"""`reports:` in config.yaml: whose clock reports go by, and who is mailed them."""

import re
from collections.abc import Mapping
from datetime import time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from alerting.receivers.email import Mailbox
from slo.zone import parse_zone

_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


def _zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a time zone: write its name, such as Europe/Berlin")
    return parse_zone(value)


Zone = Annotated[
    ZoneInfo,
    PlainValidator(_zone),
    PlainSerializer(lambda zone: zone.key, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]}),
]


def _clock(value: object) -> time:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise ValueError(f"{value!r} is no time of day: write it as 07:00, in 24 hours")
    return time.fromisoformat(value)


TimeOfDay = Annotated[
    time,
    PlainValidator(_clock),
    PlainSerializer(lambda at: f"{at:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": _CLOCK.pattern, "examples": ["07:00"]}),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[\w.-]+$")]


class ReportMailConfig(BaseModel):
    """A report that is mailed after each day, week or month."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: Literal["day", "week", "month"] = Field(description="What it tells of.")
    at: TimeOfDay = Field(
        time(7), description="The first time that the clock shows this after its end."
    )
    zone: Zone | None = Field(None, description="Whose clock; default: that of the reports.")
    receiver: str = Field(description="An email receiver: its server, and who writes.")
    to: tuple[Mailbox, ...] = Field(
        (), max_length=50, description="Who reads; default: who reads the receiver's mails."
    )
    owner: str | None = Field(None, description="Whose services alone it is about.")
    view: Literal["executive", "technical"] = Field(
        "executive", description="The short one, or all of it."
    )
    attach: tuple[Literal["pdf", "csv"], ...] = Field(
        ("pdf", "csv"), max_length=2, description="What comes with it."
    )


class ReportsConfig(BaseModel):
    """Reports by day, week and month."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: Zone = Field(ZoneInfo("UTC"), description="Where their days begin: an IANA time zone.")
    owners: Mapping[str, Zone] = Field(
        default_factory=dict, description="By owner, the zone in which pages at night are theirs."
    )
    mail: Mapping[Name, ReportMailConfig] = Field(
        default_factory=dict, description="Reports that are mailed, each by a name of its own."
    )
