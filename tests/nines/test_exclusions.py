"""Numbers under exclusions equal counting buckets by hand, and an undo gives the old ones back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import count
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nines.engine import Engine
from nines.entry import Entry
from nines.exclusions import Exclusions, Terms, configured, ended, made, undone
from nines.past import Past
from nines.resume import resume_entries
from nines.storage.alerts import AlertRecords
from nines.storage.counts import CountStore
from nines.storage.database import Database
from slo.alert_state import Phase
from slo.definition import SLO
from slo.evaluate import evaluate
from slo.exclusion import CONFIGURATION, Exclusion, Overlay, Plan, Scope
from slo.ledger import BucketDelta
from slo.planning import PlanError
from slo.recurrence import Once, Recurring, Schedule
from slo.slices import NoData, Slicing
from slo.status import SLOStatus
from slo.window import Calendar, Period, Rolling
from tests.slo.builders import an_slo

BERLIN = ZoneInfo("Europe/Berlin")
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3_600, 86_400))
# The morning after the clocks were set forward, and the one after they were set back.
SPRING = datetime(2026, 3, 29, 9, 7, 33, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 25, 9, 7, 33, tzinfo=UTC)
DETAIL = 35 * DAY
PLAN = Plan(Scope("shop"), Once(SPRING, SPRING + HOUR), "a new database", "ada")


def an_exclusion(schedule: Schedule, created_at: datetime) -> Exclusion:
    return Exclusion(
        id=uuid4().hex,
        scope=Scope("shop", "availability"),
        schedule=schedule,
        reason="a new database",
        author="ada",
        origin="api",
        created_at=created_at,
        since=created_at - DETAIL,
    )


_SLICES = [
    None,
    Slicing(5 * MINUTE, Fraction(9, 10)),
    Slicing(5 * MINUTE, Fraction(9, 10), NoData.BAD),
    Slicing(MINUTE, Fraction(1, 2)),
    Slicing(15 * MINUTE, None),
]
_WINDOWS = [
    Rolling(HOUR),
    Rolling(DAY),
    Rolling(7 * DAY),
    Calendar(Period.DAY, BERLIN),
    Calendar(Period.WEEK, BERLIN),
]
_BOOKED = st.lists(
    st.tuples(
        st.integers(0, 40 * 3_600).map(lambda ago: ago // 10 * 10),
        st.builds(
            BucketDelta,
            bucket=st.just(0),
            good=st.integers(0, 6),
            bad=st.integers(0, 4),
            unknown=st.integers(0, 1),
            seen=st.integers(0, 1),
            missed=st.integers(0, 1),
            smeared_bad=st.just(0),
        ),
    ),
    max_size=25,
)
_ONCE = st.tuples(st.integers(-7_200, 40 * 3_600), st.integers(1, 9_000))
_NIGHTLY = st.tuples(st.integers(0, 3), st.sampled_from([0, 30, 47]), st.integers(1, 200))


@dataclass(frozen=True)
class Model:
    """Counting by hand: base buckets in a dictionary, and the excluded ones in a set."""

    slo: SLO
    now: datetime
    buckets: Mapping[int, Sequence[int]]
    excluded: frozenset[int]

    def sums(self, low: int, unit: int, high: int | None = None) -> list[int]:
        """Of slots of `unit` that start in [low, high); `high` is after now by default."""
        until = self.now.timestamp() + 0.001 if high is None else high
        return [
            sum(columns)
            for columns in zip(
                *(
                    columns
                    for at, columns in self.buckets.items()
                    if low <= at // unit * unit < until and at not in self.excluded
                ),
                [0] * 7,
                strict=True,
            )
        ]

    def slices(self, low: int) -> tuple[int, Fraction]:
        slicing = self.slo.slicing
        assert slicing is not None
        observed, cost = 0, Fraction(0)
        width = slicing.seconds
        for at in range(low, int(self.now.timestamp()) // width * width, width):
            good, bad, unknown, seen, *_ = self.sums(at, width, at + width)
            judged = slicing.judge(good, bad, unknown, seen)
            if judged is not None:
                observed, cost = observed + 1, cost + Fraction(judged, slicing.parts)
        return observed, cost

    def is_excluded(self, low: int, high: int) -> bool:
        return any(at in self.excluded for at in range(low, high, 10))

    def burn(self, lookback: timedelta) -> Fraction | None:
        width = int(lookback.total_seconds())
        unit = 10 if width <= 21_600 else 60 if width <= 259_200 else 300
        low = -(-int(self.now.timestamp() * 1_000) // (unit * 1_000)) * unit - width
        good, bad, _, seen, *_ = self.sums(low, unit)
        calm = Fraction(0) if seen or self.is_excluded(low, low + width) else None
        share = self.slo.objective.budget_share
        if self.slo.slicing is None:
            return Fraction(bad, good + bad) / share if good + bad else calm
        each = self.slo.slicing.seconds
        first = -(-int(self.now.timestamp() * 1_000) // (each * 1_000)) * each - width
        observed, cost = self.slices(first)
        return cost / observed / share if observed else calm

    def whole(self) -> tuple[list[int], Fraction | None, tuple[Fraction, Fraction] | None]:
        """The window's sums, the SLI, and the budget: allowed and spent."""
        window, slicing, share = self.slo.window, self.slo.slicing, self.slo.objective.budget_share
        if isinstance(window, Calendar):
            low = int(window.start(self.now).timestamp())
            first, unit = low, 300
        else:
            width = window.seconds
            unit = 10 if width <= 21_600 else 60 if width <= 259_200 else 300
            low = -(-int(self.now.timestamp() * 1_000) // (unit * 1_000)) * unit - width
            each = 10 if slicing is None else slicing.seconds
            first = -(-int(self.now.timestamp() * 1_000) // (each * 1_000)) * each - width
        sums = self.sums(low, unit)
        good, bad = sums[:2]
        if slicing is None:
            total = good + bad
            if not total:
                return sums, None, None
            return sums, Fraction(good, total), (share * total, Fraction(bad))
        observed, cost = self.slices(first)
        if not observed:
            return sums, None, None
        weight = observed
        if isinstance(window, Calendar):
            end = int(window.end(self.now).timestamp())
            weight = sum(
                not all(at in self.excluded for at in range(start, start + slicing.seconds, 10))
                for start in range(low, end, slicing.seconds)
            )
        return sums, 1 - cost / observed, (share * weight, cost) if weight else None


def touched_by(schedules: Iterable[Schedule], now: datetime) -> frozenset[int]:
    """The base buckets of these days that they touch, found by walking the calendar."""
    found: set[int] = set()
    for schedule in schedules:
        if isinstance(schedule, Once):
            parts = [(schedule.start, schedule.end)]
        else:
            first = schedule.first.replace(tzinfo=BERLIN).astimezone(UTC)
            days = [schedule.first + n * DAY for n in range(40)]
            starts = [at.replace(tzinfo=BERLIN).astimezone(UTC) for at in days]
            parts = [(at, at + schedule.length) for at in starts if at >= first]
        for start, end in parts:
            low = max(start, now - 20 * DAY).timestamp() // 10 * 10
            high = min(end, now + 20 * DAY).timestamp()
            found |= set(range(int(low), -(-int(high * 1_000) // 10_000) * 10, 10))
    return frozenset(found)


class Watched:
    """An SLO over storage, whose overlay changes while it is watched."""

    def __init__(self, database: Database, slo: SLO, now: datetime) -> None:
        self.slo, self.now = slo, now
        self.counts = CountStore(database)
        self.engine = Engine(10, awake_since=now - DAY)
        self.past = Past(self.counts, AlertRecords(database), 10, lambda: now, lambda: DETAIL)
        self.watch(())

    @property
    def entry(self) -> Entry:
        return self.engine.entries[self.slo.id]

    def watch(self, exclusions: Iterable[Exclusion], pending: Sequence[BucketDelta] = ()) -> None:
        """As the service does; what is `pending` comes in while storage is being read."""
        self.flush()
        overlay = Overlay(exclusions)
        entries = resume_entries(
            {self.slo.id: self.slo},
            counts=self.counts,
            bucket_seconds=10,
            states={},
            now=self.now,
            running=self.engine.entries,
            overlay_of=lambda _: overlay,
        )
        self.book(pending)
        self.engine.watch(entries, {})

    def book(self, deltas: Iterable[BucketDelta]) -> None:
        for delta in deltas:
            at = datetime.fromtimestamp(delta.bucket + 3, UTC)
            self.engine.book_history(self.slo.id, at, delta, {"timeout": delta.bad})

    def flush(self) -> None:
        batch = self.engine.take_batch(uuid4().hex)
        if batch is not None:
            self.counts.flush(batch)

    def status(self) -> SLOStatus:
        entry = self.entry
        return evaluate(self.slo, entry.ledger, self.now, {}, self.now - DAY, entry.indicator.raw)[
            0
        ]


def check(status: SLOStatus, model: Model) -> None:
    sums, sli, budget = model.whole()
    good, bad, unknown, seen, missed, *_ = sums
    counts = status.window.counts
    assert (counts.good, counts.bad, counts.unknown) == (good, bad, unknown)
    assert (status.window.seen, status.window.due) == (seen, seen + missed)
    assert status.sli == sli
    assert (status.budget and (status.budget.allowed, status.budget.spent_events)) == budget
    for burn in status.burns:
        assert burn.rate == model.burn(burn.lookback)


_NAMES = count()


@pytest.mark.parametrize("now", [SPRING, AUTUMN], ids=["spring", "autumn"])
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    slicing=st.sampled_from(_SLICES),
    window=st.sampled_from(_WINDOWS),
    early=_BOOKED,
    pending=_BOOKED,
    late=_BOOKED,
    once=st.lists(_ONCE, max_size=3),
    nightly=st.lists(_NIGHTLY, max_size=1),
)
def test_numbers_equal_counting_by_hand_and_an_undo_gives_the_old_ones_back(
    database: Database,
    now: datetime,
    slicing: Slicing | None,
    window: Rolling | Calendar,
    early: list[tuple[int, BucketDelta]],
    pending: list[tuple[int, BucketDelta]],
    late: list[tuple[int, BucketDelta]],
    once: list[tuple[int, int]],
    nightly: list[tuple[int, int, int]],
) -> None:
    base = int(now.timestamp()) // 10 * 10
    booked = [
        [replace(delta, bucket=base - ago) for ago, delta in part]
        for part in (early, pending, late)
    ]
    schedules: list[Schedule] = [
        Once(now - ago * SECOND, now - (ago - length) * SECOND) for ago, length in once
    ]
    for hour, minute, minutes in nightly:
        first = (now - 5 * DAY).replace(tzinfo=None, hour=hour, minute=minute, second=0)
        schedules.append(Recurring("FREQ=DAILY", first, BERLIN, minutes * MINUTE))
    exclusions = [an_exclusion(one, now) for one in schedules]
    slo = replace(an_slo("99", tiers=()), window=window, slicing=slicing)
    watched = Watched(database, replace(slo, service=f"shop{next(_NAMES)}"), now)
    twin = Watched(database, replace(slo, service=f"shop{next(_NAMES)}"), now)

    def everything(upto: int) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for delta in (delta for part in booked[:upto] for delta in part):
            have = found.setdefault(delta.bucket, [0] * 7)
            have[:] = [a + b for a, b in zip(have, delta.columns(), strict=True)]
        return found

    excluded = touched_by(schedules, now)
    watched.book(booked[0])
    twin.book(booked[0])
    watched.watch(exclusions, pending=booked[1])
    twin.book(booked[1])
    check(watched.status(), Model(watched.slo, now, everything(2), excluded))

    watched.book(booked[2])
    twin.book(booked[2])
    status = watched.status()
    check(status, Model(watched.slo, now, everything(3), excluded))
    if schedules:
        assert status.raw is not None
        as_before = twin.status()
        assert (status.raw.window, status.raw.sli, status.raw.budget) == (
            as_before.window, as_before.sli, as_before.budget,
        )  # fmt: skip
    assert status.lifetime == twin.status().lifetime
    watched.flush()
    [told] = watched.past.as_of([watched.entry], now)
    then = now.replace(second=30)  # the bucket's edge
    before = {at: counts for at, counts in everything(3).items() if at < then.timestamp()}
    check(told.status, Model(watched.slo, then, before, excluded))
    account = watched.past.budget_ledger(watched.entry, None, now)
    if status.budget is not None:
        assert (account.allowed, account.cost) == (
            status.budget.allowed, status.budget.spent_events,
        )  # fmt: skip

    watched.watch([])

    restored = watched.status()
    assert restored.raw is None
    assert replace(restored, slo=twin.slo) == twin.status()
    again = Watched(database, watched.slo, now)  # and so it is after a restart
    check(again.status(), Model(watched.slo, now, everything(3), frozenset()))


def failing(database: Database, now: datetime, until: datetime) -> Watched:
    """A target that failed from `until` - 30m to `until`, and was fine for 6 h before that."""
    watched = Watched(database, replace(an_slo(), service=f"shop{next(_NAMES)}"), now)
    base = int(until.timestamp()) // 10 * 10
    watched.book(BucketDelta(base - 10 * n, good=1, seen=1) for n in range(180, 2_160))
    watched.book(BucketDelta(base - 10 * n, bad=1, seen=1) for n in range(1, 180))
    return watched


def phases(watched: Watched, now: datetime) -> set[str]:
    watched.engine.tick(now)
    states = watched.entry.states
    return {key for key, state in states.items() if state.phase is Phase.FIRING}


def test_an_exclusion_of_the_outage_resolves_its_alerts(database: Database) -> None:
    watched = failing(database, SPRING, SPRING)
    assert "page:1h:5m" in phases(watched, SPRING)

    watched.watch([an_exclusion(Once(SPRING - 2 * HOUR, SPRING + HOUR), SPRING)])

    assert "page:1h:5m" in phases(watched, SPRING)  # keep_firing_for
    assert phases(watched, SPRING + 61 * SECOND) == set()


def test_alerts_resolve_within_excluded_time_though_nothing_is_observed(database: Database) -> None:
    watched = failing(database, SPRING, SPRING)
    assert "page:1h:5m" in phases(watched, SPRING)
    watched.watch([an_exclusion(Once(SPRING, SPRING + 3 * HOUR), SPRING)])

    assert "page:1h:5m" in phases(watched, SPRING + 4 * MINUTE)  # what is before it still burns
    phases(watched, SPRING + 6 * MINUTE)
    assert "page:1h:5m" not in phases(watched, SPRING + 8 * MINUTE)


def test_silence_alerts_neither_within_excluded_time_nor_at_once_after_it(
    database: Database,
) -> None:
    watched = failing(database, SPRING, SPRING)
    assert "no_data" in phases(watched, SPRING + 3 * MINUTE)

    watched.watch([an_exclusion(Once(SPRING + 3 * MINUTE, SPRING + HOUR), SPRING)])

    over = SPRING + HOUR + 7 * SECOND  # the end of its last bucket
    times = [SPRING + (180 + 30 * n) * SECOND for n in range(130)]  # we are awake all the while
    fires = {at: "no_data" in phases(watched, at) for at in times}
    assert fires == {at: at - over >= 2 * MINUTE for at in times}
    assert any(fires.values())


def terms(now: datetime = SPRING) -> Terms:
    return Terms(now, DETAIL, lambda: uuid4().hex)


def test_an_exclusion_older_than_detail_is_refused() -> None:
    old = replace(PLAN, schedule=Once(SPRING - 36 * DAY, SPRING))

    with pytest.raises(PlanError, match="counts finer than 5m are kept for 35d") as refused:
        made(old, terms(), Exclusions())

    assert refused.value.field == "start"


def test_one_is_ended_once_while_it_holds_and_undone_once() -> None:
    one, entry = made(PLAN, terms(), Exclusions())
    assert (entry.by, entry.action, entry.before) == ("ada", "created", None)

    with pytest.raises(PlanError, match="has not begun; undo it"):
        ended(one, "ada", SPRING - MINUTE)
    over, entry = ended(one, "grace", SPRING + MINUTE)
    assert (over.ended_at, entry.by, entry.action) == (SPRING + MINUTE, "grace", "ended")
    with pytest.raises(PlanError, match="it is over since 2026-03-29 09:08 UTC"):
        ended(over, "ada", SPRING + 2 * MINUTE)
    gone, entry = undone(over, "ada", SPRING + HOUR)
    assert (gone.undone_at, entry.action) == (SPRING + HOUR, "undone")
    with pytest.raises(PlanError, match="undone already"):
        undone(gone, "ada", SPRING + HOUR)
    with pytest.raises(PlanError, match="was undone"):
        ended(gone, "ada", SPRING + HOUR)


def test_there_is_an_end_to_how_many_there_are() -> None:
    known = Exclusions.of(an_exclusion(PLAN.schedule, SPRING) for _ in range(1_000))

    with pytest.raises(PlanError, match="1,000 exclusions already"):
        made(PLAN, terms(), known)


def test_the_configuration_adds_changes_and_takes_back_its_own() -> None:
    other = replace(PLAN, scope=Scope("pets"))
    by_hand, _ = made(PLAN, terms(), Exclusions())
    known = Exclusions.of([by_hand])

    added = configured(known, [PLAN, other, PLAN], terms(), 400 * DAY)
    known = known.after(added)
    told = configured(known, [replace(PLAN, reason="another"), other], terms(), 400 * DAY)
    known = known.after(told)
    gone = configured(known, [replace(PLAN, reason="another")], terms(), 400 * DAY)

    assert [entry.action for _, entry in added] == ["created", "created"]
    assert [one.origin for one, _ in added] == [CONFIGURATION] * 2
    assert [(entry.action, one.reason) for one, entry in told] == [("changed", "another")]
    assert [(entry.action, one.scope) for one, entry in gone] == [("undone", Scope("pets"))]
    assert configured(known.after(gone), [replace(PLAN, reason="another")], terms(), DAY) == []
    with pytest.raises(PlanError, match="written in ada: it is undone there"):
        undone(added[0][0], "grace", SPRING)


def test_a_configured_one_that_was_forgotten_does_not_come_back() -> None:
    now = SPRING + 401 * DAY

    assert configured(Exclusions(), [PLAN], terms(now), 400 * DAY) == []


def test_slos_that_share_exclusions_share_an_overlay() -> None:
    known = Exclusions.of([an_exclusion(PLAN.schedule, SPRING)])
    slo = an_slo()

    assert known.over(slo, {}, 10) is known.over(slo, {"env": "prod"}, 10)
    assert not known.over(replace(slo, service="pets"), {}, 10)
