"""Schedules as JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from slo.recurrence import Once, Recurring, Schedule


def schedule_to_row(schedule: Schedule) -> dict[str, str | int]:
    """As it is kept."""
    if isinstance(schedule, Once):
        return {"start": schedule.start.isoformat(), "end": schedule.end.isoformat()}
    return {
        "rule": schedule.rule,
        "first": schedule.first.isoformat(),
        "zone": schedule.zone.key,
        "length_microseconds": schedule.length // timedelta(microseconds=1),
    }


def schedule_from_row(raw: dict[str, Any]) -> Schedule:
    """As it was. Raises ValueError, KeyError or OSError for what nobody kept here."""
    if "start" in raw:
        start, end = (datetime.fromisoformat(raw[key]).astimezone(UTC) for key in ("start", "end"))
        return Once(start, end)
    return Recurring(
        raw["rule"],
        datetime.fromisoformat(raw["first"]),
        ZoneInfo(raw["zone"]),
        timedelta(microseconds=raw["length_microseconds"]),
    )
