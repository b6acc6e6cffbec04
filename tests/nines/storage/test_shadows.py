"""What was in shadow, and which marks of budgets are passed: kept whole, and forgotten in time."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from alerting.alert import AlertKind, ShadowAlert
from alerting.notification import NotificationKind, NotificationState
from alerting.store import Decision
from nines.storage.alerts import AlertRecords
from nines.storage.database import Database
from nines.storage.marks import MarkRecords
from nines.storage.shadows import ShadowRecords
from slo.notices import Marks
from slo.severity import Severity
from tests.nines.storage.builders import FACTS, SECOND, T0, a_notification, an_alert, an_incident

DAY = timedelta(days=1)
ONE = ShadowAlert(
    id="s-1",
    rule="shop/availability#page:1h:5m",
    service="shop",
    slo="availability",
    kind=AlertKind.BURN,
    severity=Severity.PAGE,
    started_at=T0,
    facts=FACTS,
    receivers=("oncall", "sre"),
)
MARKS = Marks(
    "99.9 30d occurrences x",
    T0,
    frozenset({Decimal("0.5"), Decimal("0.25"), Decimal(0)}),
    frozenset({Decimal("0.5")}),
)


@pytest.fixture
def shadows(database: Database) -> ShadowRecords:
    return ShadowRecords(database)


@pytest.fixture
def records(database: Database) -> AlertRecords:
    return AlertRecords(database)


def test_an_episode_reads_back_whole_and_is_replaced_by_its_id(
    shadows: ShadowRecords, records: AlertRecords
) -> None:
    records.apply(Decision(shadows=(ONE,)), {})
    assert shadows.open() == [ONE]

    ended = replace(ONE, ended_at=T0 + SECOND)
    records.apply(Decision(shadows=(ended,)), {})

    assert shadows.open() == []
    assert shadows.since(T0) == [ended]
    assert shadows.since(T0 + SECOND) == []


def test_what_went_on_at_a_moment_is_told(shadows: ShadowRecords, records: AlertRecords) -> None:
    ended = replace(ONE, ended_at=T0 + DAY)
    records.apply(Decision(shadows=(ended,)), {})

    assert [len(shadows.at(T0 + offset)) for offset in (-SECOND, 0 * DAY, DAY - SECOND, DAY)] == [
        0,
        1,
        1,
        0,
    ]


def test_old_episodes_are_forgotten_and_open_ones_never(
    shadows: ShadowRecords, records: AlertRecords
) -> None:
    old = [replace(ONE, id=f"s-{n}", ended_at=T0 + SECOND) for n in range(3)]
    records.apply(Decision(shadows=(*old, replace(ONE, id="open"))), {})

    assert [shadows.prune(T0 + DAY, 2 * DAY), shadows.prune(T0 + 9 * DAY, DAY, limit=2)] == [0, 2]
    assert [shadows.prune(T0 + 9 * DAY, DAY), shadows.prune(T0 + 9 * DAY, DAY)] == [1, 0]
    assert [one.id for one in shadows.open()] == ["open"]


def test_marks_read_back_and_go_with_their_slo(database: Database, records: AlertRecords) -> None:
    marks = MarkRecords(database)
    other = replace(MARKS, period=None, passed=frozenset())
    records.apply(Decision(marks={"shop/up": MARKS, "shop/other": other}), {})
    assert marks.load() == {"shop/up": MARKS, "shop/other": other}

    records.apply(Decision(marks={"shop/up": other}), {})
    marks.keep({"shop/up"})

    assert marks.load() == {"shop/up": other}


def test_a_notice_says_nothing_of_what_is_open(records: AlertRecords) -> None:
    notice = a_notification(kind=NotificationKind.NOTICE, state=NotificationState.DELIVERED)
    records.apply(Decision(incidents=(an_incident(),), notifications=(notice,)), {})

    (file,) = records.open_incidents()
    assert file.told == {}
    assert not records.backlog("inc-1", "oncall").may_have_arrived


def test_an_incident_is_of_the_slos_that_burned_in_it(records: AlertRecords) -> None:
    noticed = an_alert("a-2", slo="noticed", kind=AlertKind.BUDGET, ended_at=T0)
    decision = Decision(incidents=(an_incident(),), alerts=(an_alert(), noticed))
    records.apply(decision, {})

    of = [
        records.incidents_of("shop", slo, T0 - DAY, T0 + DAY) for slo in ("availability", "noticed")
    ]
    assert [len(found) for found in of] == [1, 0]
