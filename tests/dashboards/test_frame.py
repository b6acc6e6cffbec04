"""The frame says at once how the whole stands, and when the monitor itself is ill."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from dashboards.frame import Frame, frame
from dashboards.glance import roll_of
from dashboards.source import SystemHealth
from slo.status import BudgetState, NowState, SLOStatus
from tests.web.fakes import NOW, FakeSource, make_slo, make_status

WELL = replace(FakeSource().health_, problems=())


def made(statuses: list[SLOStatus], health: SystemHealth = WELL) -> Frame:
    return frame(
        section="slos",
        title="SLOs",
        theme="dark",
        here="/slos",
        census=roll_of(statuses).census,
        health=health,
        now=NOW,
    )


def status(now: NowState) -> SLOStatus:
    return make_status(
        make_slo("shop", "one"), (999, 1, 0), budget_state=BudgetState.HEALTHY, now_state=now
    )


@pytest.mark.parametrize(
    ("states", "title", "alarm"),
    [
        ([NowState.BURNING_FAST] * 2 + [NowState.BURNING], "(2!) SLOs · Nines", "fast"),
        ([NowState.BURNING], "(1) SLOs · Nines", "slow"),
        ([NowState.OK], "SLOs · Nines", "calm"),
        ([], "SLOs · Nines", "calm"),
    ],
)
def test_the_title_and_the_icon_begin_with_what_burns(
    states: list[NowState], title: str, alarm: str
) -> None:
    around = made([status(state) for state in states])

    assert (around.title, around.alarm) == (title, alarm)


def test_problems_of_the_monitor_are_said_once_each() -> None:
    ill = replace(
        WELL,
        problems=("The outbox is stuck.", "The outbox is stuck.", "It was not reloaded."),
        config_ok=False,
        last_evaluation=NOW - timedelta(minutes=3),
    )

    found = made([status(NowState.OK)], ill).problems
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in found] == [
        "The outbox is stuck.",
        "It was not reloaded.",
        "SLOs were last evaluated 3 min ago: what you see is as old as that.",
    ]


def test_what_is_under_way_is_no_problem() -> None:
    health = replace(WELL, backfilling={"shop/metrics": Fraction(2, 5)})

    frame = made([status(NowState.OK)], health)

    (sentence,) = frame.working
    assert sentence.startswith("The past of shop/metrics is being read: 40.0\u00a0% so far.")
    assert frame.problems == ()


def test_without_slos_no_evaluation_is_missed() -> None:
    assert made([], replace(WELL, last_evaluation=NOW - timedelta(days=1))).problems == ()


def test_a_theme_that_is_none_is_the_systems() -> None:
    around = frame(section="", title="x", theme="<b>", here="/", census={}, health=WELL, now=NOW)

    assert around.theme is None
