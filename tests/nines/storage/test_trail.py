"""What people plan, exclusions and silences, is kept with its trail on both databases."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from alerting.silence import Silence, read_matchers
from nines.storage import exclusions, silences
from nines.storage.database import Database
from nines.storage.errors import StorageError
from nines.storage.trail import TrailStore
from slo.exclusion import Exclusion, Scope
from slo.recurrence import Once, Recurring

T0 = datetime(2026, 3, 28, 9, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3_600, 86_400))
NIGHTS = Recurring(
    "FREQ=DAILY",
    datetime(2026, 3, 1, 2, 30),  # noqa: DTZ001 - local
    ZoneInfo("Europe/Berlin"),
    timedelta(minutes=61, microseconds=7),
)
EXCLUSION = Exclusion(
    id="one",
    scope=Scope("shop", "up"),
    schedule=Once(T0, T0 + HOUR),
    reason="a new database",
    author="ada",
    origin="api",
    created_at=T0,
    since=T0 - 35 * DAY,
)
SILENCE = Silence(
    id="one",
    matchers=read_matchers(['service="shop", severity=~"page|ticket"', 'note!="a \\"b\\" ☕"']),
    schedule=Once(T0, T0 + HOUR),
    reason="a new database",
    author="ada",
    origin="api",
    created_at=T0,
    until_resolved=True,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One that holds once, one that recurs, and what is over, of one kind."""

    store: Any
    entry_of: Any
    name: str
    once: Any
    nightly: Any
    over: tuple[Any, ...]
    spoilt: tuple[str, str]  # a column, and what cannot be read there


EXCLUSIONS = Kind(
    store=exclusions.ExclusionStore,
    entry_of=exclusions.entry_of,
    name="exclusion",
    once=EXCLUSION,
    nightly=(
        nightly := replace(
            EXCLUSION,
            id="night",
            scope=Scope(labels=(("env", "prod"), ("tier", "1"))),
            schedule=NIGHTS,
            created_at=T0 + SECOND,
        )
    ),
    over=(EXCLUSION, replace(nightly, id="undone", undone_at=T0 + DAY)),
    spoilt=("schedule", '{"rule": "FREQ=DAILY", "first": "x", "zone": "Moon/Base"}'),
)
SILENCES = Kind(
    store=silences.SilenceStore,
    entry_of=silences.entry_of,
    name="silence",
    once=SILENCE,
    nightly=replace(
        SILENCE,
        id="night",
        schedule=NIGHTS,
        until_resolved=False,
        created_at=T0 + HOUR,
        warned_of=T0 + DAY,
    ),
    over=(SILENCE,),
    spoilt=("matchers", '[["a", "=~", "("]]'),
)


@pytest.fixture(params=[EXCLUSIONS, SILENCES], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def store(kind: Kind, database: Database) -> TrailStore[Any]:
    made: TrailStore[Any] = kind.store(database)
    return made


def test_they_read_back_as_they_were_written(store: TrailStore[Any], kind: Kind) -> None:
    store.write(
        (one, kind.entry_of(None, one, at=T0, by="ada", action="created"))
        for one in (kind.once, kind.nightly)
    )

    assert store.all() == [kind.once, kind.nightly]


def test_every_change_leaves_an_entry_with_before_and_after(
    store: TrailStore[Any], kind: Kind
) -> None:
    ended = replace(kind.once, ended_at=T0 + MINUTE)
    made = kind.entry_of(None, kind.once, at=T0, by="ada", action="created")
    over = kind.entry_of(kind.once, ended, at=T0 + MINUTE, by="grace", action="ended")
    store.write([(kind.once, made)])
    store.write([(ended, over)])

    created, over = store.trail("one")

    assert (created.by, created.action, created.before) == ("ada", "created", None)
    assert (over.by, over.action, over.at) == ("grace", "ended", T0 + MINUTE)
    assert json.loads(over.before or "")["ended_at"] is None
    after = json.loads(over.after)
    assert after["ended_at"] == "2026-03-28T09:01:00+00:00"
    assert after["schedule"] == {
        "start": "2026-03-28T09:00:00+00:00", "end": "2026-03-28T10:00:00+00:00",
    }  # fmt: skip
    assert after.get("matchers", [["service", "=", "shop"]])[0] == ["service", "=", "shop"]
    assert store.all() == [ended]


def test_one_that_cannot_be_read_is_said_to_be_so(
    store: TrailStore[Any], kind: Kind, database: Database
) -> None:
    store.write([(kind.once, kind.entry_of(None, kind.once, at=T0, by="ada", action="created"))])
    column, nonsense = kind.spoilt
    with database.write() as connection:
        connection.execute(text(f"UPDATE {kind.name}s SET {column} = :it"), {"it": nonsense})  # noqa: S608 - our own words

    with pytest.raises(StorageError, match=f"The {kind.name} one cannot be read"):
        store.all()


def test_those_that_are_long_over_are_forgotten_with_their_trail(
    store: TrailStore[Any], kind: Kind
) -> None:
    for one in (*kind.over, kind.nightly):
        store.write([(one, kind.entry_of(None, one, at=T0, by="ada", action="created"))])

    assert store.prune(T0 + 5 * DAY, 5 * DAY) == 0
    assert store.prune(T0 + 7 * DAY, 5 * DAY) == len(kind.over)
    assert store.all() == [kind.nightly]
    assert store.trail("one") == []


def test_a_silence_takes_the_same_alerts_after_storage(database: Database) -> None:
    store = silences.SilenceStore(database)
    store.write([(SILENCE, silences.entry_of(None, SILENCE, at=T0, by="ada", action="created"))])

    (once,) = store.all()

    assert once.matches({"service": "shop", "severity": "ticket"})
    assert not once.matches({"service": "shop", "severity": "info"})
