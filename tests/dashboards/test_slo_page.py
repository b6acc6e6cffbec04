"""The page of one SLO says in plain words how it stands."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from alerting.incident import Incident
from dashboards import slo_page, span
from dashboards.coverage import coverage
from dashboards.slo_charts import Chart, budget_chart, opened_rule
from dashboards.slo_page import SLOView
from dashboards.source import Point
from dashboards.stretch import stretch
from dashboards.tier_row import tier_row
from slo.alert_state import AlertState, Phase
from slo.outlook import WEEK, Outlook
from slo.status import BudgetState, Forecast, SLOStatus
from tests.dashboards.words import plain
from tests.web.fakes import NOW, FakeSource, make_slo, make_status

HOUR = timedelta(hours=1)


def drawn(chart: Chart | None) -> Chart:
    assert chart is not None
    return chart


def status_of(name: str) -> SLOStatus:
    found = FakeSource().status(name)
    assert found is not None
    return found


async def view(
    name: str,
    range_key: str = "24h",
    source: FakeSource | None = None,
    incident: Incident | None = None,
    asked: Mapping[str, str] = slo_page.NOTHING_ASKED,
) -> SLOView:
    facts = source or FakeSource()
    status = facts.status(name)
    assert status is not None
    window = status.slo.window.length
    shown = span.preset(range_key, status.slo, NOW)
    whole, part = stretch(window, NOW), shown.stretch(NOW)
    return slo_page.slo_view(
        status,
        card=facts.services()[0],
        alert_states=facts.tier_states(name),
        incident=incident,
        siblings=[one for one in facts.statuses() if one.slo.sli_id == status.slo.sli_id],
        collector=next(each for each in facts.collectors() if each.id == status.slo.collector_id),
        window_points=await facts.points(name, whole.start, whole.end, whole.step),
        range_points=await facts.points(name, part.start, part.end, part.step),
        span=shown,
        bar=span.span_view(status.slo, shown, {}, None, NOW),
        now=NOW,
        asked=asked,
    )


REQUESTS = make_slo("shop", "requests", probe=False)
PROBES = make_slo("shop", "health")
LASTS = Forecast(known=True)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        pytest.param(
            make_status(
                REQUESTS,
                (45_101_970 * 3, 45_102 * 3 // 3 * 1, 0),
                budget_state=BudgetState.HEALTHY,
                recent={HOUR: (45_072, 30, 0)},
                forecast=LASTS,
            ),
            "30 of 45,102 requests failed in the last hour (0.067 %): burning 0.7x; "
            "66 % of the 30-day budget left; at this pace it lasts.",
            id="burning slowly",
        ),
        pytest.param(
            make_status(PROBES, (259_200, 0, 0), budget_state=BudgetState.HEALTHY, forecast=LASTS),
            "None of 360 probes failed in the last hour; 100 % of the 30-day budget left; "
            "at this pace it lasts.",
            id="all is well",
        ),
        pytest.param(
            make_status(
                PROBES,
                (258_000, 200, 0),
                budget_state=BudgetState.AT_RISK,
                recent={HOUR: (318, 42, 0)},
                forecast=Forecast(known=True, at=NOW + timedelta(hours=1, minutes=7)),
            ),
            "42 of 360 probes failed in the last hour (12 %): burning 117x; "
            "22 % of the 30-day budget left; at this pace it runs out in 1 h 7 min.",
            id="running out",
        ),
        pytest.param(
            make_status(
                make_slo("shop", "pay", "99.99"),
                (1_999_000, 1_000, 0),
                budget_state=BudgetState.EXHAUSTED,
            ),
            "None of 2,777 probes failed in the last hour; "
            "the 30-day budget is spent, 17 min over.",
            id="400 percent over",
        ),
        pytest.param(
            make_status(PROBES, (0, 0, 0), budget_state=BudgetState.NO_DATA),
            "No probes in the last 30d: there is nothing to judge yet.",
            id="no data",
        ),
        pytest.param(
            make_status(PROBES, (0, 0, 77), budget_state=BudgetState.NO_DATA),
            "Nothing can be said: all 77 probes of the last 30d are unknown, "
            "because we failed to look.",
            id="only unknowns",
        ),
        pytest.param(
            make_status(
                PROBES,
                (1_000, 0, 0),
                budget_state=BudgetState.LEARNING,
                recent={HOUR: (0, 0, 0)},
                forecast=Forecast(known=False),
                coverage=(1_000, 1_000),
            ),
            "No probes in the last hour; the budget is still being learnt: 2 h 46 min of 3 d seen, "
            "0 of 1,000 probes failed since Tue 22 Sep 12:00 UTC.",
            id="learning",
        ),
    ],
)
def test_one_sentence_says_how_it_stands(status: SLOStatus, sentence: str) -> None:
    assert plain(slo_page.sentence(status, NOW)) == sentence


def test_the_tiles_tell_sli_budget_burn_and_forecast() -> None:
    tiles = slo_page.tiles(status_of("shop/checkout"), NOW)

    assert [(tile.name, plain(tile.value), plain(tile.note), tile.tone) for tile in tiles] == [
        ("SLI", "99.91 %", "objective 99.9 % over 30d; coverage 99.9 %", "good"),
        ("Budget left", "18 %", "8 min 9 s of 43 min", "warn"),
        ("Burn rate", "117x", "over 1h; 333x over 5m", "bad"),
        ("Budget runs out", "in 1 h 7 min", "13:07 UTC, at the last hour's pace", "bad"),
    ]


def test_without_data_no_tile_shows_a_number_for_it() -> None:
    tiles = slo_page.tiles(status_of("petuniverse-api/uploads"), NOW)

    assert [tile.value for tile in tiles] == ["no data", "no data", "no data", "not known"]
    assert {tile.tone for tile in tiles} == {"plain"}


def test_unknown_events_give_the_sli_bounds() -> None:
    sli = slo_page.tiles(status_of("petuniverse-api/images"), NOW)[0]

    assert "coverage 96.0 %; 95.8 % to 99.8 % with the unknown" in plain(sli.note)


async def test_a_budget_four_times_overspent_is_shown_as_that() -> None:
    shown = await view("shop/payments")

    budget = shown.tiles[1]
    assert plain(budget.value) == "-400 %"
    assert plain(budget.note) == "17 min over; the whole is 4 min 19 s"
    assert budget.gauge is not None
    assert (budget.gauge.tone, budget.gauge.start) == ("gone", "0.00")


async def test_the_burn_down_ends_at_the_tiles_figure() -> None:
    shown = await view("shop/checkout")

    assert plain(drawn(shown.budget_chart).table.rows[-1][1]) == "18 %"
    assert plain(shown.tiles[1].value) == "18 %"


@pytest.mark.parametrize("range_key", span.RANGES)
async def test_a_chart_has_at_most_25_rows_as_a_table(range_key: str) -> None:
    shown = await view("shop/checkout", range_key)

    charts = (drawn(shown.budget_chart), drawn(shown.burn_chart), shown.events_chart)
    assert all(12 <= len(chart.table.rows) <= 25 for chart in charts)


async def test_the_range_changes_the_charts_and_never_the_tiles() -> None:
    day, week = await view("shop/checkout"), await view("shop/checkout", "7d")

    assert day.tiles == week.tiles
    assert day.budget_chart == week.budget_chart
    assert "start=now-7d" in drawn(week.burn_chart).url


async def test_the_thresholds_are_handed_to_the_burn_chart() -> None:
    options = json.loads(drawn((await view("shop/checkout")).burn_chart).options)

    assert [(tier["factor"], tier["label"]) for tier in options["tiers"]] == [
        (14.4, "page 14.4x (1h & 5m)"),
        (6.0, "page 6x (6h & 30m)"),
        (3.0, "ticket 3x (1d & 2h)"),
        (1.0, "ticket 1x (3d & 6h)"),
    ]


async def test_the_burn_charts_finding_names_the_rules_that_fire() -> None:
    finding = plain(drawn((await view("shop/checkout")).burn_chart).finding)

    assert finding.startswith("The fastest stretch, Fri 20 Nov 13:05 to 14:05 UTC, burned 19.4x.")
    assert "Firing now: page 14.4x (1h & 5m)" in finding


async def test_nothing_is_claimed_of_the_time_before_anybody_watched() -> None:
    source = FakeSource()
    watched = NOW - timedelta(hours=5, minutes=3)
    source.statuses_ = (replace(source.statuses_[0], watched_since=watched),)

    shown = await view("shop/checkout", source=source)

    budget, events = drawn(shown.budget_chart), shown.events_chart
    assert all(cells[1:] == ("no data",) * 2 for cells in budget.table.rows[:-1])
    assert all(cells[1:] == ("no data",) * 3 for cells in events.table.rows[:18])
    assert events.table.rows[18][1] == "360"
    assert plain(budget.finding).endswith("fell into 06:57 to 12:00 UTC. Watched since 06:57 UTC.")


async def test_a_step_that_is_not_over_says_so() -> None:
    shown = await view("shop/checkout")

    labels = [cells[0] for cells in shown.events_chart.table.rows]
    assert [label.endswith(", so far") for label in labels] == [False] * 23 + [True]


async def test_steps_of_odd_lengths_are_said_for_people() -> None:
    hour, month = await view("shop/checkout", "1h"), await view("shop/checkout", "window")

    assert plain(drawn(hour.burn_chart).table.headers[1]) == "Burn rate over 2.5 minutes"
    assert drawn(hour.burn_chart).table.rows[-1][0] == "11:57:40 UTC, so far"
    assert plain(drawn(month.burn_chart).table.headers[1]) == "Burn rate over 30 hours"


def test_causes_come_largest_first_with_their_counts() -> None:
    rows = slo_page.causes(status_of("shop/checkout"))

    assert [(row.cause, row.count, plain(row.share), row.width) for row in rows] == [
        ("status", "180", "86 %", "100.00"),
        ("timeout", "28", "13 %", "15.56"),
        ("tls", "2", "0.96 %", "1.11"),
    ]


def test_a_rule_tells_what_it_sees_and_why_it_says_so() -> None:
    status = status_of("shop/checkout")
    since = AlertState(Phase.FIRING, NOW - timedelta(minutes=9))
    row = tier_row(status, status.tiers[0], since, NOW)

    assert (row.phase_word, row.severity_word, row.threshold) == ("Firing", "Page", "14.4x")
    assert (row.short, row.short_over) == ("333x over 5m", True)
    assert (row.long, row.long_over) == ("117x over 1h", True)
    assert row.reason == "burning 116.7x over 1h and 333.3x over 5m, both above 14.4x"
    assert plain(row.at_threshold) == "lasts 2 d 2 h"


def test_a_rule_that_is_kept_firing_says_until_when() -> None:
    status = status_of("shop/catalogue")
    kept = AlertState(Phase.FIRING, NOW - timedelta(minutes=9), NOW - timedelta(seconds=17))
    row = tier_row(status, status.tiers[0], kept, NOW)

    assert row.reason == (
        "burning 0x over 1h, not above 14.4x; kept firing until 12:00:50 UTC "
        "(keep_firing_for 1m), then it resolves"
    )


def test_a_firing_rule_that_sees_too_little_says_that_it_keeps_firing() -> None:
    status = status_of("petuniverse-api/uploads")
    row = tier_row(status, status.tiers[0], AlertState(Phase.FIRING, NOW), NOW)

    assert row.reason.endswith("too few to judge, so it keeps firing")


def test_a_rule_that_sees_too_little_says_that_it_cannot_tell() -> None:
    status = status_of("petuniverse-api/uploads")
    row = tier_row(status, status.tiers[0], AlertState(), NOW)

    assert row.phase_word == "Cannot tell"
    assert row.short == "no data over 5m"
    assert not row.short_over


async def test_probe_results_show_what_failed_first_with_its_phases() -> None:
    shown = await view("shop/checkout")

    first = shown.runs[0]
    assert [run.word for run in shown.runs[:4]] == ["Failed", "Failed", "Failed", "Passed"]
    assert plain(first.words) == "DNS 3 ms, connect 20 ms, TLS 45 ms, wait 70 ms, transfer 10 ms"
    assert first.detail.startswith("status: answered 503")
    assert sum(Fraction(bar.length) for bar in first.bars) == pytest.approx(100, abs=0.1)


async def test_an_slo_fed_by_counters_shows_its_collectors_runs() -> None:
    shown = await view("shop/search-latency")

    assert (shown.runs_title, [run.word for run in shown.runs]) == ("Collector runs", ["Passed"])
    assert plain(shown.runs_note).startswith("1 of the last 1 run of shop/metrics")
    assert shown.flow.flows
    assert ("Bad", 'http_requests_total{code=~"5.."}') in shown.definition


def test_coverage_says_how_much_is_unknown_and_whose_failure_it_is() -> None:
    lines = dict(coverage(status_of("shop/checkout"), NOW))

    assert plain(lines["Coverage"]) == "99.9 % (259,000 of 259,200 observations due)"
    assert lines["Unknown"] == "3 probes: our failures to look, counted for nobody"


def test_coverage_names_the_anomalies_that_came_most() -> None:
    said = {f"series {number} is no count": number for number in range(1, 8)}
    status = replace(status_of("shop/checkout"), anomalies=said)

    lines = [value for name, value in coverage(status, NOW) if name == "Anomaly"]

    assert [plain(line) for line in lines] == [
        f"series {number} is no count ({number} times)" for number in (7, 6, 5, 4, 3)
    ]


@pytest.mark.parametrize("length", [timedelta(hours=1), timedelta(days=1), timedelta(days=30)])
def test_a_stretch_covers_its_length_up_to_now_in_whole_steps(length: timedelta) -> None:
    cut = stretch(length, NOW)

    assert cut.end >= NOW
    assert cut.end - cut.start >= length
    assert not (cut.end - cut.start) % cut.step
    assert not cut.step % timedelta(seconds=10)


async def test_a_window_without_points_is_no_data_and_no_error() -> None:
    status = status_of("petuniverse-api/uploads")
    empty = stretch(status.slo.window.length, NOW)
    points = [Point(empty.start + n * empty.step, 0, 0, 0) for n in range(24)]
    day = span.preset("24h", status.slo, NOW)
    shown = slo_page.slo_view(
        status,
        siblings=[status],
        card=None,
        alert_states={},
        incident=None,
        collector=None,
        window_points=points,
        range_points=points,
        span=day,
        bar=span.span_view(status.slo, day, {}, None, NOW),
        now=NOW,
    )

    assert drawn(shown.budget_chart).finding == "No data in this window."
    assert drawn(shown.burn_chart).finding == "No data in this stretch."
    assert {cells[1] for cells in drawn(shown.budget_chart).table.rows} == {"no data"}


async def test_a_runbook_that_is_no_web_address_is_not_linked() -> None:
    source = FakeSource()
    card = replace(source.services_[0], runbook="data:text/html,hello")
    shown = await view("shop/checkout", source=replace(source, services_=(card,)))

    assert shown.runbook is None


async def test_a_budget_that_is_being_learnt_is_no_percentage() -> None:
    shown = await view("petuniverse-api/availability")

    budget = next(tile for tile in shown.tiles if tile.name == "Budget left")
    assert (budget.value, plain(budget.note)) == ("learning", "12 h of 3 d seen")
    assert (budget.gauge, budget.tone) == (None, "plain")
    assert shown.budget_chart is None
    assert "still being learnt: 12 h of 3 d seen, 0 of 4,320 probes failed" in plain(shown.sentence)


async def test_an_slo_of_which_nothing_comes_says_why() -> None:
    shown = await view("petuniverse-api/images")

    assert shown.flow.word == "Collector down"
    assert plain(shown.flow.sentence) == (
        "Our own collector does not run; the target may be well: 30 looks failed; "
        "the last observation was 14 min ago."
    )


FIRING = {"page:6h:30m": AlertState(Phase.FIRING, NOW), "ticket:1d:2h": AlertState(Phase.FIRING)}


@pytest.mark.parametrize(
    ("states", "asked", "opened"),
    [
        (FIRING, None, "page:6h:30m"),
        (FIRING, "all", None),
        (FIRING, "ticket:3d:6h", "ticket:3d:6h"),
        (FIRING, "page:9h:9m", None),
        ({}, None, None),
    ],
    ids=["the loudest that fires", "all", "the one asked for", "none of its own", "none fires"],
)
def test_only_the_rule_that_fires_is_opened_unless_asked(
    states: dict[str, AlertState], asked: str | None, opened: str | None
) -> None:
    assert opened_rule(status_of("shop/checkout"), states, asked) == opened


async def test_the_burn_chart_opens_one_rule_and_offers_the_others() -> None:
    shown = await view("shop/checkout", asked={"range": "6h", "rule": "ticket:3d:6h"})

    tiers = json.loads(shown.burn_chart.options)["tiers"]
    assert [tier["opened"] for tier in tiers] == [False, False, False, True]
    assert [(link.word, link.chosen) for link in shown.rules][::4] == [
        ("All rules", False),
        ("ticket 1x (3d & 6h)", True),
    ]
    assert shown.rules[0].url == "/slos/shop/checkout?range=6h&rule=all#chart-burn"
    assert [tier.opened for tier in shown.tiers] == [False, False, False, True]


async def test_the_sli_is_drawn_against_its_objective() -> None:
    chart = (await view("shop/checkout")).sli_chart

    assert json.loads(drawn(chart).options) == {"objective": 0.999, "places": 2}
    assert plain(drawn(chart).finding).startswith("Below the objective of 99.9 % in 3 of ")
    assert "lowest in Fri 20 Nov 13:05 to 14:05 UTC: 98.05 %." in plain(drawn(chart).finding)


async def test_all_runs_are_shown_when_they_are_asked_for() -> None:
    few, whole = await view("shop/checkout"), await view("shop/checkout", asked={"runs": "all"})

    assert (len(few.runs), few.runs_word) == (15, "Show all")
    assert few.runs_url == "/slos/shop/checkout?runs=all#runs"
    assert (len(whole.runs), whole.runs_word, whole.runs_url) == (
        100,
        "Show 15",
        "/slos/shop/checkout#runs",
    )
    assert plain(whole.runs_note).startswith("100 of the last 100 runs")


async def test_it_is_silenced_as_a_whole() -> None:
    assert (await view("shop/checkout")).silence_url == (
        "/silences?matchers=service%3D%22shop%22%2C+slo%3D%22checkout%22&duration=1h#silence"
    )


async def test_the_budget_chart_goes_on_in_the_band_of_past_weeks() -> None:
    status = status_of("shop/checkout")
    cut = stretch(status.slo.window.length, NOW)
    points = await FakeSource().points("shop/checkout", cut.start, cut.end, cut.step)
    likely = Outlook(NOW + WEEK, 4, Fraction(-1, 10), Fraction(1, 4), Fraction(1, 2))
    drawn_on = budget_chart(status, points, None, NOW, likely)
    guessless = budget_chart(status, points, None, NOW, Outlook(NOW + WEEK, 1))

    end = (NOW + WEEK).timestamp()
    band = {"end": end, "low": -0.1, "middle": 0.25, "high": 0.5}
    assert json.loads(drawn_on.options)["outlook"] == band
    assert json.loads(guessless.options)["outlook"] is None
