"""Threshold rules from observations to alert changes, without any I/O."""

from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction

import pytest

from alerting.alert import AlertChange, AlertKind, Remark
from collectors.observation import Cause, Observation, Outcome
from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.resume import resume_rules, resume_target
from nines.target import Target
from nines.thresholds import WantedLook, Watched
from slo.alert_state import AlertState, Phase
from slo.exclusion import CONFIGURATION, Exclusion, Overlay, Scope
from slo.exposition import Page, Sample, Series
from slo.ledger import Ledger
from slo.recurrence import Once
from slo.rule import Rule
from slo.severity import Severity
from tests.slo.builders import T0, an_slo
from tests.slo.natives import histogram as buckets
from tests.slo.rules import S, a_page, a_rule

HEALTH, METRICS = "shop/health", "shop/metrics"
CPU = a_rule(collector="metrics", metric="cpu", above="70%", for_="1m", by=["instance"])
LOST = a_rule("lost", collector="metrics", counter="lost_total", over="1m", above="6/m")
ERRORS = a_rule(
    "errors", collector="metrics", bad="errors_total", total="requests_total", over="1m",
    above="1%", severity="page",
)  # fmt: skip
SLOW = a_rule(
    "slow", collector="metrics", histogram="seconds", quantile="99%", over="1m", above="2s"
)
DOWN = a_rule("down", probe="health", down_for="1m", severity="page")


def an_engine(*rules: Rule, slo: bool = False, targets: dict[str, Target] | None = None) -> Engine:
    engine = Engine(10, awake_since=T0)
    promise = an_slo()
    entries = [Entry(promise, Indicator(promise, 1, "x", Ledger(10, promise.window.length)))]
    engine.watch(
        entries if slo else [],
        targets or {HEALTH: Target(10 * S), METRICS: Target(10 * S)},
        [Watched(rule, T0) for rule in rules],
    )
    return engine


def seen(
    at: datetime, page: Page | None = None, outcome: Outcome = Outcome.PASSED, detail: str = ""
) -> Observation:
    failed = outcome is Outcome.FAILED
    return Observation(
        collector_id=HEALTH if page is None else METRICS,
        due=at,
        started=at,
        lateness=0 * S,
        duration=0.01 * S,
        outcome=outcome,
        cause=Cause.CONNECT if failed else None,
        detail=detail or ("connection refused" if failed else ""),
        page=page,
    )


def counters(**values: float) -> Page:
    return Page(
        {Series(name, ()): Sample(value) for name, value in values.items()}, process_start=1.0
    )


def feed(engine: Engine, pages: Callable[[int], Page], start: int, end: int) -> list[AlertChange]:
    """A page every ten seconds, judged half a second after it was due."""
    changes = []
    for n in range(start, end):
        at = T0 + n * 10 * S
        changes += engine.observe(seen(at, pages(n)), at + 0.5 * S)
    return changes


def run(engine: Engine, runs: str, start: datetime = T0) -> list[AlertChange]:
    """Runs of the probe every ten seconds: f failed, p passed, u we could not look."""
    outcomes = {"f": Outcome.FAILED, "p": Outcome.PASSED, "u": Outcome.UNKNOWN}
    changes = []
    for n, letter in enumerate(runs):
        at = start + n * 10 * S
        changes += engine.observe(seen(at, outcome=outcomes[letter]), at + 0.5 * S)
    return changes


def test_a_gauge_fires_once_it_was_above_its_limit_for_so_long() -> None:
    engine = an_engine(CPU)

    early = feed(engine, lambda _: a_page("cpu", a=0.5, b=0.832), 0, 6)
    (change,) = feed(engine, lambda _: a_page("cpu", a=0.5, b=0.832), 6, 7)

    assert early == []
    assert (change.rule, change.service, change.slo) == ("shop#alert:cpu", "shop", "cpu")
    assert (change.kind, change.severity) == (AlertKind.THRESHOLD, Severity.TICKET)
    assert change.facts.headline == "83.2 %, above 70 % for 1m (instance=b)"
    assert change.facts.series == "instance=b 83.2 %, instance=a 50 %"


def test_it_ends_a_minute_after_it_no_longer_is() -> None:
    engine = an_engine(CPU)
    feed(engine, lambda _: a_page("cpu", 0.9), 0, 7)

    still = feed(engine, lambda _: a_page("cpu", 0.6), 7, 13)
    (change,) = feed(engine, lambda _: a_page("cpu", 0.6), 13, 14)

    assert still == []
    assert not change.firing


def test_once_it_was_below_its_clearing_limit_the_band_holds_it_no_more() -> None:
    engine = an_engine(
        a_rule(collector="metrics", metric="cpu", above="70%", clear_below="60%", for_="1m")
    )
    feed(engine, lambda _: a_page("cpu", 0.9), 0, 7)

    assert feed(engine, lambda _: a_page("cpu", 0.65), 7, 20) == []
    feed(engine, lambda _: a_page("cpu", 0.5), 20, 21)
    (change,) = feed(engine, lambda _: a_page("cpu", 0.65), 21, 27)

    assert not change.firing


def test_time_in_which_nobody_looked_is_no_time_that_it_held() -> None:
    engine = an_engine(CPU)
    feed(engine, lambda _: a_page("cpu", 0.9), 0, 3)

    assert feed(engine, lambda _: a_page("cpu", 0.9), 60, 64) == []  # we slept for ten minutes
    assert len(feed(engine, lambda _: a_page("cpu", 0.9), 64, 65)) == 1


def test_missing_data_neither_ends_nor_begins_it() -> None:
    engine = an_engine(CPU)
    feed(engine, lambda _: a_page("cpu", 0.9), 0, 7)

    changes = [c for n in range(7, 18) for c in engine.tick(T0 + n * 10 * S)]

    assert changes == []
    assert engine.thresholds.watched["shop#alert:cpu"].state.phase is Phase.FIRING


def test_series_that_went_missing_raise_an_alert_of_their_own() -> None:
    engine = an_engine(CPU, slo=True)
    feed(engine, lambda _: a_page("cpu", 0.1), 0, 2)

    changes = feed(engine, lambda _: counters(other=1), 2, 15)

    (change,) = changes
    assert change.rule == "shop#alert:cpu:no_data"
    assert change.kind is AlertKind.NO_DATA
    assert "no series for cpu" in change.facts.reason


def test_a_collector_that_went_silent_is_told_by_its_slo_where_there_is_one() -> None:
    told = {}
    for slo in (True, False):
        engine = an_engine(DOWN, slo=slo)
        run(engine, "pp")
        told[slo] = [c for n in range(2, 20) for c in engine.tick(T0 + n * 10 * S)]

    assert [change.rule for change in told[True]] == ["shop/availability#no_data"]
    assert [change.rule for change in told[False]] == ["shop#alert:down:no_data"]


def test_a_rate_counts_exact_increments_through_a_restart() -> None:
    engine = an_engine(LOST)
    values = [0, 1, 2, 3, 0, 1, 2, 3]  # the process restarts with the fifth page

    def page(n: int) -> Page:
        return Page(
            {Series("lost_total", ()): Sample(values[n])}, process_start=1.0 if n < 4 else 31.0
        )

    changes = feed(engine, page, 0, 8)

    reading = engine.thresholds.watched["shop#alert:lost"].reading
    assert changes == []
    assert reading.sums is not None
    assert (reading.sums.bad, reading.sums.observed) == (5, 60 * S)


def test_a_counter_that_has_not_begun_is_zero_and_its_first_value_counts() -> None:
    engine = an_engine(LOST)
    feed(engine, lambda _: counters(up=1), 0, 7)
    assert engine.thresholds.watched["shop#alert:lost"].reading.value == 0

    (change,) = feed(engine, lambda _: counters(up=1, lost_total=7), 7, 8)

    assert change.facts.headline == "7/m (7 in 1 min), above 6/m over 1m"


def test_an_error_rate_is_of_events() -> None:
    engine = an_engine(ERRORS)

    changes = feed(engine, lambda n: counters(errors_total=2 * n, requests_total=100 * n), 0, 9)

    (change,) = changes
    assert change.severity is Severity.PAGE
    assert change.at == T0 + 30.5 * S  # half of the minute is known
    assert change.facts.headline == "2 % of 300 events bad (6), above 1 % over 1m"


def histogram(n: int, edges: tuple[str, ...] = ("1", "2", "5")) -> Page:
    """A hundred events a page, two of them above two seconds."""
    fine = {"1": 90, "2": 98, "5": 100}
    rows = {edge: fine[edge] * n for edge in edges} | {"+Inf": 100 * n}
    return Page(
        {Series("seconds_bucket", (("le", le),)): Sample(v) for le, v in rows.items()},
        process_start=1.0,
    )


def test_a_quantile_is_a_share_of_events_above_an_edge() -> None:
    engine = an_engine(SLOW)

    (change,) = feed(engine, histogram, 0, 9)

    assert change.facts.headline == "p99 above 2s: 2 % of 300 events above 2s (6)"


def native(n: int, schema: int = 3) -> Page:
    """The same hundred events a page, as a native histogram shows them."""
    shown = buckets([0.5] * (90 * n) + [1.5] * (8 * n) + [4.0] * (2 * n), schema)
    total = Sample(shown.count)
    return Page(
        {Series("seconds_bucket", (("le", "+Inf"),)): total},
        process_start=1.0,
        natives={Series("seconds", ()): shown},
    )


@pytest.mark.parametrize("schema", [8, 0])
def test_a_quantile_of_native_buckets_is_a_share_of_events_too(schema: int) -> None:
    engine = an_engine(SLOW)

    (change,) = feed(engine, lambda n: native(n, schema), 0, 9)

    assert change.facts.headline == "p99 above 2s: 2 % of 300 events above 2s (6)"


def test_events_in_a_bucket_that_the_limit_cuts_are_held_against_nobody() -> None:
    engine = an_engine(SLOW)

    # At the schema -1, from 1 to 4: what is slow and what is not cannot be told.
    assert feed(engine, lambda n: native(n, -1), 0, 9) == []


def test_a_limit_that_is_no_edge_names_the_nearest() -> None:
    engine = an_engine(SLOW)

    changes = feed(engine, lambda n: histogram(n, ("1", "5")), 0, 14)

    (change,) = changes
    assert change.kind is AlertKind.NO_DATA
    assert "2s is not an edge of seconds; the nearest are 1 and 5" in change.facts.reason


def test_a_probe_that_is_down_pages_only_after_a_confirming_look() -> None:
    engine = an_engine(DOWN)

    assert run(engine, "fffffff") == []
    assert engine.thresholds.take_looks() == [WantedLook(HEALTH, 1 * S)]
    at = T0 + 61 * S
    (change,) = engine.confirm(seen(at, outcome=Outcome.FAILED, detail="refused"), at)

    assert isinstance(change, AlertChange)
    assert (change.firing, change.kind) == (True, AlertKind.THRESHOLD)
    assert change.facts.headline == "down for 1 min, 7 runs failed one after another"
    assert "A look 1s later failed too: refused" in change.facts.reason


def test_a_confirming_look_that_passes_ends_it_and_is_told() -> None:
    engine = an_engine(DOWN, slo=True)
    changes = run(engine, "fffffff")
    at = T0 + 61 * S
    before = engine.entries["shop/availability"].ledger.lifetime

    (remark,) = engine.confirm(seen(at), at)

    assert isinstance(remark, Remark)
    assert remark.service == "shop"
    assert remark.text.startswith("down: a confirming look at 00:01:01 UTC passed after 7 failures")
    assert all(change.rule != "shop#alert:down" for change in changes)
    assert engine.entries["shop/availability"].ledger.lifetime == before  # evidence, no event
    assert run(engine, "ffffff", T0 + 70 * S) == []


def after_a_kill(engine: Engine, *rules: Rule, stored: dict[str, AlertState]) -> Engine:
    """Another process with what the last flush wrote; `stored` is what fired."""
    batch = engine.take_batch("b")
    assert batch is not None
    records = batch.collector_states
    fresh = Engine(10, awake_since=T0 + timedelta(minutes=5))
    fresh.watch(
        [],
        {name: resume_target(10 * S, records.get(name), None) for name in (HEALTH, METRICS)},
        resume_rules(rules, records=records, states=stored, now=fresh.awake_since, running={}),
    )
    return fresh


def test_an_outage_goes_on_over_a_restart_without_the_time_that_nobody_looked() -> None:
    engine = an_engine(DOWN)
    run(engine, "ffff")  # thirty seconds

    fresh = after_a_kill(engine, DOWN, stored={})
    back = T0 + 300 * S
    fresh.book_absence(HEALTH, back)

    assert run(fresh, "fff", back) == []
    assert fresh.thresholds.take_looks() == []
    run(fresh, "f", back + 30 * S)
    assert fresh.thresholds.take_looks() == [WantedLook(HEALTH, 1 * S)]


def test_what_was_counted_lately_is_known_over_a_restart() -> None:
    engine = an_engine(ERRORS)

    def page(n: int) -> Page:
        return counters(errors_total=n, requests_total=1000 * n)

    feed(engine, page, 0, 7)

    fresh = after_a_kill(engine, ERRORS, stored={})
    fresh.thresholds.tick(T0 + 62 * S, fresh.awake_since)

    before = engine.thresholds.watched[ERRORS.id].reading
    assert fresh.thresholds.watched[ERRORS.id].reading.value == before.value == Fraction(1, 1000)
    feed(fresh, page, 7, 8)
    sums = fresh.thresholds.watched[ERRORS.id].reading.sums
    assert sums is not None
    assert sums.observed == 60 * S


@pytest.mark.parametrize("rule", [CPU, DOWN, ERRORS], ids=lambda rule: rule.name)
def test_what_fires_goes_on_firing_over_a_restart(rule: Rule) -> None:
    engine = an_engine(rule)
    run(engine, "f")
    feed(engine, lambda _: a_page("cpu", 0.9), 0, 1)

    fresh = after_a_kill(engine, rule, stored={rule.id: AlertState(Phase.FIRING, T0)})

    assert fresh.states()[rule.id] == AlertState(Phase.FIRING, T0)
    assert fresh.thresholds.present_facts().keys() == {rule.id}


def test_what_fired_and_was_not_stored_fires_again() -> None:
    engine = an_engine(CPU)
    feed(engine, lambda _: a_page("cpu", 0.9), 0, 7)

    fresh = after_a_kill(engine, CPU, stored={})

    (change,) = feed(fresh, lambda _: a_page("cpu", 0.9), 7, 8)
    assert change.firing


def planned(start: datetime, end: datetime) -> Overlay:
    scope, once = Scope(service="shop"), Once(start, end)
    return Overlay([Exclusion("x", scope, once, "patches", "sre", CONFIGURATION, start, start)])


def test_in_planned_work_nothing_begins_and_what_fires_ends() -> None:
    engine = an_engine(CPU, DOWN)
    feed(engine, lambda _: a_page("cpu", 0.9), 0, 7)
    run(engine, "fff")
    start, end = T0 + 70 * S, T0 + 600 * S
    engine.thresholds.exclude(lambda _: planned(start, end))

    changes = feed(engine, lambda _: a_page("cpu", 0.9), 7, 14)
    run(engine, "ffffffffffff", start)

    assert [(one.rule, one.firing) for one in changes] == [(CPU.id, False)]
    assert engine.thresholds.watched[DOWN.id].state.phase is Phase.INACTIVE
    assert engine.thresholds.watched[DOWN.id].status().excluded
    assert [c for n in range(14, 40) for c in engine.tick(T0 + n * 10 * S)] == []  # nor a silence


def test_what_was_counted_in_planned_work_is_no_part_of_the_stretch() -> None:
    engine = an_engine(ERRORS)
    engine.thresholds.exclude(lambda _: planned(T0 + 20 * S, T0 + 40 * S))

    feed(engine, lambda n: counters(errors_total=n, requests_total=1000 * n), 0, 7)

    sums = engine.thresholds.watched[ERRORS.id].reading.sums
    assert sums is not None
    assert (sums.observed, sums.bad) == (40 * S, 4)


def test_an_edit_ends_nothing_that_fires_and_begins_anew_what_was_pending() -> None:
    engine = an_engine(CPU, DOWN)
    feed(engine, lambda _: a_page("cpu", 0.9), 0, 7)
    run(engine, "fffff")
    edits = (
        a_rule(collector="metrics", metric="cpu", above="75%", for_="1m"),
        a_rule("down", probe="health", down_for="30s", severity="page"),
    )

    rules = resume_rules(
        edits, records={}, states={}, now=T0 + 70 * S, running=engine.thresholds.watched
    )

    assert [one.state.phase for one in rules] == [Phase.FIRING, Phase.INACTIVE]
    assert [one.rule for one in rules] == list(edits)


def test_a_rule_that_cannot_be_judged_silences_no_other() -> None:
    engine = an_engine(CPU, DOWN)
    engine.thresholds.watched[CPU.id].reading = None  # type: ignore[assignment]

    engine.tick(T0)

    assert engine.thresholds.watched[CPU.id].fault is not None
    assert engine.thresholds.watched[DOWN.id].fault is None
