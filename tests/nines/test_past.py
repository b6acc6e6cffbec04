"""What storage tells of the past, on both databases."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

import pytest

from alerting.incident import IncidentState
from alerting.store import Decision
from nines.entry import Entry
from nines.indicator import Indicator
from nines.past import Past
from nines.storage.alerts import AlertRecords
from nines.storage.batches import CauseDelta, CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import Database
from slo.alert_state import AlertState, Phase
from slo.counts import Counts
from slo.evaluate import evaluate
from slo.ledger import BucketDelta, Ledger
from slo.status import NowState, SLOStatus
from tests.nines.storage.builders import an_alert, an_incident
from tests.slo.builders import T0, a_ledger, an_slo

S = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Stored:
    """One SLO's counts in storage, and the same in a ledger as the service would have it."""

    def __init__(self, database: Database) -> None:
        self.counts, self.records = CountStore(database), AlertRecords(database)
        slo = an_slo()
        number = self.counts.register(slo.id, "fingerprint", T0).series_id
        self.entry = Entry(slo, Indicator(slo, number, "fingerprint", a_ledger(slo)))
        self.now = T0 + 20 * DAY
        self.detail = 35 * DAY
        self.past = Past(self.counts, self.records, 10, lambda: self.now, lambda: self.detail)

    def book(self, rows: Sequence[tuple[datetime, int, int]], cause: str = "timeout") -> None:
        """(moment, good, bad); each was seen."""
        deltas = []
        causes = []
        for at, good, bad in rows:
            bucket = self.entry.ledger.bucket_of(at)
            delta = BucketDelta(bucket, good, bad, seen=1)
            self.entry.ledger.book(at, delta)
            deltas.append(delta)
            if bad:
                causes.append(CauseDelta(bucket // 300 * 300, cause, bad))
        number = self.entry.indicator.number
        self.counts.flush(CountBatch({number: deltas}, {number: causes}))


@pytest.fixture
def stored(database: Database) -> Stored:
    return Stored(database)


def outage(start: datetime, minutes: int) -> list[tuple[datetime, int, int]]:
    return [(start + n * 10 * S, 0, 1) for n in range(6 * minutes)]


def test_the_window_s_losses_sum_to_what_the_live_ledger_says_is_spent(stored: Stored) -> None:
    stored.book([(T0 + n * HOUR, 1_000, 0) for n in range(400)])
    stored.book(outage(T0 + DAY, 7))
    stored.book(outage(T0 + 9 * DAY + 13 * S, 2))
    now = stored.now + 7 * S

    ledger = stored.past.budget_ledger(stored.entry, None, now)

    live = stored.entry.ledger.window(30 * DAY, now).counts
    assert live.bad == 54
    assert ledger.spent == live.bad / (Fraction(1, 1000) * live.total)
    assert [(loss.bad, loss.causes) for loss in ledger.losses] == [
        (42, {"timeout": 42}),
        (12, {"timeout": 12}),
    ]


def test_a_short_range_is_cut_in_base_buckets(stored: Stored) -> None:
    stored.book([(T0 + n * 10 * S, 1, 0) for n in range(360)])
    stored.book(outage(T0 + 90 * MINUTE, 3))

    ledger = stored.past.budget_ledger(stored.entry, T0 + HOUR, T0 + 91 * MINUTE)

    (loss,) = ledger.losses
    assert (loss.start, loss.end, loss.bad) == (T0 + 90 * MINUTE, T0 + 91 * MINUTE, 6)


def test_the_last_bucket_counts_no_further_than_the_end(stored: Stored) -> None:
    stored.book(outage(T0, 5))

    buckets = stored.past.buckets(stored.entry, T0 - HOUR, T0 + 90 * S, 5 * MINUTE)

    assert [(one.bucket, one.bad, one.seen) for one in buckets] == [(int(T0.timestamp()), 9, 9)]


def test_where_the_detail_is_gone_five_minutes_are_the_finest(stored: Stored) -> None:
    stored.book(outage(T0 + 2 * MINUTE, 1))
    stored.detail = 3 * DAY
    stored.counts.prune(stored.now, stored.detail, 400 * DAY)

    ledger = stored.past.budget_ledger(stored.entry, T0, T0 + 3 * MINUTE)

    (loss,) = ledger.losses
    assert (loss.start, loss.end, loss.bad) == (T0, T0 + 5 * MINUTE, 6)


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (T0 - HOUR, T0, []),
        (T0 - HOUR, T0 + S, ["inc-1"]),
        (T0 + 30 * MINUTE, T0 + HOUR, ["inc-1"]),
        (T0 + 2 * HOUR, T0 + 3 * HOUR, []),
    ],
    ids=["before it", "it begins", "within", "after it"],
)
def test_incidents_are_found_by_the_time_that_their_alerts_fired(
    stored: Stored, start: datetime, end: datetime, found: list[str]
) -> None:
    over = an_incident(opened_at=T0, state=IncidentState.RESOLVED, resolved_at=T0 + 2 * HOUR)
    other = an_incident("inc-2", opened_at=T0)
    alert = an_alert(started_at=T0, ended_at=T0 + 2 * HOUR)
    another = an_alert("alert-2", incident_id="inc-2", slo="checkout", started_at=T0)
    stored.records.apply(Decision(incidents=(over, other), alerts=(alert, another)), {})

    incidents = stored.past.incidents_of(stored.entry, start, end)

    assert [incident.id for incident in incidents] == found


def test_of_another_ledger_s_reach_nothing_is_assumed(stored: Stored) -> None:
    indicator = replace(stored.entry.indicator, ledger=Ledger(10, 30 * DAY))
    entry = replace(stored.entry, indicator=indicator)

    ledger = stored.past.budget_ledger(entry, None, stored.now)

    assert (ledger.spent, ledger.losses) == (None, ())


# --- as of a moment --------------------------------------------------------------------------


def live_at(stored: Stored, at: datetime) -> SLOStatus:
    """What the running service said at `at`, from the ledger that was booked until then."""
    return evaluate(stored.entry.slo, stored.entry.ledger, at, {}, T0)[0]


def comparable(status: SLOStatus) -> SLOStatus:
    """Without what storage keeps by the bucket, or causes by five minutes, and not to the moment.

    A rule's state is told from records, and a lifetime apart from the rest.
    """
    return replace(
        status,
        last_observation=None,
        watched_since=None,
        causes={},
        lifetime=Counts(),
        now_state=NowState.OK,
    )


def test_as_of_equals_what_was_said_then_though_more_has_come_since(stored: Stored) -> None:
    at = T0 + 15 * DAY + timedelta(hours=2, minutes=43, seconds=20)
    stored.book([(T0 + n * 30 * MINUTE, 500, 1) for n in range(720)])
    stored.book([(T0 + 15 * DAY + n * 10 * S, 1, int(n % 3 == 0)) for n in range(980)])
    then = live_at(stored, at)
    stored.book([(at + n * 10 * S, 0, 7) for n in range(200)])

    (told,) = stored.past.as_of([stored.entry], at + 9 * S)

    assert told.status.at == at
    assert then.window.counts.bad == 720 + 327
    assert comparable(told.status) == comparable(then)


def test_where_the_detail_is_gone_as_of_is_exact_on_five_minutes(stored: Stored) -> None:
    at = T0 + timedelta(hours=8, minutes=15)
    stored.book([(T0 + n * 10 * S, 1, int(n % 50 == 0)) for n in range(2_970)])
    then = live_at(stored, at)
    stored.book([(at + n * 10 * S, 0, 7) for n in range(200)])
    stored.now, stored.detail = T0 + 20 * DAY, 3 * DAY
    stored.counts.prune(stored.now, stored.detail, 400 * DAY)

    (told,) = stored.past.as_of([stored.entry], at + 4 * MINUTE)

    assert told.status.at == at
    assert [burn.window.counts for burn in told.status.burns] == [
        burn.window.counts for burn in then.burns
    ]
    assert told.status.budget == then.budget


def test_rules_stand_as_their_alerts_were_recorded_whatever_the_counts(stored: Stored) -> None:
    stored.book([(T0 + n * 10 * S, 1, 0) for n in range(3_000)])
    alert = an_alert(started_at=T0 + HOUR, ended_at=T0 + 2 * HOUR)
    stored.records.apply(Decision(incidents=(an_incident(),), alerts=(alert,)), {})

    during, after = (stored.past.as_of([stored.entry], T0 + hours * HOUR)[0] for hours in (1.5, 2))

    assert during.states == {"page:1h:5m": AlertState(Phase.FIRING, T0 + HOUR)}
    assert during.status.now_state is NowState.BURNING_FAST
    assert (after.states, after.status.now_state) == ({}, NowState.OK)


def test_what_was_counted_before_a_moment_is_told_from_today_s_total(stored: Stored) -> None:
    stored.book([(T0 + n * HOUR, 10, n % 2) for n in range(100)])

    lifetime = stored.past.lifetime(stored.entry, T0 + 30 * HOUR)

    assert lifetime == Counts(good=300, bad=15)


def test_steps_add_up_whatever_their_width(stored: Stored) -> None:
    stored.book([(T0 + n * 10 * S, 3, int(n % 7 == 0)) for n in range(20_000)])
    start, end = T0 + timedelta(hours=5, minutes=2, seconds=10), T0 + 40 * HOUR + 30 * S

    sums = set()
    for seconds in (86_400, 3_600, 300, 60, 10):
        steps = stored.past.steps(stored.entry, start, end, timedelta(seconds=seconds))
        sums.add((sum(one.good for one in steps), sum(one.bad for one in steps)))
        assert steps[0].bucket == int(start.timestamp())
        assert all(one.bucket % seconds == 0 for one in steps[1:])

    (both,) = sums
    assert sum(both) == 3 * 12_590 + both[1]


def test_the_outlook_is_read_from_what_is_stored_before_the_moment(stored: Stored) -> None:
    stored.now = T0 + 40 * DAY
    every = [(T0 + n * 5 * MINUTE, 999, int(n % 2)) for n in range(40 * 288)]
    stored.book(every)
    slo = replace(stored.entry.slo, interval=5 * MINUTE)
    entry = replace(stored.entry, slo=slo)

    late, early = (stored.past.outlook(entry, T0 + days * DAY) for days in (38, 15))

    assert (late.weeks, late.end) == (5, T0 + 45 * DAY)
    assert late.lowest == late.highest
    assert (early.weeks, early.lowest) == (2, None)
