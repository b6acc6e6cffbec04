"""What the configuration excludes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from slo.exclusion import CONFIGURATION, Plan, Scope
from slo.recurrence import Once, Recurring
from tests.nines.config.files import load_text

TEXT = """\
maintenance:
  - labels: {env: prod}
    reason: patches
    start: 2026-11-01T02:30
    duration: 90m
    rrule: FREQ=WEEKLY;BYDAY=SU
    zone: Europe/Berlin
services:
  shop:
    labels: {env: prod}
    maintenance:
      - {reason: a new database, start: 2026-11-21T22:00, duration: 2h, zone: Asia/Tokyo}
    collectors: {home: {http: https://shop.example/}}
    slos:
      up:
        objective: [99.9%, 99%]
        sli: {probe: home}
        exclude:
          - {reason: a broken probe, start: 2026-11-20T09:12Z, end: 2026-11-20T09:40Z}
"""


def test_each_place_has_its_scope(tmp_path: Path) -> None:
    config = load_text(tmp_path, TEXT)

    first = datetime(2026, 11, 1, 2, 30)  # noqa: DTZ001 - local
    weekly = Recurring(
        "FREQ=WEEKLY;BYDAY=SU", first, ZoneInfo("Europe/Berlin"), timedelta(minutes=90)
    )
    night = datetime(2026, 11, 21, 13, tzinfo=UTC)
    morning = datetime(2026, 11, 20, 9, 12, tzinfo=UTC)
    assert config.exclusions == (
        Plan(Scope(labels=(("env", "prod"),)), weekly, "patches", CONFIGURATION),
        Plan(
            Scope("shop"),
            Once(night, night + timedelta(hours=2)),
            "a new database",
            CONFIGURATION,
        ),
        Plan(
            Scope("shop", "up"),
            Once(morning, morning + timedelta(minutes=28)),
            "a broken probe",
            CONFIGURATION,
        ),
    )
