"""A report that is owed is taken on by one alone, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dashboards.report_posting import Posting, PostingState
from nines.storage.database import Database
from nines.storage.report_mails import ReportMailRecords

T0 = datetime(2026, 11, 20, 7, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OWED = Posting("cto", "2026-11-19", PostingState.WAITING, T0, T0)


def test_what_is_planned_again_stays_as_it_is(database: Database) -> None:
    records = ReportMailRecords(database)
    sent = replace(OWED, state=PostingState.SENT, had=("a@x", "b@x"), ended_at=T0)
    records.plan([OWED])
    records.settle(sent)

    records.plan([OWED, replace(OWED, period="2026-11-20", due_at=T0 + MINUTE)])

    assert [one.state for one in records.load()] == [PostingState.SENT, PostingState.WAITING]
    assert records.load()[0] == sent


def test_one_alone_takes_it_on(database: Database) -> None:
    records = ReportMailRecords(database)
    records.plan([OWED])

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: records.claim(OWED, T0, T0 + MINUTE), range(8)))

    assert [one for one in taken if one is not None] == [replace(OWED, tries=1)]


def test_whoever_died_with_it_is_followed_by_another(database: Database) -> None:
    records = ReportMailRecords(database)
    records.plan([OWED])
    assert records.claim(OWED, T0, T0 + MINUTE) is not None

    assert records.claim(OWED, T0 + MINUTE / 2, T0 + 2 * MINUTE) is None
    again = records.claim(OWED, T0 + MINUTE, T0 + 2 * MINUTE)
    assert again == replace(OWED, tries=2)


def test_it_is_not_taken_on_before_its_time_or_after_it_was_sent(database: Database) -> None:
    records = ReportMailRecords(database)
    records.plan([OWED])
    later = replace(OWED, next_at=T0 + MINUTE, problem="no answer", tries=1)
    records.settle(later)

    assert records.claim(later, T0, T0 + MINUTE) is None
    records.settle(replace(later, state=PostingState.SENT))
    assert records.claim(later, T0 + MINUTE, T0 + 2 * MINUTE) is None


def test_old_ones_are_forgotten_but_never_those_of_the_last_year(database: Database) -> None:
    records = ReportMailRecords(database)
    old = replace(OWED, due_at=T0 - timedelta(days=401))
    records.plan([old, replace(OWED, period="new")])

    assert records.prune(T0, MINUTE) == 1
    assert [one.period for one in records.load()] == ["new"]
