"""Silences are kept with their trail on both databases."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from alerting.silence import Silence, read_matchers
from nines.storage.database import Database
from nines.storage.errors import StorageError
from nines.storage.silences import SilenceStore, entry_of
from slo.recurrence import Once, Recurring

T0 = datetime(2026, 3, 28, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ONCE = Silence(
    id="one",
    matchers=read_matchers(['service="shop", severity=~"page|ticket"', 'note!="a \\"b\\" ☕"']),
    schedule=Once(T0, T0 + HOUR),
    reason="a new database",
    author="ada",
    origin="api",
    created_at=T0,
    until_resolved=True,
)
NIGHTLY = replace(
    ONCE,
    id="night",
    schedule=Recurring(
        "FREQ=DAILY",
        datetime(2026, 3, 1, 2, 30),  # noqa: DTZ001 - local
        ZoneInfo("Europe/Berlin"),
        HOUR,
    ),
    until_resolved=False,
    created_at=T0 + HOUR,
    warned_of=T0 + DAY,
)


@pytest.fixture
def store(database: Database) -> SilenceStore:
    return SilenceStore(database)


def test_they_read_back_as_they_were_written(store: SilenceStore) -> None:
    store.write(
        (one, entry_of(None, one, at=T0, by="ada", action="created")) for one in (ONCE, NIGHTLY)
    )

    once, nightly = store.all()
    assert (once, nightly) == (ONCE, NIGHTLY)
    assert once.matches({"service": "shop", "severity": "ticket"})
    assert not once.matches({"service": "shop", "severity": "info"})


def test_every_change_leaves_an_entry_with_before_and_after(store: SilenceStore) -> None:
    over = ONCE.ended(T0 + HOUR / 2)
    store.write([(ONCE, entry_of(None, ONCE, at=T0, by="ada", action="created"))])
    store.write([(over, entry_of(ONCE, over, at=T0 + HOUR / 2, by="grace", action="ended"))])

    created, ended = store.trail("one")

    assert (created.by, created.action, created.before) == ("ada", "created", None)
    assert (ended.by, ended.action, ended.at) == ("grace", "ended", T0 + HOUR / 2)
    assert json.loads(ended.before or "")["ended_at"] is None
    assert json.loads(ended.after)["ended_at"] == "2026-03-28T09:30:00+00:00"
    assert json.loads(ended.after)["matchers"][0] == ["service", "=", "shop"]
    assert store.all() == [over]


def test_one_that_cannot_be_read_is_said_to_be_so(store: SilenceStore, database: Database) -> None:
    store.write([(ONCE, entry_of(None, ONCE, at=T0, by="ada", action="created"))])
    with database.write() as connection:
        connection.execute(text('UPDATE silences SET matchers = \'[["a", "=~", "("]]\''))

    with pytest.raises(StorageError, match="The silence one cannot be read"):
        store.all()


def test_those_that_are_long_over_are_forgotten_with_their_trail(store: SilenceStore) -> None:
    for one in (ONCE, NIGHTLY):
        store.write([(one, entry_of(None, one, at=T0, by="ada", action="created"))])

    assert store.prune(T0 + 5 * DAY, 5 * DAY) == 0
    assert store.prune(T0 + 6 * DAY, 5 * DAY) == 1
    assert store.all() == [NIGHTLY]
    assert store.trail("one") == []
