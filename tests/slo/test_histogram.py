"""Good and total of a classic histogram, from the same page or not at all."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.counter import advance
from slo.counter_state import TargetState
from slo.definition import CounterSLI, HistogramSLI
from slo.exposition import Page, Sample, Series
from slo.increment import Increment
from slo.selector import parse_selector
from slo.threshold import parse_threshold
from tests.slo.builders import T0

INTERVAL = timedelta(seconds=10)
Buckets = Mapping[str, int]


def latency(below: object = "100ms", by: tuple[str, ...] = ()) -> HistogramSLI:
    return HistogramSLI("metrics", (parse_selector("seconds"),), parse_threshold(below), by)


def counted(increment: Increment) -> tuple[int, int, int]:
    return increment.good, increment.bad, increment.unknown


class Target:
    """Gives pages, 10 s apart, of histograms by route."""

    def __init__(self, sli: CounterSLI | None = None) -> None:
        self.sli = sli or latency()
        self.state = TargetState()
        self.pages = 0

    def page(self, *, start: float | None = None, **routes: Buckets) -> Increment:
        samples = {
            Series("seconds_bucket", (("le", le), ("route", route))): Sample(value)
            for route, buckets in routes.items()
            for le, value in buckets.items()
        }
        self.pages += 1
        at = T0 + self.pages * INTERVAL
        page = Page(samples, process_start=start)
        # Through text, as it goes through a restart of ours.
        state = TargetState.from_json(self.state.to_json())
        self.state, increments = advance(state, page, at, {"slo": self.sli}, INTERVAL)
        return increments["slo"]


def test_good_is_the_bucket_at_the_threshold_and_total_is_the_infinite_one() -> None:
    target = Target()
    target.page(a={"0.1": 80, "0.25": 90, "+Inf": 100})

    assert counted(target.page(a={"0.1": 85, "0.25": 99, "+Inf": 110})) == (5, 5, 0)


@pytest.mark.parametrize(
    ("written", "edge"), [("1s", "1.0"), (1, "1"), (1.0, "1e0"), ("1", "1.00")]
)
def test_an_edge_is_a_number_however_it_is_written(written: object, edge: str) -> None:
    target = Target(latency(written))
    target.page(a={edge: 0, "+Inf": 0})

    assert counted(target.page(a={edge: 3, "+Inf": 4})) == (3, 1, 0)


def test_a_threshold_that_is_no_edge_counts_nothing_and_names_the_two_nearest() -> None:
    target = Target(latency("200ms"))
    for total in (10, 20, 30):
        increment = target.page(a={"0.1": 1, "0.25": 5, "5": 6, "+Inf": total})

        assert counted(increment) == (0, 0, 0)
        assert not increment.data
        said = "200ms is not an edge of seconds; the nearest are 0.1 and 0.25"
        assert (increment.missing, increment.anomalies) == (said, (said,))


@pytest.mark.parametrize(
    ("edges", "said"),
    [
        (["1", "2.5", "5"], "; the nearest are 1 and 2.5"),
        (["0.01", "0.05", "0.1"], "; the nearest are 0.05 and 0.1"),
        (["3"], "; the nearest is 3"),
        ([], ", which has no edge but +Inf"),
    ],
)
def test_the_nearest_edges_are_told_where_one_side_has_none(edges: list[str], said: str) -> None:
    target = Target(latency("200ms"))

    increment = target.page(a={**dict.fromkeys(edges, 0), "+Inf": 0})

    assert increment.missing == f"200ms is not an edge of seconds{said}"


def test_a_page_without_the_histogram_is_a_missing_series_and_no_missing_edge() -> None:
    increment = Target().page()

    assert not increment.data
    assert increment.missing == ""


def test_events_of_a_histogram_without_the_edge_are_unknown_beside_one_that_has_it() -> None:
    target = Target()
    target.page(a={"0.1": 0, "+Inf": 0}, b={"0.05": 0, "0.5": 0, "+Inf": 0})

    increment = target.page(a={"0.1": 2, "+Inf": 3}, b={"0.05": 7, "0.5": 8, "+Inf": 9})

    assert counted(increment) == (2, 1, 9)
    assert "the nearest are 0.05 and 0.5: its events are unknown" in increment.anomalies[0]


def test_a_client_that_leaves_out_empty_buckets_is_read_as_zero() -> None:
    target = Target()
    target.page(a={"0.1": 0, "+Inf": 0}, b={"+Inf": 0})

    assert counted(target.page(a={"0.1": 2, "+Inf": 3}, b={"+Inf": 4})) == (2, 5, 0)


def test_a_bucket_that_appears_with_its_first_events_counts_from_zero() -> None:
    target = Target()
    target.page(a={"0.1": 50, "+Inf": 90}, b={"+Inf": 4})

    assert counted(target.page(a={"0.1": 50, "+Inf": 90}, b={"0.1": 3, "+Inf": 9})) == (3, 2, 0)


def test_a_bucket_that_appears_with_a_past_is_not_counted_as_news() -> None:
    target = Target()
    target.page(a={"0.1": 5_000, "+Inf": 9_000}, b={"+Inf": 4_000})

    increment = target.page(a={"0.1": 5_000, "+Inf": 9_000}, b={"0.1": 3_000, "+Inf": 4_009})

    assert counted(increment) == (0, 0, 9)
    after = target.page(a={"0.1": 5_000, "+Inf": 9_000}, b={"0.1": 3_001, "+Inf": 4_011})
    assert counted(after) == (1, 1, 0)


def test_a_bucket_that_vanished_makes_its_events_unknown() -> None:
    target = Target()
    target.page(a={"0.1": 5, "0.25": 5, "+Inf": 9})

    assert counted(target.page(a={"0.25": 6, "+Inf": 12})) == (0, 0, 3)
    assert counted(target.page(a={"0.1": 8, "0.25": 9, "+Inf": 14})) == (0, 0, 2)
    assert counted(target.page(a={"0.1": 9, "0.25": 9, "+Inf": 16})) == (1, 1, 0)


def test_a_bucket_that_vanished_in_one_histogram_spoils_no_other() -> None:
    target = Target()
    target.page(a={"0.1": 5, "+Inf": 9}, b={"0.1": 5, "+Inf": 9})

    assert counted(target.page(a={"0.1": 6, "+Inf": 11}, b={"+Inf": 12})) == (1, 1, 3)


def test_a_reset_counts_from_zero_on_both_sides() -> None:
    target = Target()
    target.page(a={"0.1": 50, "+Inf": 90}, start=1000.0)

    assert counted(target.page(a={"0.1": 60, "+Inf": 95}, start=2000.0)) == (60, 35, 0)


def test_a_new_histogram_of_a_watched_process_counts_from_zero() -> None:
    target = Target()
    target.page(a={"0.1": 50, "+Inf": 90}, start=1.0)

    increment = target.page(a={"0.1": 50, "+Inf": 90}, b={"0.1": 2, "+Inf": 3}, start=1.0)

    assert counted(increment) == (2, 1, 0)


def test_a_new_histogram_with_an_implausible_past_counts_on_neither_side() -> None:
    target = Target()
    target.page(a={"0.1": 5, "+Inf": 9}, start=1.0)

    increment = target.page(a={"0.1": 5, "+Inf": 9}, b={"0.1": 9, "+Inf": 9000}, start=1.0)

    assert counted(increment) == (0, 0, 0)


def test_an_edited_threshold_makes_no_event_bad_that_was_good() -> None:
    target = Target()
    page = {"0.1": 50, "0.25": 80, "+Inf": 90}
    target.page(a=page)
    target.sli = latency("250ms")

    assert counted(target.page(a={"0.1": 60, "0.25": 95, "+Inf": 105})) == (0, 0, 0)
    assert counted(target.page(a={"0.1": 61, "0.25": 97, "+Inf": 108})) == (2, 1, 0)


def test_bad_events_are_told_by_label() -> None:
    target = Target(latency(by=("route",)))
    target.page(a={"0.1": 0, "+Inf": 0}, b={"0.1": 0, "+Inf": 0})

    increment = target.page(a={"0.1": 5, "+Inf": 9}, b={"0.1": 1, "+Inf": 2})

    assert increment.by == {"route=a": 4, "route=b": 1}


EVENTS = st.lists(
    st.tuples(st.integers(0, 1), st.lists(st.sampled_from([0.05, 0.1, 0.2, 9.0]), max_size=8)),
    min_size=1,
    max_size=20,
)


@given(EVENTS)
def test_counts_equal_the_measured_events_through_resets(
    pages: list[tuple[int, list[float]]],
) -> None:
    target, start = Target(), 1.0
    seen: list[float] = []
    target.page(a={"0.1": 0, "+Inf": 0}, start=start)
    for restarts, events in pages:
        if restarts:
            seen, start = [], start + 100
        seen = seen + events
        buckets = {"0.1": sum(event <= 0.1 for event in seen), "+Inf": len(seen)}

        increment = target.page(a=buckets, start=start)

        good = sum(event <= 0.1 for event in events)
        assert counted(increment) == (good, len(events) - good, 0)
