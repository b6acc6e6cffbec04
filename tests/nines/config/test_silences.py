"""What the configuration silences."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from slo.recurrence import Recurring
from tests.nines.config.files import load_text

TEXT = """\
services:
  shop:
    labels: {env: prod}
    collectors: {home: {http: https://shop.example/}}
    slos: {up: {objective: 99.9%, sli: {probe: home}}}
alerting:
  route: {receivers: []}
  silences:
    - match: ['env="prod"', 'severity=~"ticket|info"']
      reason: patches
      start: 2026-11-01T02:30
      duration: 90m
      rrule: FREQ=WEEKLY;BYDAY=SU
      zone: Europe/Berlin
"""


def test_a_silence_of_the_file_is_a_plan_by_the_file(tmp_path: Path) -> None:
    (plan,) = load_text(tmp_path, TEXT).alerting.silence_plans("config.yaml")

    assert list(map(str, plan.matchers)) == ['env="prod"', 'severity=~"ticket|info"']
    assert plan.schedule == Recurring(
        "FREQ=WEEKLY;BYDAY=SU",
        datetime(2026, 11, 1, 2, 30),  # noqa: DTZ001 - local
        ZoneInfo("Europe/Berlin"),
        timedelta(minutes=90),
    )
    assert (plan.reason, plan.author) == ("patches", "config.yaml")
