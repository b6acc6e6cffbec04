"""From observations to counts and alert changes, without any I/O."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alerting.alert import AlertChange, AlertKind
from collectors.exposition import PageReader
from collectors.observation import Cause, Observation, Outcome
from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.target import Target
from slo.counts import Counts
from slo.definition import SLO, EventsSLI, GaugeSLI, HistogramSLI, sources
from slo.exposition import Page, Sample, Series
from slo.ledger import Ledger
from slo.selector import parse_selector
from slo.severity import Severity
from slo.threshold import Side, parse_threshold
from tests.slo.builders import T0, a_tier, an_slo

S = timedelta(seconds=1)
HEALTH = "shop/health"
METRICS = "shop/metrics"


def an_observation(
    at: datetime,
    outcome: Outcome = Outcome.PASSED,
    collector_id: str = HEALTH,
    page: Page | None = None,
) -> Observation:
    failed = outcome is Outcome.FAILED
    return Observation(
        collector_id=collector_id,
        due=at,
        started=at,
        lateness=0 * S,
        duration=0.01 * S,
        outcome=outcome,
        cause=Cause.STATUS if failed else None,
        http_status=500 if failed else 200,
        detail="expected status 200, got 500" if failed else "",
        page=page,
    )


def a_page(codes: dict[str, int], started: float = 1.0) -> Page:
    return Page(
        {
            Series("http_requests_total", (("code", code),)): Sample(value)
            for code, value in codes.items()
        },
        process_start=started,
    )


def an_events_slo() -> SLO:
    total = parse_selector("http_requests_total")
    bad = parse_selector('http_requests_total{code=~"5.."}')
    return replace(
        an_slo(), name="requests", sli=EventsSLI("metrics", (total,), (bad,), by=("code",))
    )


@pytest.fixture
def engine() -> Engine:
    """Watches a probe SLO and a counter SLO, both every 10 s."""
    engine = Engine(10, awake_since=T0)
    entries = [
        Entry(slo, Indicator(slo, number, "fingerprint", Ledger(10, slo.window.length)))
        for number, slo in enumerate((an_slo(tiers=(a_tier(),)), an_events_slo()), start=1)
    ]
    engine.watch(entries, {HEALTH: Target(10 * S), METRICS: Target(10 * S)})
    return engine


def feed(engine: Engine, outcome: Outcome, start: datetime, runs: int) -> list[AlertChange]:
    changes = []
    for n in range(runs):
        at = start + n * 10 * S
        changes += engine.observe(an_observation(at, outcome), at + S)
    return changes


def tick_on(engine: Engine, start: datetime, end: datetime) -> list[AlertChange]:
    """A tick at every bucket's edge in [start, end]."""
    steps = (end - start) // (10 * S)
    return [change for n in range(steps + 1) for change in engine.tick(start + n * 10 * S)]


def lifetime(engine: Engine, name: str) -> Counts:
    return engine.entries[f"shop/{name}"].ledger.lifetime


def test_a_full_outage_pages_with_the_sixth_failure_after_a_clean_hour(engine: Engine) -> None:
    feed(engine, Outcome.PASSED, T0, 360)
    start = T0 + timedelta(hours=1)

    first_five = feed(engine, Outcome.FAILED, start, 5)
    sixth = feed(engine, Outcome.FAILED, start + 50 * S, 1)

    assert first_five == []
    (change,) = [c for c in sixth if c.severity is Severity.PAGE]
    assert change.firing
    assert change.facts.top_cause is not None
    assert change.facts.top_cause.startswith("status 500: 6 of 6 failures")


def test_recovery_resolves_a_minute_after_the_short_window_is_below(engine: Engine) -> None:
    feed(engine, Outcome.PASSED, T0, 360)
    feed(engine, Outcome.FAILED, T0 + timedelta(hours=1), 12)

    changes = feed(engine, Outcome.PASSED, T0 + timedelta(hours=1, minutes=2), 60)

    ended = [c for c in changes if c.rule.endswith("page:1h:5m") and not c.firing]
    assert len(ended) == 1
    # 12 failures leave the 5 m window until fewer than 14.4 * 0.1 % of 30 events are bad, + 1 m.
    assert ended[0].at >= T0 + timedelta(hours=1, minutes=6)


def test_the_facts_of_what_fires_go_on_with_time(engine: Engine) -> None:
    feed(engine, Outcome.PASSED, T0, 360)
    (change,) = feed(engine, Outcome.FAILED, T0 + timedelta(hours=1), 6)
    then = engine.present_facts()
    feed(engine, Outcome.FAILED, T0 + timedelta(hours=1, minutes=1), 6)
    now = engine.present_facts()

    assert then == {change.rule: change.facts}
    assert (then[change.rule].bad, now[change.rule].bad) == (6, 12)


def test_our_own_failures_are_unknown_and_never_page(engine: Engine) -> None:
    feed(engine, Outcome.PASSED, T0, 360)

    changes = feed(engine, Outcome.UNKNOWN, T0 + timedelta(hours=1), 11)

    assert changes == []
    assert lifetime(engine, "availability") == Counts(360, 0, 11)


def test_a_silent_collector_raises_no_data_and_says_who_is_down(engine: Engine) -> None:
    feed(engine, Outcome.PASSED, T0, 6)

    changes = feed(engine, Outcome.UNKNOWN, T0 + 60 * S, 20)

    (change,) = [c for c in changes if c.kind is AlertKind.NO_DATA and c.slo == "availability"]
    assert change.severity is Severity.TICKET
    assert "our own collector does not run" in change.facts.headline


def test_two_pages_give_exact_increments_and_their_causes(engine: Engine) -> None:
    for n, codes in enumerate(({"200": 100}, {"200": 150, "500": 3}, {"200": 7, "500": 2})):
        page = a_page(codes, started=1.0 if n < 2 else 2.0)
        at = T0 + n * 10 * S
        engine.observe(an_observation(at, collector_id=METRICS, page=page), at)

    entry = engine.entries["shop/requests"]
    assert lifetime(engine, "requests") == Counts(57, 5)
    assert entry.ledger.causes(timedelta(hours=1), T0 + 30 * S) == {"code=500": 5}


def test_a_label_with_a_nul_is_a_cause_that_postgresql_takes(engine: Engine) -> None:
    for n in range(2):
        page = a_page({"200": 100 + n, "5\0o": 3 + n})
        at = T0 + n * 10 * S
        engine.observe(an_observation(at, collector_id=METRICS, page=page), at)

    batch = engine.take_batch("one")

    assert batch is not None
    assert [one.cause for one in batch.causes[2]] == ["code=5\N{REPLACEMENT CHARACTER}o"]


def test_a_failed_scrape_is_a_gap_that_the_next_page_fills(engine: Engine) -> None:
    def scrape(n: int, page: Page | None) -> None:
        at = T0 + n * 10 * S
        outcome = Outcome.PASSED if page else Outcome.FAILED
        engine.observe(an_observation(at, outcome, METRICS, page), at)

    scrape(0, a_page({"200": 100}))
    for n in range(1, 6):
        scrape(n, None)
    scrape(6, a_page({"200": 160}))

    window = engine.entries["shop/requests"].ledger.window(timedelta(minutes=5), T0 + 60 * S)
    assert window.counts == Counts(60, 0)
    assert window.observed == Counts(0, 0)
    assert (window.seen, window.due) == (2, 7)


def test_a_page_without_the_series_is_no_data_and_not_zero(engine: Engine) -> None:
    for n in range(3):
        at = T0 + n * 10 * S
        engine.observe(an_observation(at, collector_id=METRICS, page=Page({})), at)

    window = engine.entries["shop/requests"].ledger.window(timedelta(minutes=5), T0 + 30 * S)
    assert (window.seen, window.due) == (0, 3)


def test_what_cannot_be_counted_is_told_with_the_status(engine: Engine) -> None:
    nan = Page({Series("http_requests_total", (("code", "200"),)): Sample(float("nan"))})
    for n in range(3):
        at = T0 + n * 10 * S
        engine.observe(an_observation(at, collector_id=METRICS, page=nan), at)

    status = engine.entries["shop/requests"].status
    assert status is not None
    assert status.lifetime == Counts()
    said = 'http_requests_total{code="200"} is nan, which is no count: it is left out'
    assert status.anomalies == {said: 3}


def test_an_older_page_that_arrives_late_counts_nothing_twice(engine: Engine) -> None:
    newer, older = a_page({"200": 50}), a_page({"200": 40})
    first = an_observation(T0, collector_id=METRICS, page=a_page({"200": 30}))
    engine.observe(first, T0)
    engine.observe(an_observation(T0 + 20 * S, collector_id=METRICS, page=newer), T0 + 21 * S)

    engine.observe(an_observation(T0 + 10 * S, collector_id=METRICS, page=older), T0 + 22 * S)

    assert lifetime(engine, "requests") == Counts(20, 0)


def test_time_alone_changes_verdicts(engine: Engine) -> None:
    feed(engine, Outcome.PASSED, T0, 6)

    changes = tick_on(engine, T0 + 60 * S, T0 + timedelta(minutes=4))

    assert {change.kind for change in changes} == {AlertKind.NO_DATA}


def test_our_absence_is_booked_as_unknown_run_by_run(engine: Engine) -> None:
    feed(engine, Outcome.PASSED, T0, 6)
    back = T0 + timedelta(minutes=10)

    missed = engine.book_absence(HEALTH, back)

    assert missed == 54
    assert lifetime(engine, "availability") == Counts(6, 0, 54)
    assert engine.book_absence(HEALTH, back) == 0


def test_a_long_absence_is_booked_whole(engine: Engine) -> None:
    feed(engine, Outcome.PASSED, T0, 1)

    missed = engine.book_absence(HEALTH, T0 + timedelta(days=2))

    assert missed == 2 * 8640 - 1
    assert lifetime(engine, "availability").unknown == missed


def test_a_batch_holds_what_was_booked_and_is_given_once(engine: Engine) -> None:
    feed(engine, Outcome.PASSED, T0, 2)
    feed(engine, Outcome.FAILED, T0 + 20 * S, 1)

    batch = engine.take_batch("one")

    assert batch is not None
    assert sum(delta.good for delta in batch.deltas[1]) == 2
    assert [(cause.cause, cause.bad) for cause in batch.causes[1]] == [("status 500", 1)]
    assert batch.collector_states[HEALTH].last_due == T0 + 20 * S
    assert engine.take_batch("two") is None


def test_an_observation_of_a_collector_that_left_is_nobodys(engine: Engine) -> None:
    assert engine.observe(an_observation(T0, collector_id="gone/health"), T0) == []


def test_an_slo_that_is_added_later_is_given_time_before_it_counts_as_silent(
    engine: Engine,
) -> None:
    added = T0 + timedelta(days=3)
    slo = an_slo()
    entry = Entry(
        slo, Indicator(slo, 1, "edited", Ledger(10, slo.window.length)), watched_from=added
    )
    engine.watch([entry], {HEALTH: Target(10 * S)})

    early = tick_on(engine, added, added + slo.no_data_after - S)
    late = engine.tick(added + slo.no_data_after)

    assert early == []
    assert [change.kind for change in late] == [AlertKind.NO_DATA]


@pytest.mark.parametrize("hours", [8, -8], ids=["slept, or set forward", "set back"])
def test_nobody_is_silent_while_our_own_clock_jumps(engine: Engine, hours: int) -> None:
    feed(engine, Outcome.PASSED, T0, 30)
    awake = T0 + timedelta(hours=hours)

    assert tick_on(engine, awake, awake + timedelta(minutes=1)) == []


def test_a_counter_that_counts_nonsense_does_not_stop_the_evaluation(engine: Engine) -> None:
    for n, value in enumerate((0, 1, 2**64 - 1, 2**64)):
        at = T0 + n * 10 * S
        engine.observe(
            an_observation(at, collector_id=METRICS, page=a_page({"200": n, "500": value})), at + S
        )

    engine.tick(T0 + 60 * S)

    assert lifetime(engine, "requests") == Counts(2, 2, 0)


def watching(engine: Engine, slo: SLO) -> Entry:
    """The engine watches this SLO alone, fed by the page."""
    entry = Entry(slo, Indicator(slo, 7, "fingerprint", Ledger(10, slo.window.length)))
    engine.watch([entry], {METRICS: Target(10 * S)})
    return entry


def read(engine: Engine, n: int, text: str) -> list[AlertChange]:
    """The n-th page as its text stood on the wire."""
    names = {one.metric for entry in engine.entries.values() for one in sources(entry.slo.sli)}
    reader = PageReader(names, openmetrics=False, limit_bytes=10_000)
    reader.feed(text.encode())
    at = T0 + n * 10 * S
    observation = an_observation(at, collector_id=METRICS, page=reader.close())
    return engine.observe(observation, at)


def test_a_histogram_is_read_at_its_edge(engine: Engine) -> None:
    sli = HistogramSLI("metrics", (parse_selector("seconds"),), parse_threshold("1s"))
    entry = watching(engine, replace(an_slo(), name="latency", sli=sli))

    read(engine, 0, 'seconds_bucket{le="1.0"} 5\nseconds_bucket{le="+Inf"} 6\n')
    read(engine, 1, 'seconds_bucket{le="1.0"} 8\nseconds_bucket{le="+Inf"} 10\n')

    assert entry.ledger.lifetime == Counts(3, 1)


def test_a_threshold_that_is_no_edge_is_a_standing_error_that_alerts(engine: Engine) -> None:
    sli = HistogramSLI("metrics", (parse_selector("seconds"),), parse_threshold("200ms"))
    entry = watching(engine, replace(an_slo(), name="latency", sli=sli))
    page = 'seconds_bucket{le="0.1"} 1\nseconds_bucket{le="0.5"} 2\nseconds_bucket{le="+Inf"} 3\n'

    changes = [change for n in range(14) for change in read(engine, n, page)]

    said = "200ms is not an edge of seconds; the nearest are 0.1 and 0.5"
    (change,) = changes
    assert change.kind is AlertKind.NO_DATA
    assert said in f"{change.facts.headline} {change.facts.reason}"
    assert entry.status is not None
    assert entry.status.anomalies == {said: 14}
    assert entry.ledger.lifetime == Counts()


def test_a_gauge_is_one_event_a_sample(engine: Engine) -> None:
    sli = GaugeSLI(
        "metrics", (parse_selector("depth"),), Side.BELOW, parse_threshold(100), by=("queue",)
    )
    entry = watching(engine, replace(an_slo(), name="queue", sli=sli))

    read(engine, 0, 'depth{queue="a"} 99\ndepth{queue="b"} 100\n')
    read(engine, 1, 'depth{queue="a"} 7\ndepth{queue="b"} NaN\n')

    assert entry.ledger.lifetime == Counts(2, 1)
    assert entry.ledger.causes(timedelta(hours=1), T0 + 30 * S) == {"queue=b": 1}


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.UNKNOWN])
def test_a_run_that_is_told_twice_is_one_event(engine: Engine, outcome: Outcome) -> None:
    engine.observe(an_observation(T0 + 10 * S), T0 + 10 * S)
    engine.observe(an_observation(T0, Outcome.FAILED), T0 + 11 * S)
    engine.observe(an_observation(T0, outcome), T0 + 12 * S)

    assert engine.entries["shop/availability"].ledger.lifetime == Counts(good=1, bad=1)


def test_a_page_that_comes_twice_counts_nothing_and_misses_nothing(engine: Engine) -> None:
    for at, count in ((T0, 10), (T0 + 10 * S, 15), (T0 + 10 * S, 15)):
        engine.observe(an_observation(at, collector_id=METRICS, page=a_page({"200": count})), at)

    window = engine.entries["shop/requests"].ledger.window(timedelta(hours=1), T0 + 10 * S)
    assert (window.counts.good, window.seen, window.due) == (5, 2, 2)
