"""An SLO as configured, and the SLO it becomes."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from slo.config import SLOConfig, build_slos
from slo.definition import SLO
from slo.faults import faults, timing_fault, unit_of
from slo.fields import parse_window
from slo.fingerprint import fingerprint
from slo.severity import Severity
from slo.slices import NoData, Slicing
from slo.surroundings import Surroundings
from slo.units import format_duration, parse_duration
from slo.window import Calendar, Period

AROUND = Surroundings(
    service="shop",
    interval=timedelta(seconds=15),
    window=timedelta(days=30),
    bucket=timedelta(seconds=10),
)
EVENTS = {"collector": "metrics", "bad": 'errors{code=~"5..", path!="/x"}', "total": ["a", "b"]}


def build(**keys: object) -> SLO:
    raw = {"objective": "99.9%", "sli": {"probe": "home"}, **keys}
    return build_slos("up", SLOConfig.model_validate(raw), AROUND)[0]


def said(**keys: object) -> list[str]:
    raw = {"objective": "99.9%", "sli": {"probe": "home"}, **keys}
    config = SLOConfig.model_validate(raw)
    return [fault.sentence for fault in faults(build_slos("up", config, AROUND)[0], config, AROUND)]


def test_the_objective_is_the_decimal_that_was_written() -> None:
    slo = build(objective="99.95%")

    assert slo.objective.share == Decimal("0.9995")
    assert slo.objective.budget_share == Fraction(5, 10_000)


def test_no_data_is_told_after_five_intervals_but_never_before_two_minutes() -> None:
    slow = Surroundings("shop", timedelta(minutes=1), AROUND.window, AROUND.bucket)
    config = SLOConfig.model_validate({"objective": "99%", "sli": {"probe": "home"}})

    assert build().no_data_after == timedelta(minutes=2)
    assert build_slos("up", config, slow)[0].no_data_after == timedelta(minutes=5)
    assert build(no_data_after="3m").no_data_after == timedelta(minutes=3)


def test_a_tier_by_its_share_has_the_workbooks_factor() -> None:
    tiers = [{"severity": "page", "spent": "2%", "long": "1h", "short": "5m"}]

    assert build(tiers=tiers).tiers[0].factor == Fraction(144, 10)
    assert build(tiers=tiers, window="28d").tiers[0].factor == Fraction(1344, 100)


@pytest.mark.parametrize(
    "written", [14.4, "14.4", Decimal("14.4")], ids=["float", "text", "decimal"]
)
def test_a_factor_is_the_decimal_that_was_written(written: object) -> None:
    tiers = [{"severity": "ticket", "factor": written, "long": "1h", "short": "5m", "for": "2m"}]

    tier = build(tiers=tiers).tiers[0]

    assert tier.factor == Fraction(72, 5)
    assert (tier.severity, tier.for_) == (Severity.TICKET, timedelta(minutes=2))
    assert tier.keep_firing_for == timedelta(minutes=1)


def test_a_tier_just_below_a_full_outage_can_fire() -> None:
    tier = {"severity": "page", "long": "1h", "short": "5m"}

    assert said(objective="90%", tiers=[{**tier, "factor": "9.999"}]) == []
    assert len(said(objective="90%", tiers=[{**tier, "factor": 10}])) == 1


def test_the_step_of_a_window_grows_with_it() -> None:
    bucket = timedelta(seconds=10)

    steps = [unit_of(timedelta(hours=hours), bucket) for hours in (6, 7, 72, 73)]

    assert steps == [bucket, timedelta(minutes=1), timedelta(minutes=1), timedelta(minutes=5)]


@pytest.mark.parametrize("window", ["month Asia/Tokyo", "Month  Asia/Tokyo", " month Asia/Tokyo "])
def test_a_window_of_the_calendar_is_a_period_in_a_zone(window: str) -> None:
    assert parse_window(window) == Calendar(Period.MONTH, ZoneInfo("Asia/Tokyo"))


@pytest.mark.parametrize("window", ["month", "calendar month", "weekly", "yearly UTC", "year"])
def test_a_window_of_the_calendar_names_its_zone(window: str) -> None:
    with pytest.raises(ValueError, match="a calendar window is a period and its time zone"):
        parse_window(window)


@pytest.mark.parametrize("zone", ["Nowhere/Else", "../../etc/passwd", "Europe", "UTC+1"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone of the IANA database"):
        parse_window(f"day {zone}")


def test_a_period_takes_the_tiers_of_its_nominal_length() -> None:
    assert build(window="month Asia/Tokyo").tiers == build(window="30d").tiers
    assert build(window="month Asia/Tokyo").window.label == "month Asia/Tokyo"


@pytest.mark.parametrize(
    ("interval", "timeout", "fits"),
    [
        (1.0, 30.0, True),
        (1.0, 31.0, False),
        (0.999, 1.0, False),
        (15.0, 300.0, True),
        (15.0, 300.001, False),
        (86_400.0, 5.0, True),
        (86_401.0, 5.0, False),
    ],
)
def test_how_often_and_how_long_a_collector_may_look(
    interval: float, timeout: float, fits: bool
) -> None:
    fault = timing_fault(timedelta(seconds=interval), timedelta(seconds=timeout))

    assert (fault is None) is fits


def test_the_fingerprint_knows_what_is_counted_not_what_was_promised() -> None:
    one = build(sli=EVENTS)
    other = build(sli=EVENTS, objective="99%", window="7d", no_data_after="10m")

    assert fingerprint(one) == fingerprint(other)


def test_the_fingerprint_does_not_mind_the_order() -> None:
    reordered = {
        **EVENTS,
        "bad": 'errors{path!="/x",code=~"5.."}',
        "total": ["b", "a"],
        "by": ["x"],
    }

    assert fingerprint(build(sli=EVENTS)) == fingerprint(build(sli=reordered))


@pytest.mark.parametrize(
    "sli",
    [
        {"probe": "home"},
        {"probe": "metrics"},
        {**EVENTS, "collector": "other"},
        {**EVENTS, "total": ["a"]},
        {**EVENTS, "total": "a", "bad": ["b", EVENTS["bad"]]},
        {"collector": "metrics", "good": EVENTS["bad"], "total": ["a", "b"]},
        {**EVENTS, "bad": 'errors{code="5..", path!="/x"}'},
    ],
)
def test_another_sli_has_another_fingerprint(sli: dict[str, object]) -> None:
    assert fingerprint(build(sli=sli)) != fingerprint(build(sli=EVENTS))


def test_the_fingerprint_is_the_same_in_every_version() -> None:
    assert fingerprint(build(sli=EVENTS)) == "28e23363d5c9c66e"


def test_a_method_of_slices_reaches_the_slo() -> None:
    slo = build(method="timeslices", slice="1m", slice_target="95%", no_data="bad")

    assert slo.slicing == Slicing(timedelta(minutes=1), Fraction(95, 100), NoData.BAD)
    assert slo.method == "timeslices"
    assert build(method="ratio_timeslices", slice="1m").slicing == Slicing(
        timedelta(minutes=1), None
    )
    assert build().method == "occurrences"


@pytest.mark.parametrize(
    ("slice_", "sentence"),
    [
        ("65s", "must be a multiple of the bucket, 10s"),
        ("70s", "must divide the window, 30d"),
        ("10s", "must be no shorter than the interval of its collector, 15s"),
        ("10m", "must divide every window of the tiers, and does not divide 5m"),
    ],
)
def test_slices_that_no_window_can_be_made_of_are_refused(slice_: str, sentence: str) -> None:
    length = format_duration(parse_duration(slice_))

    assert said(method="ratio_timeslices", slice=slice_) == [f"a slice of {length} {sentence}"]


def test_a_method_moves_no_counts() -> None:
    assert fingerprint(build(method="ratio_timeslices", slice="1m")) == fingerprint(build())
