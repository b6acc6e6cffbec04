"""The fourteen mechanisms by which SLO tools came to show wrong numbers, each as a regression test.

The threads where users found them are named; all are public issues of the projects.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.alert import AlertKind
from collectors.exposition import PageReader
from collectors.observation import Observation, Outcome
from nines.config import ConfigError
from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.target import Target
from slo.counter import advance, smear
from slo.counter_state import TargetState
from slo.counts import Counts
from slo.definition import SLO, CounterSLI, EventsSLI, GaugeSLI, HistogramSLI, PageSLI, sources
from slo.evaluate import evaluate
from slo.exposition import Page
from slo.gauge import read_gauges
from slo.increment import Increment
from slo.ledger import BucketDelta, Ledger
from slo.selector import parse_selector
from slo.slices import NoData, Slicing
from slo.status import BudgetState, SLOStatus
from slo.threshold import Side, parse_threshold
from tests.nines.config.files import load_text
from tests.slo.builders import T0, a_ledger, a_tier, an_slo, book, run

SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
INTERVAL = 10 * SECOND
COLLECTOR = "shop/health"
REQUESTS = EventsSLI(
    "metrics", (parse_selector("requests"),), (parse_selector('requests{code=~"5.."}'),)
)


def a_page(sli: PageSLI, text: str) -> Page:
    """The page as it stood on the wire."""
    names = {selector.metric for selector in sources(sli)}
    reader = PageReader(names | {"process_start_time_seconds"}, openmetrics=False, limit_bytes=9999)
    reader.feed(text.encode())
    return reader.close()


def increments(sli: CounterSLI, *pages: str) -> list[Increment]:
    """What each page after the first added."""
    state, found = TargetState(), []
    for n, text in enumerate(pages):
        at = T0 + n * INTERVAL
        state, each = advance(state, a_page(sli, text), at, {"slo": sli}, INTERVAL)
        found.append(each["slo"])
    return found[1:]


def counted(*all_: Increment) -> Counts:
    return Counts(
        sum(one.good for one in all_),
        sum(one.bad for one in all_),
        sum(one.unknown for one in all_),
    )


def status_of(slo: SLO, ledger: Ledger, now: datetime) -> SLOStatus:
    return evaluate(slo, ledger, now, {}, T0)[0]


def test_1_mean_of_ratios() -> None:
    """Sloth #618, #241, #656: a quiet hour weighs as much as a busy one."""
    slo, ledger = an_slo(), a_ledger(an_slo())
    run(ledger, T0, T0 + 12 * HOUR, good=300_000, every=5 * MINUTE)
    run(ledger, T0 + 12 * HOUR, T0 + DAY, good=270, bad=30, every=5 * MINUTE)

    status = status_of(slo, ledger, T0 + DAY)

    bad_ratio = Fraction(30 * 144, 300_300 * 144)  # the mean of the ratios is 0.05
    assert status.sli == 1 - bad_ratio
    assert status.budget is not None
    assert status.budget.spent == bad_ratio / Fraction(1, 1000)
    burn = status.burn(DAY)
    assert burn is not None
    assert burn.rate == bad_ratio / Fraction(1, 1000)
    assert round(float(burn.rate), 4) == 0.0999


@pytest.mark.parametrize("broken", ["NaN", "+Inf", "-Inf"])
def test_2_one_nan_spoils_thirty_days(broken: str) -> None:
    """Sloth #531, #133: one NaN sample makes the long window NaN for as long as it is inside."""
    found = increments(
        REQUESTS,
        'requests{code="200"} 100\nrequests{code="500"} 5\n',
        f'requests{{code="200"}} 150\nrequests{{code="500"}} {broken}\n',
        'requests{code="200"} 200\nrequests{code="500"} 8\n',
    )

    assert counted(found[0]) == Counts(50, 0)
    # Compared with the last value that was one: 8 - 5, not 8.
    assert counted(*found) == Counts(100, 3)
    assert f'requests{{code="500"}} is {float(broken):g}' in found[0].anomalies[0]


def test_3_errors_without_a_series_until_the_first() -> None:
    """Sloth's examples need `or on() vector(0)`, or good time drops out of the mean."""
    sli = EventsSLI("metrics", (parse_selector("requests"),), (parse_selector("errors"),))

    found = increments(sli, "requests 0\n", "requests 90\n", "requests 180\nerrors 2\n")

    assert counted(found[0]) == Counts(90, 0)
    assert counted(*found) == Counts(178, 2)
    assert all(one.data for one in found)  # seen, and not idle


def test_4_the_first_increment_of_a_new_series() -> None:
    """Prometheus #1673, #3886: 11 of 15 counted, as a series begins with its first error."""
    found = increments(
        REQUESTS,
        'requests{code="200"} 1000\n',
        'requests{code="200"} 1010\nrequests{code="500"} 4\n',
        'requests{code="200"} 1020\nrequests{code="500"} 15\n',
    )

    assert counted(*found) == Counts(20, 15)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=80))
def test_5_extrapolation(bads: list[int]) -> None:
    """slo-generator #319, #111, #316: good above total, more bad in 5 m than in 1 h."""
    slo, ledger = an_slo(), a_ledger(an_slo())
    for n, bad in enumerate(bads):
        book(ledger, T0 + n * 7 * SECOND, good=1, bad=bad)
    now = T0 + len(bads) * 7 * SECOND

    short, long = ledger.window(5 * MINUTE, now).counts, ledger.window(HOUR, now).counts

    assert short.bad <= long.bad == sum(bads)
    assert long.good == len(bads) <= long.total
    assert status_of(slo, ledger, now).sli == Fraction(len(bads), len(bads) + sum(bads))


_PAGES = st.lists(
    st.tuples(st.integers(1, 90), st.integers(0, 50), st.integers(0, 5)), min_size=1, max_size=30
)


@given(_PAGES)
def test_5_extrapolation_between_pages(steps: list[tuple[int, int, int]]) -> None:
    """A scrape that comes early, late or after a gap adds what was counted, no more."""
    good = bad = 0
    state, at, ledger = TargetState(), T0, a_ledger(an_slo())
    for seconds, more_good, more_bad in [(0, 0, 0), *steps]:
        good, bad, at = good + more_good, bad + more_bad, at + seconds * SECOND
        page = a_page(REQUESTS, f'requests{{code="200"}} {good}\nrequests{{code="500"}} {bad}\n')
        state, found = advance(state, page, at, {"slo": REQUESTS}, INTERVAL)
        one = found["slo"]

        assert counted(one) == Counts(more_good, more_bad)
        since = one.gap_since or at
        for bucket, *counts in smear(one, since, at, 10):
            ledger.book(at, BucketDelta(bucket, *counts))

    assert ledger.window(HOUR, at + 10 * SECOND).counts == Counts(good, bad)


def test_6_good_and_total_of_two_moments() -> None:
    """slo-generator PR #605: two queries at two "now"s. Ours stand on one page or not at all."""
    sli = EventsSLI(
        "metrics", (parse_selector("requests"),), good=(parse_selector('requests{code="200"}'),)
    )

    found = increments(
        sli,
        'requests{code="200"} 10\nrequests{code="500"} 0\n',
        'requests{code="500"} 7\n',  # half a page: good cannot be told
        'requests{code="200"} 30\nrequests{code="500"} 8\n',
    )

    assert counted(found[0]) == Counts(0, 0, 7)
    assert counted(found[1]) == Counts(20, 1)


@pytest.mark.parametrize("window", ["30d", "15d", "month Asia/Tokyo"])
def test_7_retention_shorter_than_the_window(tmp_path: Path, window: str) -> None:
    """Pyrra #406: the tail of the window is gone, and the number says nothing of it."""
    text = f"""\
server: {{retention: {{detail: 7d, sums: 14d}}}}
services:
  shop:
    collectors: {{home: {{http: https://shop.example/}}}}
    slos: {{up: {{objective: 99.9%, window: {window}, sli: {{probe: home}}}}}}
alerting: {{route: {{receivers: []}}}}
"""
    with pytest.raises(ConfigError, match="longer than counts are kept"):
        load_text(tmp_path, text)


def test_8_the_alert_and_the_page_disagree() -> None:
    """Pyrra #1053, #1074, #697: rules and pages compute twice. Here both are one evaluation."""
    slo = an_slo(tiers=(a_tier(),))
    engine, ledger = Engine(10, awake_since=T0), a_ledger(slo)
    run(ledger, T0 - 2 * HOUR, T0)  # so that windows of other lengths hold other counts
    entry = Entry(slo, Indicator(slo, 1, "fingerprint", ledger))
    engine.watch([entry], {COLLECTOR: Target(INTERVAL)})
    changes = []
    for n in range(40):
        at = T0 + n * INTERVAL
        outcome = Outcome.FAILED if n >= 30 else Outcome.PASSED
        changes = engine.observe(_an_observation(at, outcome), at)
        if changes:
            break

    (change,) = (change for change in changes if change.kind is AlertKind.BURN)
    assert entry.status is not None
    burn, (reading,) = entry.status.burn(HOUR), entry.status.tiers
    assert burn is not None
    assert burn.rate is not None
    assert burn.rate == reading.long.rate
    assert change.facts.burn_long == float(burn.rate)
    assert (change.facts.bad, change.facts.total) == (
        burn.window.counts.bad,
        burn.window.counts.total,
    )


@pytest.mark.parametrize(("written", "exposed"), [("1", "1.0"), ("1.0", "1")])
def test_9_le_1_is_le_1_0(written: str, exposed: str) -> None:
    """Pyrra #1502: Prometheus 3 writes `1.0` where it was `1`, and the selector finds nothing."""
    histogram = HistogramSLI("metrics", (parse_selector("seconds"),), parse_threshold(written))
    selected = EventsSLI(
        "metrics",
        (parse_selector('seconds_bucket{le="+Inf"}'),),
        good=(parse_selector(f'seconds_bucket{{le="{written}"}}'),),
    )
    pages = [
        f'seconds_bucket{{le="{exposed}"}} {fast}\nseconds_bucket{{le="+Inf"}} {all_}\n'
        for fast, all_ in ((0, 0), (9, 10))
    ]

    assert counted(*increments(histogram, *pages)) == Counts(9, 1)
    assert counted(*increments(selected, *pages)) == Counts(9, 1)


@pytest.mark.parametrize(("limit", "good"), [("70%", 1), ("0.7", 1), ("70", 2)])
def test_10_a_gauge_times_a_hundred(limit: str, good: int) -> None:
    """Pyrra #1255, #1820: 10000 % failures. Values are compared in the metric's own unit."""
    sli = GaugeSLI("metrics", (parse_selector("busy"),), Side.BELOW, parse_threshold(limit))

    increment = read_gauges(sli, a_page(sli, 'busy{cpu="0"} 0.69\nbusy{cpu="1"} 0.71\n'))

    assert (increment.good, increment.good + increment.bad) == (good, 2)


def test_11_no_data_reads_as_all_good() -> None:
    """Pyrra's main.go, Spotahome service-level-operator #19: NaN becomes 1."""
    slo, ledger = an_slo(), a_ledger(an_slo())
    book(ledger, T0, unknown=3, seen=0)

    status = status_of(slo, ledger, T0 + MINUTE)

    assert (status.sli, status.budget) == (None, None)
    assert status.budget_state is BudgetState.NO_DATA


@pytest.mark.parametrize("no_data", list(NoData))
def test_12_no_data_reads_as_bad_and_then_as_good(no_data: NoData) -> None:
    """Elastic #197064, #181577, #196942: reversed three times. Ours is a choice, of idleness."""
    slo = replace(an_slo(tiers=()), slicing=Slicing(MINUTE, Fraction(1), no_data))
    ledger = Ledger(10, slo.window.length, slo.slicing)
    book(ledger, T0, good=1)
    book(ledger, T0 + MINUTE)  # seen, and idle
    book(ledger, T0 + 2 * MINUTE, seen=0, missed=1)  # nobody looked
    book(ledger, T0 + 3 * MINUTE, unknown=1)  # seen, and not to be told
    book(ledger, T0 + 4 * MINUTE, bad=1)

    sli = status_of(slo, ledger, T0 + 5 * MINUTE).sli

    expected = {
        NoData.IGNORE: Fraction(1, 2), NoData.GOOD: Fraction(2, 3), NoData.BAD: Fraction(1, 3),
    }  # fmt: skip
    assert sli == expected[no_data]


def test_13_a_rate_that_is_clamped() -> None:
    """datum-cloud/activity PR #147: 0.013 requests a second, clamped to 1, were 98.7 % errors."""
    slo, ledger = an_slo(tiers=()), a_ledger(an_slo())
    run(ledger, T0, T0 + HOUR, good=0)
    for n in range(47):
        book(ledger, T0 + n * 76 * SECOND, good=int(n != 20), bad=int(n == 20))

    status = status_of(slo, ledger, T0 + HOUR)

    assert status.sli == Fraction(46, 47)
    burn = status.burn(HOUR)
    assert burn is not None
    assert burn.rate == Fraction(1, 47) / Fraction(1, 1000)


_TRAFFIC = st.lists(
    st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)), min_size=1, max_size=60
)


@given(_TRAFFIC, st.sampled_from([None, Slicing(MINUTE, None), Slicing(MINUTE, Fraction(1, 2))]))
def test_14_a_correction_factor_without_bound(
    traffic: list[tuple[int, int]], slicing: Slicing | None
) -> None:
    """Sloth #842: an SLI of -52,000 % after a spike. Whatever comes, it lies within [0, 1]."""
    slo = replace(an_slo(tiers=()), slicing=slicing)
    ledger = Ledger(10, slo.window.length, slicing)
    for n, (good, bad) in enumerate(traffic):
        ledger.book(T0, BucketDelta(ledger.bucket_of(T0 + n * MINUTE), good, bad, seen=1))

    status = status_of(slo, ledger, T0 + len(traffic) * MINUTE)

    assert status.sli is None or 0 <= status.sli <= 1
    for burn in status.burns:
        assert burn.rate is None or 0 <= burn.rate <= slo.objective.max_burn


def _an_observation(at: datetime, outcome: Outcome) -> Observation:
    return Observation(
        collector_id=COLLECTOR,
        due=at,
        started=at,
        lateness=timedelta(0),
        duration=timedelta(0),
        outcome=outcome,
        cause=None,
        detail="",
    )
