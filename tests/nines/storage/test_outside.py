"""Alerts from outside as rows, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerting.origin import Origin
from alerting.outside.book import Outside
from alerting.store import Decision
from nines.storage.alerts import AlertRecords
from nines.storage.database import Database
from nines.storage.outside import OutsideRecords
from slo.severity import Severity

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
# Text as it may come: no database column takes a NUL, and JSON does.
ODD = Origin({"alertname": "a\nb\0😀", "b": "x" * 100_000}, {"summary": "s\0"}, "http://p/g")
ONE = Outside("00ff", ODD, NOW, NOW + timedelta(minutes=5), NOW, True, "shop", Severity.PAGE)


def test_what_fires_is_read_as_it_was_written_and_what_is_over_is_gone(database: Database) -> None:
    records, outside = AlertRecords(database), OutsideRecords(database)
    records.apply(Decision(outside={"00ff": ONE, "0100": replace(ONE, fingerprint="0100")}), {})
    later = replace(ONE, ends_at=NOW + timedelta(hours=1), open_ended=False, updated_at=NOW)

    records.apply(Decision(outside={"00ff": later, "0100": None, "0200": None}), {})

    assert outside.load() == {"00ff": later}
