"""What a report makes of its facts, and where its periods begin and end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from alerting.incident import Incident, IncidentState
from alerting.incident_times import IncidentTimes, times_of
from dashboards.format import NBSP
from dashboards.report import DayShare, Facts, Left, SLORecord, Tally, report
from dashboards.report_page import report_view
from dashboards.report_period import read_period
from dashboards.report_summary import figures
from slo.definition import SLO, GaugeSLI, ProbeSLI
from slo.objective import Objective
from slo.selector import parse_selector
from slo.severity import Severity
from slo.threshold import Side, Threshold
from slo.window import Rolling

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


def an_slo(name: str, *, gauge: bool = False) -> SLO:
    metric = (parse_selector("disk_used_ratio"),)
    return SLO(
        service="shop",
        name=name,
        objective=Objective(Decimal("0.9")),
        window=Rolling(timedelta(days=30)),
        sli=GaugeSLI("metrics", metric, Side.BELOW, Threshold(Decimal("0.8"), "0.8"))
        if gauge
        else ProbeSLI("health"),
        tiers=(),
        interval=timedelta(seconds=10),
        no_data_after=timedelta(minutes=2),
    )


def tally(of: int, bad: int) -> Tally:
    return Tally(of=of, cost=Fraction(bad), unknown=0, seen=of, due=of)


def facts(*records: SLORecord, incidents: tuple[Incident, ...] = ()) -> Facts:
    period = read_period("2026-10", BERLIN)
    told = tuple((one, times_of(one, None)) for one in incidents)
    return Facts(
        period,
        period.end,
        period.end,
        records,
        told,
        owners={"shop": "shop-team", "far": "far-team"},
        zones={"far-team": ZoneInfo("Asia/Tokyo")},
    )


@pytest.mark.parametrize(
    ("slug", "hours"),
    [("2026-10-25", 25), ("2026-03-29", 23), ("2026-W43", 169), ("2026-10", 745)],
    ids=["clocks go back", "clocks leap", "the week", "the month"],
)
def test_a_period_has_the_hours_of_its_zone(slug: str, hours: int) -> None:
    period = read_period(slug, BERLIN)

    assert period.end - period.start == hours * HOUR
    assert period.slug == slug
    assert period.previous.end == period.start
    assert period.following.start == period.end


def test_no_data_is_neither_met_nor_missed() -> None:
    made = report(
        facts(
            SLORecord(an_slo("kept"), "a", tally(100, 10), tally(100, 0)),
            SLORecord(an_slo("broken"), "a", tally(100, 11), tally(100, 50)),
            SLORecord(an_slo("idle"), "a", tally(0, 0), None),
        )
    )

    assert (made.met, made.missed, made.no_data) == (1, 1, 1)
    assert [slo.name for slo in made.review.no_data] == ["idle"]
    assert [slo.name for slo in made.review.always_missed] == ["broken"]
    assert made.facts.slos[2].now.sli() is None


def test_the_change_compares_only_what_both_periods_know() -> None:
    made = report(
        facts(
            SLORecord(an_slo("one"), "a", tally(100, 50), tally(100, 0)),
            SLORecord(an_slo("two"), "b", tally(100, 0), None),
        )
    )

    changes = {group.name: group.change for group in made.owners}
    assert changes == {"a": 1, "b": None}


def test_what_has_no_data_before_changes_nothing() -> None:
    made = report(
        facts(
            SLORecord(an_slo("missed twice"), "a", tally(100, 50), tally(100, 50)),
            SLORecord(an_slo("new"), "a", tally(100, 50), None),
        )
    )

    assert (made.missed, made.everything.change) == (2, 0)


def test_figures_stand_beside_those_of_the_period_before() -> None:
    now, before = opened(3, minutes=20), opened(5, minutes=50)
    records = (SLORecord(an_slo("one"), "a", tally(100, 50), tally(100, 0)),)
    made = report(replace(facts(*records), incidents=now, before=before))

    told = {one.name: (one.value, one.note, one.good) for one in figures(made)}

    assert told == {
        "Objectives met": ("0 of 1", "1 more missed", False),
        "Incidents": ("3", "5 before", True),
        "Pages": ("3", "0 at night; 5 before", True),
        "Time to resolve": (
            f"20{NBSP}min",
            f"median; 50{NBSP}min before",
            True,
        ),
    }


def test_where_nothing_is_known_of_before_nothing_is_better() -> None:
    made = report(replace(facts(), incidents=opened(1, minutes=20), before=None))

    assert [one.good for one in figures(made)] == [None] * 4
    assert [one.note for one in figures(made)][:2] == ["before: not known"] * 2


def test_what_was_spent_stands_beside_what_was_allowed_with_no_digit_that_says_nothing() -> None:
    records = (
        SLORecord(an_slo("whole"), "a", tally(12_340, 5), None),
        SLORecord(an_slo("parts"), "a", tally(12_345, 5), None),
    )

    view = report_view(report(facts(*records)), "", ())

    assert [row.allowance for row in view.slos] == ["5 of 1,234", "5 of 1,234.5"]


@pytest.mark.parametrize(
    ("zone", "stretch"),
    [
        (ZoneInfo("UTC"), "From Thu 1 Oct 2026 00:00 UTC to Sun 1 Nov 2026 00:00 UTC."),
        (
            BERLIN,
            "From Thu 1 Oct 2026 00:00 (+0200) to Sun 1 Nov 2026 00:00 (+0100), Europe/Berlin.",
        ),
    ],
    ids=["UTC", "elsewhere"],
)
def test_the_offset_is_said_where_hours_come_twice(zone: ZoneInfo, stretch: str) -> None:
    period = read_period("2026-10", zone)
    told = replace(facts(), period=period, until=period.end)

    assert report_view(report(told), "", ()).stretch == stretch


def test_a_view_is_bounded_and_says_what_it_left_out() -> None:
    records = tuple(
        SLORecord(an_slo(f"n{number}"), "a", tally(100, 50 if number % 2 else 0), None)
        for number in range(1_200)
    )
    made = report(replace(facts(*records), incidents=opened(10_000, minutes=5)))

    technical, executive = report_view(made, "", ()), report_view(made, "executive", ())

    assert len(technical.slos) == 500
    assert {row.verdict for row in technical.slos} == {"missed"}  # the worst first
    assert technical.more_slos == "And 700 more: the CSV has every one."
    assert len(technical.incidents) == 200
    assert technical.more_incidents == "And 9,800 more: the JSON has every one."
    assert len(executive.slos) == 10
    assert executive.definitions == ()
    assert technical.times[2][1].startswith("5")  # of all of them


def test_what_was_left_out_says_why_and_how_often() -> None:
    start = datetime(2026, 10, 1, 2, tzinfo=UTC)
    nights = tuple(
        (start + timedelta(days=one), start + timedelta(days=one, hours=1)) for one in range(31)
    )
    left = (Left("shop", "the backup of the night", "ann", nights),)

    [(what, why)] = report_view(report(replace(facts(), left=left)), "", ()).excluded

    assert what == "shop"
    assert "Thu 1 Oct 2026 04:00 (+0200)" in why
    assert why.endswith(", 21 more times: the backup of the night (ann)")


def opened(many: int, *, minutes: int) -> tuple[tuple[Incident, IncidentTimes], ...]:
    """Pages in the afternoon, each over after so many minutes."""
    at = datetime(2026, 10, 5, 12, tzinfo=UTC)
    return tuple(
        (one, times_of(one, None))
        for one in (
            Incident(
                f"i{number}", "shop", IncidentState.RESOLVED, Severity.PAGE, "It burns", at,
                resolved_at=at + timedelta(minutes=minutes),
            )
            for number in range(many)
        )
    )  # fmt: skip


def test_pages_are_at_night_by_their_owners_clock() -> None:
    def page(service: str, at: datetime, *, taken: bool) -> Incident:
        state = IncidentState.ACKNOWLEDGED if taken else IncidentState.TRIGGERED
        return Incident(
            f"{service}{at}", service, state, Severity.PAGE, "It burns", at,
            acknowledged_at=at if taken else None,
        )  # fmt: skip

    noon = datetime(2026, 10, 5, 15, tzinfo=UTC)  # 17:00 in Berlin, midnight in Tokyo
    incidents = (page("shop", noon, taken=True), page("far", noon, taken=False))

    paging = report(facts(incidents=incidents)).paging

    assert (paging.pages, paging.night, paging.acted) == (2, 1, 1)
    assert paging.by_hour[17] == 2
    assert paging.acted_share == Fraction(1, 2)


def test_a_rising_share_says_when_the_objective_is_reached() -> None:
    days = tuple(DayShare(number, Fraction(number, 100)) for number in range(6))
    rising = SLORecord(an_slo("disk", gauge=True), None, tally(10, 0), None, days=days)
    level = SLORecord(
        an_slo("level", gauge=True), None, tally(10, 0), None,
        days=tuple(DayShare(number, Fraction(1, 100)) for number in range(6)),
    )  # fmt: skip
    short = SLORecord(an_slo("short", gauge=True), None, tally(10, 0), None, days=days[:4])

    [trend] = report(facts(rising, level, short)).trends

    assert (trend.slo.name, trend.per_day, trend.latest) == (
        "disk", Fraction(1, 100), Fraction(5, 100),
    )  # fmt: skip
    assert trend.days_left == 5  # from 5 % to the 10 % that the objective allows
