"""What reports go by, as it is configured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """Whose clock reports go by; `owners` have their own for what is night."""

    zone: ZoneInfo = _UTC
    owners: Mapping[str, ZoneInfo] = field(default_factory=dict)
