"""The overview answers whether anybody needs to do anything."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerting.incident import IncidentState
from dashboards import overview as page
from dashboards import states
from dashboards.glance import roll_of
from dashboards.overview import OverviewView
from dashboards.rule_row import firing
from dashboards.source import ServiceCard
from dashboards.states import Mark
from slo.alert_state import AlertState, Phase
from slo.severity import Severity
from slo.status import BudgetState, NowState, SLOStatus
from tests.dashboards.words import plain
from tests.slo.rules import a_rule
from tests.web.fakes import (
    NOW,
    FakeSource,
    make_incident,
    make_rule_status,
    make_slo,
    make_status,
)


def view(source: FakeSource) -> OverviewView:
    return page.overview(
        services=source.services(),
        roll=roll_of(source.statuses()),
        judged=lambda one: source.status(one.id),
        alert_states=source.tier_states,
        incidents=[detail.incident for detail in source.details.values()],
        slos={
            key: tuple(alert.slo for alert in detail.alerts)
            for key, detail in source.details.items()
        },
        health=source.health(),
        now=NOW,
    )


def healthy(name: str, bad: int) -> SLOStatus:
    return make_status(
        make_slo("shop", name), (259_200 - bad, bad, 0), budget_state=BudgetState.HEALTHY
    )


@pytest.mark.parametrize(
    ("census", "total", "sentence", "tone"),
    [
        ({}, 0, "Nothing is watched yet.", "calm"),
        ({states.HEALTHY: 214}, 214, "Nothing to do: all 214 SLOs are healthy.", "calm"),
        ({states.HEALTHY: 1}, 1, "Nothing to do: the one SLO is healthy.", "calm"),
        (
            {states.LEARNING: 1, states.HEALTHY: 3},
            4,
            "Nothing to do: nothing burns, and some SLOs are still learning.",
            "calm",
        ),
        ({states.AT_RISK: 1}, 9, "Nothing to do now; 1 SLO wants watching.", "watch"),
        (
            {states.STALE: 1, states.NO_DATA: 1},
            9,
            "Look at the data: 2 SLOs cannot be judged.",
            "watch",
        ),
        (
            {states.EXHAUSTED: 1},
            9,
            "Nothing burns, but 1 budget is spent: go easy on changes.",
            "today",
        ),
        ({states.BURNING: 2, states.EXHAUSTED: 1}, 9, "Look today: 2 SLOs are burning.", "today"),
        ({states.BURNING_FAST: 1, states.BURNING: 2}, 9, "Act now: 1 SLO is burning fast.", "act"),
    ],
)
def test_the_sentence_answers_by_the_worst_that_there_is(
    census: dict[Mark, int], total: int, sentence: str, tone: str
) -> None:
    assert plain(page.sentence(Counter(census), total)) == sentence
    assert page.tone(Counter(census)) == tone


def test_the_first_minute_waits_for_the_first_data() -> None:
    source = FakeSource()
    quiet = replace(
        make_status(make_slo("shop", "new"), (0, 0, 0), budget_state=BudgetState.NO_DATA),
        last_observation=None,
    )
    source.statuses_ = (quiet, replace(quiet, slo=make_slo("shop", "newer")))
    young = replace(source.health(), started_at=NOW - timedelta(seconds=40))
    old = replace(source.health(), started_at=NOW - timedelta(seconds=90))

    assert page.waiting(roll_of(source.statuses()), young, NOW)
    assert not page.waiting(roll_of(source.statuses()), old, NOW)
    heard = replace(quiet, last_observation=NOW - timedelta(minutes=5))
    assert not page.waiting(roll_of((quiet, heard)), young, NOW)
    assert plain(page.sentence(Counter({states.NO_DATA: 2}), 2, waiting=True)) == (
        "Waiting for the first data of 2 SLOs."
    )


def test_what_stands_behind_the_answer_is_the_worst_slo() -> None:
    assert plain(view(FakeSource()).detail) == (
        "First: shop/checkout, burning 117x over 1h; its budget runs out 13:07 UTC."
    )


def test_needs_attention_lists_the_worst_first_and_no_healthy_one() -> None:
    shown = view(FakeSource())

    names = [row.name for row in shown.attention]
    assert names[:4] == ["checkout", "login", "search-latency", "payments"]
    assert "catalogue" not in names
    assert shown.tightest == ()


def test_those_of_one_name_are_told_apart_by_objective_and_window() -> None:
    first = make_slo("shop", "checkout")
    second = replace(first, variant="99.99")
    shown = view(
        FakeSource(
            statuses_=tuple(
                make_status(one, (259_000, 200, 0), budget_state=BudgetState.AT_RISK)
                for one in (first, second)
            )
        )
    )

    assert {(row.name, plain(row.variant)) for row in shown.attention} == {
        ("checkout", ""),
        ("checkout", "99.9 % over 30d"),
    }


def test_needs_attention_stops_at_twelve_and_says_how_many_more_there_are() -> None:
    burning = tuple(
        make_status(
            make_slo("shop", f"slo-{number:02}"),
            (259_000, 200, 0),
            budget_state=BudgetState.AT_RISK,
        )
        for number in range(15)
    )
    shown = view(FakeSource(statuses_=burning))

    assert len(shown.attention) == 12
    assert shown.attention_more == "3 more"


def test_an_incident_is_offered_for_acknowledgement_once() -> None:
    shown = view(FakeSource())

    offered = [row.name for row in shown.attention if row.incident and row.incident.acknowledge_url]
    assert offered == ["checkout"]


def test_an_slo_without_a_firing_rule_is_not_tied_to_its_services_incident() -> None:
    shown = view(FakeSource())

    payments = next(row for row in shown.attention if row.name == "payments")
    assert payments.incident is None


def test_an_acknowledged_incident_says_who_is_on_it() -> None:
    source = FakeSource()
    source.details = {"INC0001": make_incident(1, "shop", "checkout", IncidentState.ACKNOWLEDGED)}
    first = view(source).attention[0]

    assert first.incident is not None
    assert first.incident.word == "Mia <mia@example.com> is on it"
    assert first.incident.acknowledge_url is None


def test_a_chip_counts_what_its_link_will_list() -> None:
    shown = view(FakeSource())

    assert {chip.mark.key: (chip.count, chip.url) for chip in shown.chips}["exhausted"] == (
        1,
        "/slos?state=exhausted",
    )


def test_the_chips_add_up_to_the_slos() -> None:
    source = FakeSource()

    assert sum(chip.count for chip in view(source).chips) == len(source.statuses())


def test_an_outage_from_the_very_start_needs_attention() -> None:
    source = FakeSource()
    failing = make_status(
        make_slo("shop", "new"),
        (0, 9, 0),
        budget_state=BudgetState.LEARNING,
        now_state=NowState.FAILING,
        recent={timedelta(minutes=5): (0, 9, 0)},
    )
    source.statuses_ = (healthy("fine", 3), failing)
    source.details = {}

    shown = view(source)

    assert plain(shown.sentence) == (
        "Look now: 1 SLO is failing; it is too early for a rule to say more."
    )
    assert (shown.tone, [row.name for row in shown.attention]) == ("today", ["new"])
    assert shown.attention[0].why == "9 of 9 failed in the last 5m; too early to judge"


def test_a_healthy_day_shows_the_tightest_budgets_and_the_biggest_losses() -> None:
    source = FakeSource(statuses_=(healthy("a", 10), healthy("b", 150), healthy("c", 0)))
    shown = view(source)

    assert [row.name for row in shown.tightest] == ["b", "a", "c"]
    assert plain(shown.detail) == "The tightest budget is that of shop/b: 42 % is left."
    assert shown.losses_period == "3d"


def test_the_biggest_loss_is_the_largest_share_of_its_own_budget() -> None:
    day = timedelta(days=3)
    small = make_status(
        make_slo("shop", "small"),
        (259_000, 100, 0),
        budget_state=BudgetState.HEALTHY,
        recent={day: (25_000, 50, 0)},
    )
    large = make_status(
        make_slo("shop", "large"),
        (9_999_000, 100, 0),
        budget_state=BudgetState.HEALTHY,
        recent={day: (900_000, 100, 0)},
    )
    losses = view(FakeSource(statuses_=(large, small))).losses

    assert [(loss.name, plain(loss.lost)) for loss in losses] == [
        ("small", "19 %"),
        ("large", "1 %"),
    ]


def test_a_tile_tells_the_worst_state_and_how_many_share_it() -> None:
    tiles = view(FakeSource()).tiles

    assert [(tile.name, plain(tile.words)) for tile in tiles] == [
        ("shop", "1 of 6 SLOs burning fast"),
        ("petuniverse-api", "1 of 5 SLOs stale"),
    ]


def test_since_when_is_the_rule_that_has_been_firing_longest() -> None:
    source = FakeSource()
    source.states["shop/checkout"] = {
        "page:1h:5m": AlertState(Phase.FIRING, NOW - timedelta(minutes=9)),
        "ticket:1d:2h": AlertState(Phase.FIRING, NOW - timedelta(hours=2)),
        "page:6h:30m": AlertState(),
    }
    first = view(source).attention[0]

    assert first.since is not None
    assert plain(first.since.relative) == "2 h ago"


def test_without_any_slo_there_is_nothing_to_count() -> None:
    source = replace(FakeSource(), statuses_=())
    shown = view(source)

    assert (shown.chips, shown.attention, shown.detail) == ((), (), "")


def test_the_runbook_of_a_script_is_no_link() -> None:
    source = FakeSource()
    bad = replace(source.services_[0], runbook="javascript:alert(1)")
    shown = view(replace(source, services_=(bad,)))

    assert all(row.runbook is None for row in shown.attention)


@pytest.mark.parametrize(
    ("said", "tone", "severity", "answer", "loud"),
    [
        ("calm", "calm", "page", "Act now: 1 threshold is crossed.", "act"),
        ("calm", "calm", "ticket", "Look today: 1 threshold is crossed.", "today"),
        ("calm", "calm", "info", "calm", "calm"),
        ("burning", "today", "page", "Act now: 1 threshold is crossed.", "act"),
        ("burning", "act", "page", "burning", "act"),
        ("burning", "today", "ticket", "burning", "today"),
    ],
)
def test_a_crossed_threshold_answers_where_it_is_the_louder(
    said: str, tone: str, severity: str, answer: str, loud: str
) -> None:
    rule = a_rule(collector="metrics", metric="cpu", above="70%", severity=severity)
    crossed = (make_rule_status(rule, Phase.FIRING),)

    assert plain(page.answer(said, tone, crossed)) == answer
    assert page.louder(tone, crossed) == loud


@pytest.mark.parametrize(
    ("changes", "names", "said"),
    [
        pytest.param({}, (), "Act now: nobody has taken the page of mail.", id="nothing of ours"),
        pytest.param({}, ("down",), "Act now: nobody has taken the page of mail.", id="a rule"),
        pytest.param({}, ("login",), None, id="an SLO that is listed stands for it"),
        pytest.param({"state": IncidentState.ACKNOWLEDGED}, (), None, id="taken"),
        pytest.param({"severity": Severity.TICKET}, (), None, id="a ticket"),
        pytest.param(
            {"severity": Severity.TICKET, "peak": Severity.PAGE},
            (),
            "Act now: nobody has taken the page of mail.",
            id="its page ended",
        ),
    ],
)
def test_a_page_that_nobody_took_is_named_where_no_slo_stands_for_it(
    changes: dict[str, Any], names: tuple[str, ...], said: str | None
) -> None:
    of_page = make_incident(2, "mail", "up", IncidentState.TRIGGERED).incident
    one = replace(of_page, **{"severity": Severity.PAGE, **changes})
    alone = page.untaken([one], {one.id: names}, {"mail/login"})

    calm = "Nothing to do: all 3 SLOs are healthy."
    assert page.with_untaken(calm, "calm", alone) == (said or calm)


def test_pages_that_nobody_took_come_after_what_burns_fast_and_are_listed() -> None:
    source = FakeSource()
    found = [
        replace(make_incident(n, f"mail{n}", "up", IncidentState.TRIGGERED), alerts=())
        for n in range(60, 65)
    ]
    source.details = {one.incident.id: one for one in found}
    shown = view(source)

    assert shown.sentence.startswith("Act now: ")
    assert shown.sentence.endswith(
        "; nobody has taken 5 pages of mail60, mail61, mail62 and others."
    )
    assert [row.service for row in shown.untaken] == [f"mail{n}" for n in range(60, 65)]


def test_rules_in_shadow_and_such_as_only_wait_are_not_crossed() -> None:
    shadow = a_rule(collector="metrics", metric="cpu", above="70%", shadow=True)
    waits = a_rule(collector="metrics", metric="cpu", above="70%", for_="5m")

    assert firing([make_rule_status(shadow, Phase.FIRING)]) == ()
    assert firing([make_rule_status(waits, Phase.PENDING)]) == ()


def test_a_budget_that_is_being_learnt_is_nowhere_among_the_tightest() -> None:
    recent = {timedelta(days=3): (25_900, 20, 0)}
    fresh, known = (
        make_status(make_slo("shop", name), (259_100, 100, 0), budget_state=state, recent=recent)
        for name, state in (("fresh", BudgetState.LEARNING), ("known", BudgetState.HEALTHY))
    )

    shown = view(FakeSource(statuses_=(fresh, known)))
    assert [row.name for row in shown.tightest] == ["known"]
    assert [loss.name for loss in shown.losses] == ["known"]


def test_of_very_many_services_the_worst_have_tiles() -> None:
    calm = healthy("up", 0)
    many = [
        replace(calm, slo=make_slo(f"service-{at:03}", "up")) for at in range(page.MOST_TILES + 5)
    ]
    last = many[-1]
    many[-1] = replace(last, now_state=NowState.BURNING_FAST)
    cards = tuple(
        ServiceCard(one.slo.service, one.slo.service, None, None, {}, (), ()) for one in many
    )

    shown = view(FakeSource(statuses_=tuple(many), services_=cards))

    assert len(shown.tiles) == page.MOST_TILES
    assert shown.tiles[0].name == last.slo.service
    assert shown.tiles_more == "5 more"
    assert view(FakeSource()).tiles_more is None
