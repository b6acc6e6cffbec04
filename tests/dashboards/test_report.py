"""What a report makes of its facts, and where its periods begin and end."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from alerting.incident import Incident, IncidentState
from alerting.incident_times import times_of
from dashboards.report import DayShare, Facts, SLORecord, Tally, report
from dashboards.report_period import read_period
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
