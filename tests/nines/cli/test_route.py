"""`nines route`, as typed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerting.store import Decision
from nines.storage.alerts import AlertRecords
from nines.storage.database import migrate, open_database
from tests.nines.cli.running import run
from tests.nines.config.files import SHOP
from tests.nines.storage.builders import an_alert, an_incident

RECEIVERS = """
  receivers:
    oncall: {webhook: {url: "http://127.0.0.1:9/oncall"}}
    desk: {webhook: {url: "http://127.0.0.1:9/desk"}}
    boss: {webhook: {url: "http://127.0.0.1:9/boss"}}
"""
ROUTED = f"""alerting:{RECEIVERS}
  time_intervals: {{nights: [{{times: [{{start_time: "22:00", end_time: "06:00"}}]}}]}}
  route:
    receivers: [desk]
    routes:
      - match: severity="page"
        receivers: [oncall]
        failover: [desk]
        escalate: [{{after: 15m, receivers: [boss]}}]
      - {{match: severity="ticket", mute_time_intervals: [nights]}}
  inhibit_rules:
    - {{source_matchers: severity="page", target_matchers: severity="info", equal: [service]}}
"""
CHANGED = f"""alerting:{RECEIVERS}
  route: {{receivers: [desk], routes: [{{match: severity="page", receivers: [boss]}}]}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with a database in which a page fires since an hour."""
    url = f"sqlite:///{tmp_path}/nines.db"
    file = tmp_path / "config.yaml"
    file.write_text(written(ROUTED, url))
    (tmp_path / "new.yaml").write_text(written(CHANGED, url))
    started = datetime.now(UTC) - timedelta(hours=1)
    alert = an_alert(started_at=started)
    database = open_database(url)
    migrate(database)
    AlertRecords(database).apply(Decision(incidents=(an_incident(),), alerts=(alert,)), {})
    database.close()
    return file


def written(alerting: str, url: str) -> str:
    shop = SHOP.replace("alerting: {route: {receivers: []}}\n", "")
    return f"server: {{database: '{url}'}}\n{shop}{alerting}"


def test_the_way_of_a_page(config: Path) -> None:
    ran = run("route", "test", "severity=page", "service=shop", "--config", config)

    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            "severity=page, service=shop",
            'oncall: severity="page" matched route 1',
            "  failover: desk",
            "  not acknowledged in 15m: boss",
            "  group_wait 30s (no page waits), group_interval 5m, repeat_interval 4h",
        ],
    )


def test_who_holds_it_back_at_night(config: Path) -> None:
    at = ("--at", "2026-11-21T23:00:00")
    ran = run("route", "test", "severity=ticket", "--config", config, *at)

    assert ran.code == 1
    assert ran.out.splitlines()[-1] == (
        "  held back now: mute nights (route 2 is quiet then), until 2026-11-22 06:00 UTC"
    )
    day = run("route", "test", "severity=ticket", "--config", config, "--at", "2026-11-21T12:00:00")
    assert day.code == 0


def test_what_fires_now_holds_back(config: Path) -> None:
    labels = ("severity=info", "service=shop")
    ran = run("route", "test", *labels, "--config", config, "--output", "json")

    assert ran.code == 1
    (route,) = json.loads(ran.out)["routes"]
    assert route["receivers"] == ["desk"]
    assert [(one["kind"], one["id"]) for one in route["held_by"]] == [
        ("inhibited", "by shop/availability#page:1h:5m")
    ]


def test_a_label_that_is_none(config: Path) -> None:
    ran = run("route", "test", "page", "--config", config)

    assert (ran.code, ran.err) == (
        2,
        "nines: 'page' is no label: write it such as severity=page\n",
    )


def test_what_a_changed_configuration_would_have_told(config: Path) -> None:
    ran = run("route", "diff", config.with_name("new.yaml"), "--config", config)
    told = run(
        "route", "diff", config.with_name("new.yaml"), "--config", config, "--output", "json"
    )

    assert ran.code == told.code == 1
    assert ran.out.startswith("Pages: boss would gain 1, oncall would lose 1\n")
    assert "+boss and -oncall  shop availability (page, 1h and 5m), fires still" in ran.out
    (one,) = json.loads(told.out)["differences"]
    assert (one["gained"], one["lost"], one["severity"]) == (["boss"], ["oncall"], "page")


def test_the_same_configuration_would_have_told_the_same(config: Path) -> None:
    ran = run("route", "diff", config, "--config", config)

    assert ran.code == 0
    assert ran.out == "Nobody would have heard anything else of 1 alerts in 30 days.\n"


def test_a_new_configuration_with_a_mistake_is_refused(config: Path) -> None:
    config.with_name("new.yaml").write_text("alerting: {route: {receivers: [nobody]}}")

    ran = run("route", "diff", config.with_name("new.yaml"), "--config", config)

    assert ran.code == 2
    assert "there is no receiver `nobody`" in ran.err
