"""Native histograms from observations to counts: over the bytes of pages, beside brute force."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.metric_family import GAUGE, MetricFamily
from slo.counter import advance
from slo.counter_state import TargetState
from slo.definition import HistogramSLI, sources
from slo.increment import Increment
from slo.selector import parse_selector
from slo.threshold import parse_threshold
from tests.collectors.families import delimited, native_family, read
from tests.slo.builders import T0
from tests.slo.natives import Client, three_ways

INTERVAL = timedelta(seconds=10)
VALUES = [0.0, 0.1, 0.18, 0.2, 0.21, 0.24, 0.25, 0.26, 0.5, 9.0, -1.0]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["go on", "go on", "restart", "recreate", "coarser", "wider", "gap"]),
        st.lists(st.sampled_from(VALUES), max_size=8),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=20,
)
THRESHOLDS = ("200ms", "250ms", "0.21022410381342863", "3")


class Watch:
    """Scrapes a client's histogram, and keeps what is counted of it."""

    def __init__(self, below: str, schema: int) -> None:
        self.sli = HistogramSLI("metrics", (parse_selector("seconds"),), parse_threshold(below))
        self.schema, self.client = schema, Client(schema)
        self.start, self.created = 1000.0, 1000.0
        self.state, self.at = TargetState(), T0
        self.shown, self.waiting = schema, list[float]()
        self.scrape(1)

    def step(self, what: str, events: list[float]) -> None:
        """What happens between two scrapes."""
        if what in ("restart", "recreate"):
            # Whichever tells it: the process's own start, or the histogram's.
            self.start += 100 if what == "restart" else 0
            self.created += 100
            self.client, self.waiting, self.shown = Client(self.schema), [], self.schema
        elif what == "coarser":
            self.client.schema = max(-4, self.client.schema - 1)
        elif what == "wider":
            self.client.zero_threshold = max(0.015, self.client.zero_threshold * 2)
        self.client.seen += events
        self.waiting += events

    def scrape(self, intervals: int) -> Increment:
        process = MetricFamily(name="process_start_time_seconds", type=GAUGE)
        process.metric.add().gauge.value = self.start
        family = native_family("seconds", {"a": self.client.shows()}, created=self.created)
        page = read(delimited(process, family), {one.metric for one in sources(self.sli)}, piece=99)
        self.at += intervals * INTERVAL
        self.state, found = advance(self.state, page, self.at, {"slo": self.sli}, INTERVAL)
        return found["slo"]


@pytest.mark.parametrize("below", THRESHOLDS)
@given(STEPS, st.integers(-4, 8))
def test_counts_equal_the_raw_events_in_buckets_that_both_pages_have(
    below: str, steps: list[tuple[str, list[float], int]], schema: int
) -> None:
    watch = Watch(below, schema)
    threshold = float(watch.sli.below.value)
    for what, events, intervals in steps:
        watch.step("go on" if what == "wider" else what, events)
        if what == "gap":
            continue

        increment = watch.scrape(intervals)

        expected = three_ways(watch.waiting, threshold, min(watch.shown, watch.client.schema))
        assert (increment.good, increment.bad, increment.unknown) == expected
        watch.waiting, watch.shown = [], watch.client.schema


@pytest.mark.parametrize("below", THRESHOLDS)
@given(STEPS, st.integers(-4, 8))
def test_nothing_is_called_good_or_bad_that_is_not_whatever_the_buckets_do(
    below: str, steps: list[tuple[str, list[float], int]], schema: int
) -> None:
    watch = Watch(below, schema)
    threshold = float(watch.sli.below.value)
    for what, events, intervals in steps:
        watch.step(what, events)
        if what == "gap":
            continue

        increment = watch.scrape(intervals)

        good = sum(value <= threshold for value in watch.waiting)
        assert increment.good <= good
        assert increment.bad <= len(watch.waiting) - good
        assert increment.good + increment.bad + increment.unknown == len(watch.waiting)
        watch.waiting = []
