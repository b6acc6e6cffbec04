"""`nines replay`, as typed."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from alerting.alert import Alert
from alerting.store import Decision
from nines.storage.alerts import AlertRecords
from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import migrate, open_database
from slo.epoch import floor
from slo.fingerprint import fingerprint
from slo.ledger import BucketDelta
from tests.nines.cli.running import run
from tests.nines.config.files import SHOP, load_text
from tests.nines.storage.builders import an_alert, an_incident

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
OUTAGE = NOW - 10 * HOUR  # an hour of it
PAGE = "page:1h:5m"
TIERS = "tiers: [{severity: page, factor: 14.4, long: 1h, short: 5m}]"


class Stored:
    """A configuration, and a database in which an SLO was down for an hour."""

    def __init__(self, folder: Path) -> None:
        url = f"sqlite:///{folder}/nines.db"
        self.file = folder / "config.yaml"
        shop = SHOP.replace("{objective: 99.9%,", f"{{objective: 99.9%, {TIERS},")
        config = load_text(folder, f"server: {{database: '{url}'}}\n{shop}")
        up = next(slo for slo in config.slos if slo.id == "shop/up")
        self.database = open_database(url)
        migrate(self.database)
        counts = CountStore(self.database)
        number = counts.register(up.sli_id, fingerprint(up), NOW - 100 * HOUR).series_id
        looks = [NOW - n * 15 * SECOND for n in range(1, 30 * 240)]
        deltas = [
            BucketDelta(int(floor(at, 10 * SECOND).timestamp()), 1 - bad, bad, seen=1)
            for at in reversed(looks)
            for bad in (int(OUTAGE <= at < OUTAGE + HOUR),)
        ]
        counts.flush(CountBatch({number: deltas}, {}))

    def record(self, *alerts: Alert) -> None:
        decision = Decision(incidents=(an_incident(),), alerts=alerts)
        AlertRecords(self.database).apply(decision, {})

    def replay(self, *options: object) -> tuple[int, list[dict[str, Any]]]:
        given = ("shop/up", "--config", self.file, "--days", "1")
        ran = run("replay", *given, "--output", "json", *options)
        (slo,) = json.loads(ran.out)["slos"]
        return ran.code, slo["alerts"]


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Stored]:
    with time_machine.travel(NOW + 5 * SECOND, tick=False):
        yield Stored(tmp_path)


def test_what_was_never_recorded_would_have_paged(stored: Stored) -> None:
    code, alerts = stored.replay()

    assert code == 1
    assert alerts[0]["rule"] == PAGE
    assert (alerts[0]["same"], alerts[0]["recorded"]) == (False, None)
    ran = run("replay", "--config", stored.file, "--days", "1")
    assert f"{PAGE}, " in ran.out
    assert "would fire, was not recorded; the rules may have been others" in ran.out
    assert "shop/requests: nothing was ever counted of what its SLI selects now" in ran.out


def test_what_was_recorded_a_little_later_is_the_same(stored: Stored) -> None:
    _, alerts = stored.replay()
    stored.record(
        *(
            an_alert(
                f"alert-{number}",
                rule=f"shop/up#{one['rule']}",
                slo="up",
                started_at=datetime.fromisoformat(one["replayed"]["started_at"]) + 7 * SECOND,
                ended_at=datetime.fromisoformat(one["replayed"]["ended_at"]) + 7 * SECOND
                if one["replayed"]["ended_at"]
                else None,
            )
            for number, one in enumerate(alerts)
        )
    )  # fmt: skip

    code, again = stored.replay()

    assert (code, [one["same"] for one in again]) == (0, [True] * len(alerts))


def test_what_was_recorded_and_would_not_fire_is_told_with_why(stored: Stored) -> None:
    stored.record(
        an_alert(rule=f"shop/up#{PAGE}", slo="up", started_at=NOW - 4 * HOUR,
                 ended_at=NOW - 3 * HOUR),
        an_alert("alert-2", rule="shop/up#page:2h:9m", slo="up", started_at=NOW - 4 * HOUR,
                 ended_at=NOW - 3 * HOUR),
    )  # fmt: skip

    _, alerts = stored.replay()

    lone = {one["rule"]: one["why"] for one in alerts if one["replayed"] is None}
    assert lone == {
        PAGE: "the rules may have been others, or some counts came late",
        "page:2h:9m": "the configuration has no such rule",
    }


def test_a_changed_configuration_tells_what_its_rules_give(stored: Stored) -> None:
    text = stored.file.read_text()
    stored.file.write_text(text.replace("factor: 14.4, long: 1h", "factor: 500, long: 3h"))

    assert stored.replay() == (0, [])


def test_time_before_anybody_looked_is_no_silence(stored: Stored) -> None:
    _, alerts = stored.replay("--days", "3")

    assert {one["rule"] for one in alerts} == {PAGE}


def test_time_in_which_nobody_looked_is_said_to_be_so(stored: Stored) -> None:
    late = NOW - 30 * 60 * SECOND
    with stored.database.write() as connection:
        after = {"late": int(late.timestamp())}
        connection.execute(text("DELETE FROM counts WHERE bucket >= :late"), after)

    _, alerts = stored.replay()

    (silent,) = (one for one in alerts if one["rule"] == "no_data")
    assert silent["why"] == "nothing was looked at then: Nines may not have run"


def test_what_cannot_be_told_is_refused(stored: Stored) -> None:
    unknown = run("replay", "shop/nothing", "--config", stored.file)
    far = run("replay", "--config", stored.file, "--days", "40")

    assert (unknown.code, far.code) == (2, 2)
    assert "there is no SLO 'shop/nothing'" in unknown.err
    assert "replay at most 31 days" in far.err
