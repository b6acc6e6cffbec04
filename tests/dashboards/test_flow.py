"""Idle, target down, collector down and series missing are told apart."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.wording import NoDataCause
from dashboards.flow import FlowState, flow_of, is_silent
from slo.counts import Counts, WindowCounts
from slo.status import SLOStatus
from tests.dashboards.words import plain
from tests.web.fakes import NOW, FakeSource

SECOND = timedelta(seconds=1)


def status_of(slo_id: str) -> SLOStatus:
    status = FakeSource().status(slo_id)
    assert status is not None
    return status


def quiet(status: SLOStatus, *, seen: int, unknown: int = 0, heard: timedelta) -> SLOStatus:
    """Nothing happened in its first two lookbacks."""
    counts = Counts(0, 0, unknown)
    burns = tuple(
        replace(burn, window=WindowCounts(counts, counts, seen * (n + 1), 30), rate=None)
        if n < 2
        else burn
        for n, burn in enumerate(status.burns)
    )
    return replace(status, burns=burns, last_observation=NOW - heard)


def test_what_comes_is_told_with_when_it_last_came() -> None:
    flow = flow_of(status_of("shop/catalogue"), None, NOW)

    assert (flow.state, flow.since) == (FlowState.FLOWING, NOW - 4 * SECOND)
    assert plain(flow.sentence) == "Events come; the last observation was 4 s ago."


def test_a_collector_that_finds_nothing_is_idle_for_as_long_as_it_found_nothing() -> None:
    idle = quiet(status_of("shop/catalogue"), seen=30, heard=4 * SECOND)

    flow = flow_of(idle, None, NOW)

    assert flow.state is FlowState.IDLE
    assert plain(flow.sentence) == (
        "The collector works and nothing happens: no event in the last 30m, of which "
        "60 observations came."
    )


@pytest.mark.parametrize(
    ("cause", "state", "said"),
    [
        (NoDataCause.TARGET_DOWN, FlowState.TARGET_DOWN, "The target does not answer: refused"),
        (
            NoDataCause.COLLECTOR_DOWN,
            FlowState.COLLECTOR_DOWN,
            "Our own collector does not run; the target may be well: refused",
        ),
        (
            NoDataCause.SERIES_MISSING,
            FlowState.SERIES_MISSING,
            "The target answers, but without the series that are counted: refused",
        ),
    ],
)
def test_why_nothing_comes_is_told_with_what_the_collector_said(
    cause: NoDataCause, state: FlowState, said: str
) -> None:
    silent = quiet(status_of("shop/catalogue"), seen=0, heard=40 * SECOND)

    flow = flow_of(silent, (cause, "refused."), NOW)

    assert flow.state is state
    assert plain(flow.sentence) == f"{said}; the last observation was 40 s ago."


def test_what_waits_for_its_first_slice_has_nothing_missing() -> None:
    flow = flow_of(status_of("petuniverse-api/uploads"), (NoDataCause.WAITING, ""), NOW)

    assert (flow.state, flow.word) == (FlowState.WAITING, "Waiting")
    assert flow.sentence == "It is counted by slices, and the first is not over yet."


def test_of_the_past_only_our_own_failures_are_still_known() -> None:
    catalogue = status_of("shop/catalogue")
    ours = quiet(catalogue, seen=0, unknown=30, heard=40 * SECOND)
    nobody_s = quiet(catalogue, seen=0, heard=40 * SECOND)

    assert flow_of(ours, None, NOW).state is FlowState.COLLECTOR_DOWN
    assert "30 looks failed" in flow_of(ours, None, NOW).sentence
    stopped = flow_of(nobody_s, None, NOW)
    assert stopped.state is FlowState.STOPPED
    assert plain(stopped.sentence) == (
        "Observations had stopped, why is not kept; the last observation was 40 s ago."
    )


def test_three_intervals_are_no_silence_and_excluded_time_is_none() -> None:
    catalogue = status_of("shop/catalogue")

    assert not is_silent(replace(catalogue, last_observation=NOW - 30 * SECOND))
    silent = replace(catalogue, last_observation=NOW - 30.1 * SECOND)
    assert is_silent(silent)
    assert not is_silent(replace(silent, excluded_now=(NOW - SECOND, NOW + SECOND)))


def test_what_never_came_is_said_to_never_have() -> None:
    flow = flow_of(status_of("petuniverse-api/uploads"), None, NOW)

    assert flow.since is None
    assert flow.sentence.endswith("; none ever came.")
