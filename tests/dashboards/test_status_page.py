"""How a component does now and did on a day: by its worst SLO, and never by what was not seen."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from alerting.status_incident import (
    ComponentState,
    Impact,
    Stage,
    StatusIncident,
    StatusPlan,
    UpdatePlan,
    begun,
    gone_on,
)
from dashboards import status_words
from dashboards.status_json import maintenances_json
from dashboards.status_page import (
    NOTHING_COUNTED,
    Component,
    ComponentFacts,
    Maintenance,
    SLODay,
    SLODays,
    StatusFacts,
    StatusPage,
    component_days,
    good_over,
    overall,
    state_now,
    state_of_slo,
)
from dashboards.status_view import status_view, summary
from slo.objective import Objective
from slo.planning import PlanError
from slo.recurrence import Interval
from slo.status import BudgetState, NowState, SLOStatus
from tests.web.fakes import HOUR, MINUTE, NOW, make_slo, make_status

OK, MINOR, MAJOR, DOWN, AWAY = (
    ComponentState.OPERATIONAL,
    ComponentState.DEGRADED_PERFORMANCE,
    ComponentState.PARTIAL_OUTAGE,
    ComponentState.MAJOR_OUTAGE,
    ComponentState.UNDER_MAINTENANCE,
)
BUY = Component("buy", "Buying", "", "Front", "front", ("shop/up",), ("shop/fast",))
PAGE = StatusPage("Acme", True, ZoneInfo("Europe/Berlin"), (BUY,))
THREE_NINES = Objective(Decimal("0.999"))


def judged(
    now_state: NowState, bad: int = 0, budget: BudgetState = BudgetState.HEALTHY
) -> SLOStatus:
    return make_status(
        make_slo("shop", "up"),
        (9_000, 10, 0),
        budget_state=budget,
        now_state=now_state,
        recent={5 * MINUTE: (100 - bad, bad, 0)},
    )


def told(stage: Stage = Stage.INVESTIGATING, state: ComponentState | None = None) -> StatusIncident:
    plan = StatusPlan("It fails", Impact.MINOR, stage, "so", "ada", {"buy": state})
    return begun(plan, NOW, "one", "first")


@pytest.mark.parametrize(
    ("status", "slow", "expected"),
    [
        (judged(NowState.OK), False, OK),
        (judged(NowState.RECOVERING, 10), False, OK),
        (judged(NowState.BURNING, 4), False, MINOR),
        (judged(NowState.BURNING_FAST, 5), False, MAJOR),
        (judged(NowState.FAILING, 49), False, MAJOR),
        (judged(NowState.BURNING_FAST, 50), False, DOWN),
        (judged(NowState.BURNING_FAST, 100), True, MINOR),
        (judged(NowState.STALE, 100), False, None),
        (judged(NowState.OK, budget=BudgetState.NO_DATA), False, None),
        (replace(judged(NowState.FAILING, 99), excluded_now=(NOW, NOW + HOUR)), False, OK),
    ],
    ids=[
        "nothing burns", "recovering", "a few fail", "a twentieth fails", "almost half fails",
        "half fails", "all are slow", "not seen of late", "never seen", "it does not count",
    ],
)  # fmt: skip
def test_an_slo_says_how_its_component_does(
    status: SLOStatus, slow: bool, expected: ComponentState | None
) -> None:
    assert state_of_slo(status, slow_at_worst=slow) is expected


def test_the_worst_of_slos_and_people_counts_and_what_is_unseen_says_nothing() -> None:
    well, ill, gone = judged(NowState.OK), judged(NowState.FAILING, 60), judged(NowState.STALE)
    planned = Maintenance("m", "We move.", NOW - HOUR, NOW + HOUR, NOW - HOUR, ("buy",))

    def state(
        statuses: dict[str, SLOStatus],
        incidents: tuple[StatusIncident, ...] = (),
        maintenances: tuple[Maintenance, ...] = (),
        now: datetime = NOW,
    ) -> ComponentState | None:
        return state_now(BUY, statuses, incidents, maintenances, now)

    assert state({"shop/up": well, "shop/fast": ill}) is MINOR
    assert state({"shop/up": ill, "shop/fast": well}) is DOWN
    assert state({"shop/up": gone, "shop/fast": well}) is OK
    assert state({"shop/up": gone}) is None
    assert state({}) is None
    assert state({"shop/up": well}, (told(state=MAJOR),)) is MAJOR
    assert state({"shop/up": well}, (told(state=None),)) is OK
    assert state({"shop/up": well}, (told(Stage.RESOLVED, MAJOR),)) is OK
    assert state({"shop/up": ill}, maintenances=(planned,)) is AWAY
    assert state({"shop/up": ill}, maintenances=(planned,), now=NOW + HOUR) is DOWN


def days(*counts: tuple[int, int]) -> SLODays:
    return SLODays(THREE_NINES, tuple(SLODay(of, Fraction(bad)) for of, bad in counts))


def test_a_day_is_told_by_its_worst_slo_and_without_data_it_is_no_data() -> None:
    first = date(2026, 11, 15)
    dates = [first + timedelta(days=n) for n in range(7)]
    edges = [datetime(2026, 11, 15, tzinfo=UTC) + timedelta(days=n) for n in range(8)]
    up = days((0, 0), (1_000, 1), (1_000, 2), (1_000, 10), (1_000, 100), (0, 0), (1_000, 0))
    fast = days((0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (1_000, 400))
    work = Interval(edges[5], edges[5] + HOUR)
    found = component_days(BUY, {"shop/up": up, "shop/fast": fast}, dates, edges, [work])

    assert [one.state for one in found] == [None, OK, MINOR, MAJOR, DOWN, AWAY, MINOR]
    assert [one.good for one in found] == [
        None, Fraction(999, 1_000), Fraction(998, 1_000), Fraction(99, 100), Fraction(9, 10), None,
        Fraction(6, 10),
    ]  # fmt: skip
    assert good_over(BUY, {"shop/up": up}) == 1 - Fraction(113, 5_000)
    assert good_over(BUY, {"shop/up": days((0, 0))}) is None


def facts(
    state: ComponentState | None = OK, incidents: tuple[StatusIncident, ...] = ()
) -> StatusFacts:
    one = ComponentFacts(BUY, state, (), None, 0)
    other = replace(one, component=replace(BUY, key="see", title="Seeing"), state=OK)
    return StatusFacts(PAGE, (one, other), incidents, (), NOW)


@pytest.mark.parametrize(
    ("of", "indicator", "sentence"),
    [
        (facts(), "none", "All systems operational"),
        (facts(DOWN), "critical", "Major outage: Buying"),
        (facts(MAJOR), "major", "Partial outage: Buying"),
        (facts(MINOR), "minor", "Degraded performance: Buying"),
        (facts(AWAY), "maintenance", "Maintenance: Buying"),
        (facts(None), "none", "Operational, as far as is known; no data of Buying"),
        (facts(incidents=(told(),)), "minor", "An incident is open"),
        (facts(incidents=(told(Stage.RESOLVED),)), "none", "All systems operational"),
    ],
)
def test_the_whole_is_a_sentence(of: StatusFacts, indicator: str, sentence: str) -> None:
    whole = overall(of)

    assert (whole.indicator, whole.sentence) == (indicator, sentence)


@pytest.mark.parametrize(
    ("begins", "status", "updated"),
    [(1, "scheduled", "10:00"), (-1, "in_progress", "11:00"), (-3, "completed", "11:00")],
)
def test_maintenance_is_as_it_was_until_it_begins_or_ends(
    begins: int, status: str, updated: str
) -> None:
    start = NOW + begins * HOUR
    work = Maintenance("m", "We move.", start, start + 2 * HOUR, NOW - 2 * HOUR, ("buy",))
    said = [
        maintenances_json(replace(facts(), made_at=at, maintenances=(work,)), "")
        for at in (NOW, NOW + HOUR / 2)
    ]
    one, later = (each["scheduled_maintenances"][0] for each in said)

    assert one["status"] == later["status"] == status
    assert one["updated_at"] == later["updated_at"] == f"2026-11-21T{updated}:07.000Z"


def test_nothing_seen_at_all_is_not_all_well() -> None:
    blind = facts(None)
    whole = overall(replace(blind, components=blind.components[:1]))

    assert (whole.tone, whole.sentence) == ("unknown", "No data at the moment")


def test_a_percentage_never_looks_like_all() -> None:
    assert status_words.percent(Fraction(999_999, 1_000_000)) == "99.99\N{NO-BREAK SPACE}%"
    assert status_words.percent(Fraction(1)) == "100\N{NO-BREAK SPACE}%"
    assert status_words.percent(None) == "no data"


def test_what_the_bars_say_counts_days_without_data_apart() -> None:
    first = date(2026, 11, 1)
    edges = [datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=n) for n in range(91)]
    counted = {
        "shop/up": SLODays(THREE_NINES, (NOTHING_COUNTED,) * 88 + days((10, 0), (10, 1)).days)
    }
    dates = [first + timedelta(days=n) for n in range(90)]
    found = component_days(BUY, counted, dates, edges, [])
    one = ComponentFacts(BUY, OK, found, good_over(BUY, counted), 1)

    said = summary(one).replace("\N{NO-BREAK SPACE}", " ")
    assert said == "95.00 % in 2 days, 1 incident, no data of 88 days"


def test_times_are_told_in_the_pages_zone_and_tell_hours_that_come_twice_apart() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    twice = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    assert status_words.local(twice, berlin) == "Sun 25 Oct 2026, 02:30 CEST"
    assert status_words.local(twice + HOUR, berlin) == "Sun 25 Oct 2026, 02:30 CET"
    assert status_words.stretch(twice, twice + HOUR, berlin) == (
        "Sun 25 Oct 2026, 02:30 CEST to 02:30 CET"
    )
    assert status_words.stretch(NOW, NOW + HOUR, berlin) == ("Sat 21 Nov 2026, 13:00 to 14:00 CET")


def test_an_incident_that_comes_back_is_open_again() -> None:
    one = told()
    for stage in (Stage.RESOLVED, Stage.POSTMORTEM, Stage.INVESTIGATING):
        one = gone_on(one, UpdatePlan("one", stage, "so", "ada"), NOW + MINUTE, stage.value)
    over = gone_on(one, UpdatePlan("one", Stage.RESOLVED, "so", "ada"), NOW, "last")

    assert not one.is_over
    assert one.resolved_at is None
    assert over.resolved_at == NOW + MINUTE  # told later, whatever the clock says
    assert [row.title for row in status_view(facts(incidents=(one,))).incidents] == ["It fails"]


def test_a_postmortem_follows_what_was_resolved() -> None:
    with pytest.raises(PlanError, match="follows what was resolved"):
        gone_on(told(), UpdatePlan("one", Stage.POSTMORTEM, "so", "ada"), NOW, "x")
