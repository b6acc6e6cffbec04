"""Exact increments between the pages of one target."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from slo.counter import advance
from slo.counter_memory import SeriesState
from slo.counter_state import TargetState
from slo.definition import EventsSLI
from slo.exposition import Page, Sample, Series
from slo.increment import Increment
from slo.selector import parse_selector

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVERY = timedelta(seconds=15)
REQUESTS = EventsSLI(
    "metrics",
    total=(parse_selector("http_requests_total"),),
    bad=(parse_selector('http_requests_total{code=~"5.."}'),),
)
GOOD = EventsSLI("metrics", total=(parse_selector("asked"),), good=(parse_selector("answered"),))
IN_FLIGHT = EventsSLI("metrics", total=(parse_selector("asked"),), bad=(parse_selector("failed"),))


def code(value: int | str) -> Series:
    return Series("http_requests_total", (("code", str(value)),))


def bare(name: str) -> Series:
    return Series(name, ())


class Target:
    """A target whose pages are written by hand, one interval apart."""

    def __init__(self, sli: EventsSLI = REQUESTS) -> None:
        self.slis: Mapping[str, EventsSLI] = {"shop/slo": sli}
        self.state = TargetState()
        self.at = T0

    def page(
        self,
        values: Mapping[Series, float | Sample],
        *,
        start: float | None = None,
        after: timedelta = EVERY,
    ) -> Increment:
        self.at += after
        samples = {s: v if isinstance(v, Sample) else Sample(v) for s, v in values.items()}
        page = Page(samples, process_start=start)
        self.state, increments = advance(self.state, page, self.at, self.slis, EVERY)
        # Whatever is stored and read back must go on the same way.
        self.state = TargetState.from_json(self.state.to_json())
        return increments["shop/slo"]


def counted(increment: Increment) -> tuple[int, int, int]:
    return increment.good, increment.bad, increment.unknown


def test_the_first_page_is_a_baseline() -> None:
    increment = Target().page({code(200): 1000, code(500): 10})

    assert counted(increment) == (0, 0, 0)
    assert increment.data
    assert increment.anomalies == ()


def test_two_pages_give_their_difference() -> None:
    target = Target()
    target.page({code(200): 1000, code(500): 10})

    assert counted(target.page({code(200): 1090, code(500): 13})) == (90, 3, 0)


def test_counts_beyond_2_to_the_53_stay_exact() -> None:
    target = Target()
    target.page({code(200): 2**60})

    assert target.page({code(200): 2**60 + 1}).good == 1


def test_a_value_that_fell_was_reset_and_counts_from_zero() -> None:
    target = Target()
    target.page({code(200): 1000})

    assert counted(target.page({code(200): 40})) == (40, 0, 0)


def test_a_process_that_started_later_began_at_zero_though_its_values_are_higher() -> None:
    target = Target()
    target.page({code(200): 100}, start=1000.0)

    assert counted(target.page({code(200): 150}, start=2000.0)) == (150, 0, 0)


def test_a_counter_created_later_began_at_zero() -> None:
    target = Target()
    target.page({code(200): Sample(100, created=1.0)})

    assert counted(target.page({code(200): Sample(150, created=2.0)})) == (150, 0, 0)


def test_an_earlier_start_is_another_process_and_a_baseline() -> None:
    target = Target()
    target.page({code(200): 100}, start=2000.0)
    other = target.page({code(200): 5000}, start=1000.0)

    assert counted(other) == (0, 0, 0)
    assert "another process" in other.anomalies[0]
    assert counted(target.page({code(200): 5010}, start=1000.0)) == (10, 0, 0)


def test_a_start_that_jitters_with_the_clock_is_no_restart() -> None:
    target = Target()
    target.page({code(200): 5000}, start=1000.00)

    assert counted(target.page({code(200): 5010}, start=1000.01)) == (10, 0, 0)


def test_processes_that_alternate_are_unknown_with_the_reason() -> None:
    target = Target()
    target.page({code(200): 9000}, start=1000.0)
    target.page({code(200): 10}, start=2000.0)
    target.page({code(200): 9020}, start=1000.0)
    increment = target.page({code(200): 15}, start=2000.0)

    assert counted(increment) == (0, 0, 5)
    assert "several processes" in increment.anomalies[0]


def test_processes_that_alternate_are_found_without_a_start_too() -> None:
    target = Target()
    values = [9000, 10, 9020, 15, 9040, 20]
    increments = [target.page({code(200): value}) for value in values]

    assert sum(increment.good for increment in increments) == 10  # the first fall: a reset
    assert [increment.unknown for increment in increments] == [0, 0, 20, 5, 20, 5]
    assert all("several processes" in one.anomalies[0] for one in increments[2:])


def test_a_process_that_crashes_again_and_again_is_counted() -> None:
    target = Target()
    values = [1000, 20, 10, 5, 8, 3]

    assert sum(target.page({code(200): value}).good for value in values) == 20 + 10 + 5 + 3 + 3


def test_a_target_is_trusted_again_once_one_process_answers() -> None:
    target = Target()
    for value in (9000, 10, 9020, 15):
        target.page({code(200): value})
    calm = [target.page({code(200): 15 + n}) for n in range(1, 8)]

    assert [increment.good for increment in calm] == [0, 0, 0, 0, 1, 1, 1]
    assert [increment.unknown for increment in calm] == [1, 1, 1, 1, 0, 0, 0]


def test_a_series_never_seen_in_this_process_counts_from_zero() -> None:
    target = Target()
    target.page({code(200): 1000})

    assert counted(target.page({code(200): 1000, code(500): 7})) == (0, 7, 0)


def test_a_new_series_created_before_the_last_page_is_a_baseline() -> None:
    target = Target()
    target.page({code(200): 1000})
    long_ago = (T0 - timedelta(days=1)).timestamp()
    increment = target.page({code(200): 1000, code(500): Sample(7, created=long_ago)})

    assert counted(increment) == (0, 0, 0)
    assert "created before" in increment.anomalies[0]


def test_a_new_series_above_what_was_ever_counted_is_a_baseline() -> None:
    target = Target()
    target.page({code(200): 1000})
    increment = target.page({code(200): 1003, code(500): 1001})

    assert counted(increment) == (3, 0, 0)
    assert "more than this SLI ever" in increment.anomalies[0]
    assert counted(target.page({code(200): 1003, code(500): 1005})) == (0, 4, 0)


def test_after_an_hour_only_the_pace_of_an_hour_is_the_witness() -> None:
    target = Target()
    target.page({code(200): 10_000})
    target.page({code(200): 10_050})
    target.page({code(200): 10_050}, after=timedelta(hours=1))

    assert counted(target.page({code(200): 10_050, code(500): 51})) == (0, 0, 0)
    assert counted(target.page({code(200): 10_050, code(500): 51, code(502): 50})) == (0, 50, 0)


def test_the_first_request_of_an_idle_service_counts() -> None:
    target = Target()
    target.page({}, start=1000.0)

    assert counted(target.page({code(200): 3}, start=1000.0)) == (3, 0, 0)


def test_a_series_newly_selected_by_configuration_is_a_baseline() -> None:
    target = Target()
    target.page({code(200): 1000})
    target.slis = {"shop/slo": EventsSLI("metrics", (parse_selector("asked"),), bad=REQUESTS.bad)}
    increment = target.page({code(200): 1001, bare("asked"): 9})

    assert counted(increment) == (0, 0, 0)
    assert increment.anomalies == ()


def test_a_second_slo_on_a_watched_series_counts_from_the_same_page() -> None:
    target = Target()
    target.page({code(200): 1000})
    target.slis = {"shop/slo": REQUESTS, "shop/new": REQUESTS}

    assert target.page({code(200): 1001}).good == 1


def test_a_new_selector_finds_series_that_another_has_long_selected() -> None:
    odd = (parse_selector('http_requests_total{code="500"}'),)
    both = {"a": REQUESTS, "b": EventsSLI("metrics", total=odd, bad=odd)}
    state = TargetState()
    for value, slis in ((1, {"a": REQUESTS}), (2, {"a": REQUESTS}), (3, both), (4, both)):
        page = Page({code(500): Sample(value)})
        state, increments = advance(state, page, T0 + value * EVERY, slis, EVERY)

    assert counted(increments["b"]) == (0, 1, 0)


def test_a_vanished_series_adds_nothing_and_is_compared_with_its_last_value() -> None:
    target = Target()
    target.page({code(200): 1000, code(500): 50})

    assert counted(target.page({code(200): 1001})) == (1, 0, 0)
    assert counted(target.page({code(200): 1001, code(500): 52})) == (0, 2, 0)


def test_a_vanished_series_of_a_former_process_begins_at_zero() -> None:
    target = Target()
    target.page({code(200): 1000, code(500): 50}, start=1000.0)
    target.page({code(200): 60}, start=2000.0)

    assert counted(target.page({code(200): 60, code(500): 52}, start=2000.0)) == (0, 52, 0)


def test_a_total_without_any_series_is_no_data() -> None:
    target = Target()
    target.page({code(200): 1000})

    assert not target.page({}).data


def test_bad_without_series_is_zero() -> None:
    target = Target(IN_FLIGHT)
    target.page({bare("asked"): 10})

    assert counted(target.page({bare("asked"): 15})) == (5, 0, 0)


def test_good_that_was_never_there_is_zero() -> None:
    target = Target(GOOD)
    target.page({bare("asked"): 10})

    assert counted(target.page({bare("asked"): 15})) == (0, 5, 0)


def test_good_that_was_never_told_by_this_process_is_zero_though_the_former_told_it() -> None:
    target = Target(GOOD)
    target.page({bare("asked"): 10, bare("answered"): 10}, start=1000.0)

    assert counted(target.page({bare("asked"): 4}, start=2000.0)) == (0, 4, 0)
    assert counted(target.page({bare("asked"): 6}, start=2000.0)) == (0, 2, 0)


NAN = float("nan")


@pytest.mark.parametrize(
    ("silent", "why"),
    [({bare("answered"): NAN}, "counter of the good"), ({}, "the good events vanished")],
    ids=["NaN", "vanished"],
)
def test_good_events_that_are_no_longer_told_make_the_events_unknown(
    silent: Mapping[Series, float], why: str
) -> None:
    target = Target(GOOD)
    target.page({bare("asked"): 10, bare("answered"): 10})
    increment = target.page({bare("asked"): 15, **silent})

    assert counted(increment) == (0, 0, 5)
    assert any(why in anomaly for anomaly in increment.anomalies)


@pytest.mark.parametrize("silent", [{bare("failed"): NAN}, {}], ids=["NaN", "vanished"])
def test_bad_events_that_are_no_longer_told_are_none_until_they_are(
    silent: Mapping[Series, float],
) -> None:
    target = Target(IN_FLIGHT)
    target.page({bare("asked"): 10, bare("failed"): 5})

    assert counted(target.page({bare("asked"): 15, **silent})) == (5, 0, 0)
    assert counted(target.page({bare("asked"): 25, bare("failed"): 9})) == (6, 4, 0)


def test_counters_that_were_created_anew_tell_of_no_bad_events_before_the_first() -> None:
    target = Target(IN_FLIGHT)
    target.page({bare("asked"): Sample(10, created=1.0), bare("failed"): Sample(5, created=1.0)})

    assert counted(target.page({bare("asked"): Sample(4, created=60.0)})) == (4, 0, 0)
    assert counted(target.page({bare("asked"): Sample(6, created=60.0)})) == (2, 0, 0)


def test_bad_events_that_vanish_from_the_total_too_leave_the_rest_good() -> None:
    target = Target()
    target.page({code(200): 10, code(500): 5})

    assert counted(target.page({code(200): 15})) == (5, 0, 0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -3], ids=["NaN", "Inf", "negative"])
def test_what_is_no_count_contributes_nothing_and_is_an_anomaly(value: float) -> None:
    target = Target()
    target.page({code(200): 1000, code(500): 5})
    increment = target.page({code(200): 1010, code(500): value})

    assert counted(increment) == (10, 0, 0)
    assert "no count" in increment.anomalies[0]
    assert counted(target.page({code(200): 1010, code(500): 6})) == (0, 1, 0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -3], ids=["NaN", "Inf", "negative"])
def test_a_total_without_a_single_count_is_no_data_and_not_idle(value: float) -> None:
    target = Target(IN_FLIGHT)
    target.page({bare("asked"): 10, bare("failed"): 0})

    increment = target.page({bare("asked"): value, bare("failed"): 1})

    assert (counted(increment), increment.data) == ((0, 0, 0), False)
    assert increment.missing == "every counter of the total is NaN, infinite or negative"
    after = target.page({bare("asked"): 15, bare("failed"): 1})
    assert (counted(after), after.data) == ((4, 1, 0), True)


def test_a_counter_that_falls_below_zero_and_on_is_one_anomaly() -> None:
    target = Target()
    target.page({code(200): 1000, code(500): 0})
    said = {target.page({code(200): 1000, code(500): -n}).anomalies for n in range(1, 4)}

    text = 'http_requests_total{code="500"} is negative, which is no count: it is left out'
    assert said == {(text,)}


def test_bad_above_total_waits_for_room() -> None:
    target = Target(IN_FLIGHT)
    target.page({bare("asked"): 10, bare("failed"): 0})

    assert counted(target.page({bare("asked"): 11, bare("failed"): 3})) == (0, 1, 0)
    assert counted(target.page({bare("asked"): 16, bare("failed"): 3})) == (3, 2, 0)


def test_bad_that_finds_no_room_in_ten_intervals_is_dropped_as_an_anomaly() -> None:
    target = Target(IN_FLIGHT)
    target.page({bare("asked"): 10, bare("failed"): 0})
    target.page({bare("asked"): 10, bare("failed"): 3})
    idle = [target.page({bare("asked"): 10, bare("failed"): 3}) for _ in range(10)]

    assert [bool(increment.anomalies) for increment in idle] == [False] * 9 + [True]
    assert counted(target.page({bare("asked"): 15, bare("failed"): 3})) == (5, 0, 0)


def test_fractions_of_events_are_kept_until_they_are_whole() -> None:
    target = Target()
    target.page({code(200): 0.0})
    values = [0.1 * n for n in range(1, 101)]
    good = sum(target.page({code(200): value}).good for value in values)

    assert good == int(Fraction(values[-1]))


def test_up_to_two_and_a_half_intervals_are_no_gap() -> None:
    target = Target()
    target.page({code(200): 0})

    assert target.page({code(200): 1}, after=2.5 * EVERY).gap_since is None


def test_more_than_two_and_a_half_intervals_are_a_gap_since_the_last_good_page() -> None:
    target = Target()
    target.page({code(200): 0})
    last = target.at

    assert target.page({code(200): 1}, after=2.6 * EVERY).gap_since == last


def test_contributors_to_bad_are_kept_by_label() -> None:
    target = Target(EventsSLI("metrics", REQUESTS.total, bad=REQUESTS.bad, by=("code",)))
    target.page({code(200): 0, code(500): 0, code(503): 0})
    increment = target.page({code(200): 9, code(500): 2, code(503): 7})

    assert list(increment.by.items()) == [("code=503", 7), ("code=500", 2)]


def test_beyond_fifty_contributors_the_rest_is_other() -> None:
    target = Target(EventsSLI("metrics", REQUESTS.total, bad=REQUESTS.bad, by=("code",)))
    target.page({code(500 + n): 0 for n in range(60)})
    increment = target.page({code(500 + n): 1 + n for n in range(60)})

    assert len(increment.by) == 51
    assert increment.by["other"] == sum(range(1, 11))
    assert sum(increment.by.values()) == increment.bad


def test_contributors_are_what_is_not_good_where_good_is_given() -> None:
    by_code = EventsSLI(
        "metrics", REQUESTS.total, good=(parse_selector('http_requests_total{code="200"}'),),
        by=("code",),
    )  # fmt: skip
    target = Target(by_code)
    target.page({code(200): 0, code(404): 0})

    assert target.page({code(200): 9, code(404): 2}).by == {"code=404": 2}


def test_a_series_that_two_selectors_select_counts_once() -> None:
    twice = (parse_selector("http_requests_total"), parse_selector('http_requests_total{code!=""}'))
    target = Target(EventsSLI("metrics", total=twice, bad=REQUESTS.bad))
    target.page({code(200): 0})

    assert target.page({code(200): 5}).good == 5


def test_a_state_survives_storage() -> None:
    state = TargetState(
        at=T0,
        process_start=12.5,
        starts=(1.0, 12.5),
        selectors=frozenset({"a", "b"}),
        series={code(200): SeriesState(2**70, 1.5, True, 3, 0.5)},
        flips=2,
        calm=1,
        forgot=True,
    )

    assert TargetState.from_json(state.to_json()) == state


@pytest.mark.parametrize("sli", [REQUESTS, IN_FLIGHT], ids=["of the total", "of the bad side"])
@pytest.mark.parametrize("leap", [1.8446744073709552e19, 1e300], ids=["minus one", "nonsense"])
def test_more_events_than_can_be_are_left_out_and_their_time_is_unknown(
    sli: EventsSLI, leap: float
) -> None:
    total, bad = (code(200), code(500)) if sli is REQUESTS else (bare("asked"), bare("failed"))
    target = Target(sli)
    target.page({total: 10, bad: 0}, start=1)

    absurd = target.page({total: 20, bad: leap}, start=1)
    sane = target.page({total: 30, bad: leap}, start=1)

    assert counted(absurd) == (0, 0, 0 if sli is REQUESTS else 10)
    assert absurd.anomalies == ("more events since the last page than can be: they are left out",)
    assert (absurd.data, absurd.missing) == (False, absurd.anomalies[0])
    assert (counted(sane), sane.data, sane.gap_since) == ((10, 0, 0), True, None)


@pytest.mark.parametrize("pages", [1, 2, 9])
@pytest.mark.parametrize("start", [1.0, None], ids=["with start", "without start"])
def test_a_counter_that_is_back_from_a_leap_is_compared_with_what_it_was_before(
    start: float | None, pages: int
) -> None:
    target = Target(IN_FLIGHT)
    for asked in range(1000, 1007):
        target.page({bare("asked"): asked, bare("failed"): 0}, start=start)
    leapt = [target.page({bare("asked"): 2**60 + n, bare("failed"): 0}, start=start)
             for n in range(pages)]  # fmt: skip

    back = target.page({bare("asked"): 1009 + pages, bare("failed"): 0}, start=start)
    after = target.page({bare("asked"): 1010 + pages, bare("failed"): 1}, start=start)

    assert [counted(one) for one in leapt] == [(0, 0, 0), *[(1, 0, 0)] * (pages - 1)]
    assert counted(back) == (4, 0, 0)
    assert counted(after) == (0, 1, 0)


@pytest.mark.parametrize("silent", [{}, {code(200): float("nan")}], ids=["vanished", "nan"])
@pytest.mark.parametrize(("pages", "is_gap"), [(1, False), (2, True), (40, True)])
def test_what_was_counted_while_the_total_was_not_told_is_a_gap_of_its_own(
    silent: Mapping[Series, float], pages: int, is_gap: bool
) -> None:
    target = Target()
    target.page({code(200): 10}, start=1.0)
    target.page({code(200): 15}, start=1.0)
    told = target.at
    without = [target.page(silent, start=1.0) for _ in range(pages)]

    back = target.page({code(200): 100}, start=1.0)
    after = target.page({code(200): 101}, start=1.0)

    assert not any(increment.data for increment in without)
    assert back.good == 85
    assert back.gap_since == (told if is_gap else None)
    assert (after.good, after.gap_since) == (1, None)


def test_a_total_that_was_never_told_is_no_gap() -> None:
    target = Target()
    for _ in range(10):
        target.page({}, start=1.0)

    first = target.page({code(500): 1}, start=1.0)

    assert (first.bad, first.gap_since) == (1, None)
