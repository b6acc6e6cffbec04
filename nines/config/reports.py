"""`reports:` in config.yaml: whose clock reports go by."""

from collections.abc import Mapping
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from slo.zone import parse_zone


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


class ReportsConfig(BaseModel):
    """Reports by day, week and month."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: Zone = Field(ZoneInfo("UTC"), description="Where their days begin: an IANA time zone.")
    owners: Mapping[str, Zone] = Field(
        default_factory=dict, description="By owner, the zone in which pages at night are theirs."
    )
