"""When rules began to fire: from storage at first, then as it is decided."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerting.flapping import REACH
from nines.beginnings import Beginnings
from tests.nines.storage.builders import an_alert

T0 = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
M = timedelta(minutes=1)


def test_storage_is_asked_once_and_what_is_stored_after_that_is_added() -> None:
    asked: list[datetime] = []

    def load(since: datetime) -> dict[str, list[datetime]]:
        asked.append(since)
        return {"a": [T0 - 5 * M]}

    beginnings = Beginnings(load)
    begun = replace(an_alert(), rule="a", started_at=T0)
    beginnings.add([begun])  # nobody has asked yet: it is in storage

    assert beginnings.recent(T0) == {"a": (T0 - 5 * M,)}
    beginnings.add([begun, begun, replace(begun, rule="b", ended_at=T0 + M)])

    assert beginnings.recent(T0) == {"a": (T0 - 5 * M, T0)}
    assert asked == [T0 - REACH]


def test_what_began_long_ago_is_forgotten() -> None:
    beginnings = Beginnings(lambda _: {"a": [T0]})
    beginnings.recent(T0)
    begun = replace(an_alert(), rule="a", started_at=T0 + REACH + M)

    beginnings.add([begun])
    beginnings.add(replace(begun, rule=f"r{n}", started_at=T0 + 3 * REACH) for n in range(1_000))

    known = beginnings.recent(T0)
    assert "a" not in known
    assert len(known) >= 999
