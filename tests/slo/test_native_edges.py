"""Native histograms counted between pages: sure on both sides, unknown where a bucket is cut."""

from collections.abc import Mapping
from datetime import timedelta

from slo.counter import advance
from slo.counter_state import TargetState
from slo.definition import CounterSLI, HistogramSLI
from slo.exposition import Page, Sample, Series
from slo.increment import Increment
from slo.native import NativeHistogram
from slo.selector import parse_selector
from slo.threshold import parse_threshold
from tests.slo.builders import T0
from tests.slo.natives import histogram

INTERVAL = timedelta(seconds=10)


def latency(below: object = "250ms", by: tuple[str, ...] = ()) -> HistogramSLI:
    return HistogramSLI("metrics", (parse_selector("seconds"),), parse_threshold(below), by)


def counted(increment: Increment) -> tuple[int, int, int]:
    return increment.good, increment.bad, increment.unknown


class Target:
    """Gives pages, 10 s apart, of native histograms by route, perhaps with classic buckets too."""

    def __init__(self, *slis: CounterSLI) -> None:
        self.slis = {f"slo{n}": sli for n, sli in enumerate(slis or (latency(),))}
        self.state = TargetState()
        self.pages = 0

    def page(
        self,
        *,
        start: float | None = None,
        created: float | None = None,
        classic: Mapping[str, int] | None = None,
        text: bool = False,
        **routes: NativeHistogram,
    ) -> Increment:
        samples: dict[Series, Sample] = {}
        for route, shown in routes.items():
            for le, value in {**(classic or {}), "+Inf": shown.count}.items():
                series = Series("seconds_bucket", (("le", le), ("route", route)))
                samples[series] = Sample(value, created)
        natives = {Series("seconds", (("route", route),)): one for route, one in routes.items()}
        self.pages += 1
        at = T0 + self.pages * INTERVAL
        page = Page(samples, process_start=start, natives={} if text else natives)
        # Through text, as it goes through a restart of ours.
        state = TargetState.from_json(self.state.to_json())
        self.state, self.increments = advance(state, page, at, self.slis, INTERVAL)
        return self.increments["slo0"]


def test_a_threshold_that_is_an_edge_leaves_nothing_unknown() -> None:
    target = Target()
    target.page(a=histogram([0.1], 3))

    assert counted(target.page(a=histogram([0.1, 0.25, 0.2, 0.26, 9], 3))) == (2, 2, 0)
    assert target.page(a=histogram([0.1, 0.25, 0.2, 0.26, 9], 3)).anomalies == ()


def test_the_bucket_that_the_threshold_cuts_is_unknown_and_the_edges_are_named() -> None:
    target = Target(latency("200ms"))
    target.page(a=histogram([], 0))

    increment = target.page(a=histogram([0.1, 0.13, 0.2, 0.24, 0.3], 0))

    assert counted(increment) == (1, 1, 3)
    assert increment.data
    said = "200ms is not an edge of seconds; the nearest are 0.125 and 0.25: "
    assert increment.anomalies == (said + "events between them are unknown",)


def test_the_named_edge_can_be_copied_as_the_threshold() -> None:
    target = Target(latency("0.21022410381342863"))  # 2^(-9/4), as a message names it
    target.page(a=histogram([], 2))

    assert counted(target.page(a=histogram([0.2, 0.21, 0.25], 2))) == (2, 1, 0)


def test_a_reset_told_by_its_creation_counts_from_zero_though_it_overtook() -> None:
    target = Target()
    target.page(a=histogram([0.1, 0.3], 3), created=100.0)

    increment = target.page(a=histogram([0.1, 0.1, 0.3, 0.3], 3), created=2e9)

    assert counted(increment) == (2, 2, 0)


def test_a_count_that_fell_is_a_reset() -> None:
    target = Target()
    target.page(a=histogram([0.1] * 5, 3))

    assert counted(target.page(a=histogram([0.1, 0.3], 3))) == (1, 1, 0)


def test_a_bucket_that_fell_is_a_reset_though_the_count_rose() -> None:
    target = Target()
    target.page(a=histogram([0.1] * 5, 3))

    assert counted(target.page(a=histogram([0.1] * 2 + [0.3] * 6, 3))) == (2, 6, 0)


def test_a_side_that_fell_above_the_threshold_is_a_reset_too() -> None:
    target = Target()
    target.page(a=histogram([0.3] * 5, 3))

    assert counted(target.page(a=histogram([0.1] * 9 + [0.3] * 2, 3))) == (9, 2, 0)


def test_a_merge_to_a_coarser_schema_is_no_reset_and_loses_nothing() -> None:
    seen = [0.1, 0.2, 0.23, 0.3, 0.4]
    target = Target(latency("0.21022410381342863"))
    target.page(a=histogram(seen, 2))

    # At the schema 1 it lies within the bucket from 0.1768 to 0.25.
    increment = target.page(a=histogram([*seen, 0.1, 0.19, 0.23, 0.9], 1))

    assert counted(increment) == (1, 1, 2)
    assert counted(target.page(a=histogram([*seen, 0.1, 0.19, 0.23, 0.9, 0.1], 1))) == (1, 0, 0)


def test_an_edge_of_every_schema_stays_exact_through_a_merge() -> None:
    seen = [0.1, 0.2, 0.3]
    target = Target(latency(1))
    target.page(a=histogram(seen, 8))

    assert counted(target.page(a=histogram([*seen, 1.0, 1.1], -4))) == (1, 1, 0)


def test_a_wider_zero_bucket_below_the_threshold_changes_nothing() -> None:
    seen = [0.001, 0.1, 0.3]
    target = Target()
    target.page(a=histogram(seen, 3, 2.0**-128))

    assert counted(target.page(a=histogram([*seen, 0.002, 0.3], 3, 0.0625))) == (1, 1, 0)


def test_a_zero_bucket_around_the_threshold_is_unknown() -> None:
    target = Target()
    target.page(a=histogram([], 3, 0.5))

    assert counted(target.page(a=histogram([0.1, 0.3, 0.6, -0.6], 3, 0.5))) == (1, 1, 2)


def test_an_event_that_is_no_number_is_bad_as_in_classic_buckets() -> None:
    target = Target()
    target.page(a=NativeHistogram(3, 0))

    assert counted(target.page(a=NativeHistogram(3, 2, positive=((-20, 1),)))) == (1, 1, 0)


def test_classic_buckets_answer_where_they_have_the_threshold() -> None:
    target = Target(latency("200ms"))
    target.page(a=histogram([], 0), classic={"0.2": 0})

    assert counted(target.page(a=histogram([0.15, 0.22], 0), classic={"0.2": 1})) == (1, 1, 0)
    assert all(series.metric == "seconds_bucket" for series in target.state.series)
    # And go on where the next page comes as text.
    text = target.page(a=histogram([0.15, 0.22, 0.3], 0), classic={"0.2": 1}, text=True)
    assert counted(text) == (0, 1, 0)


def test_native_buckets_answer_where_classic_ones_lack_the_threshold() -> None:
    target = Target()
    target.page(a=histogram([], 3), classic={"0.2": 0, "0.5": 0})

    increment = target.page(a=histogram([0.15, 0.25, 0.3], 3), classic={"0.2": 1, "0.5": 3})

    assert counted(increment) == (2, 1, 0)


def test_what_came_before_the_first_page_with_edges_is_unknown() -> None:
    target = Target()
    target.page(a=histogram([0.1], 3), text=True)

    increment = target.page(a=histogram([0.1, 0.1, 0.3], 3))

    assert counted(increment) == (0, 0, 2)
    assert "250ms was not an edge of seconds before" in increment.anomalies[0]
    assert counted(target.page(a=histogram([0.1, 0.1, 0.3, 0.3], 3))) == (0, 1, 0)


def test_a_new_histogram_of_a_watched_process_counts_from_zero() -> None:
    target = Target()
    target.page(a=histogram([0.1] * 9, 3), start=1.0)

    increment = target.page(a=histogram([0.1] * 9, 3), b=histogram([0.1, 0.3], 3), start=1.0)

    assert counted(increment) == (1, 1, 0)


def test_a_new_histogram_with_an_implausible_past_counts_on_neither_side() -> None:
    target = Target()
    target.page(a=histogram([0.1] * 9, 3), start=1.0)

    increment = target.page(a=histogram([0.1] * 9, 3), b=histogram([0.1] * 99, 3), start=1.0)

    assert counted(increment) == (0, 0, 0)


def test_a_histogram_that_vanished_and_returns_is_compared_with_its_last_edges() -> None:
    target = Target()
    target.page(a=histogram([0.1, 0.3], 3), b=histogram([0.1], 3))
    target.page(b=histogram([0.1], 3))

    increment = target.page(a=histogram([0.1, 0.3, 0.1], 3), b=histogram([0.1], 3))

    assert counted(increment) == (1, 0, 0)


def test_former_edges_are_forgotten_while_their_histogram_is_there() -> None:
    target = Target(latency("200ms"))
    target.page(a=histogram([0.2], 8))
    before = len(target.state.series)
    target.page(a=histogram([0.2], 0))

    assert len(target.state.series) < before
    assert not any(one.vanished for one in target.state.series.values())


def test_two_thresholds_of_one_histogram_do_not_disturb_each_other() -> None:
    target = Target(latency("250ms"), latency("200ms"))
    target.page(a=histogram([], 0))

    target.page(a=histogram([0.1, 0.2, 0.24, 0.3], 0))

    assert [counted(one) for one in target.increments.values()] == [(3, 1, 0), (1, 1, 2)]


def test_a_histogram_with_custom_buckets_alone_has_no_edge() -> None:
    target = Target()
    target.page(a=NativeHistogram(-53, 0))

    increment = target.page(a=NativeHistogram(-53, 5))

    assert not increment.data
    assert increment.missing == "250ms is not an edge of seconds, which has no edge but +Inf"


def test_bad_events_are_told_by_label() -> None:
    target = Target(latency(by=("route",)))
    target.page(a=histogram([], 3), b=histogram([], 3))

    increment = target.page(a=histogram([0.1, 0.3, 0.4], 3), b=histogram([0.3], 3))

    assert increment.by == {"route=a": 2, "route=b": 1}


def test_float_histograms_are_counted_to_the_whole_event() -> None:
    target = Target()
    target.page(a=NativeHistogram(0, 1.5, positive=((-2, 1.0), (0, 0.5))))

    increment = target.page(a=NativeHistogram(0, 4.5, positive=((-2, 2.5), (0, 2.0))))

    assert counted(increment) == (1, 2, 0)
