"""What a derived SLI is made of, as its page shows it."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from dashboards import format as write
from dashboards import made_of
from dashboards.made_of import MadeOf, definition
from dashboards.source import CollectorHealth
from slo.counts import Counts
from slo.definition import SLI, Component, CompositeSLI, QuorumSLI
from slo.slices import NoData
from slo.status import BudgetState, Part, SLOStatus
from tests.dashboards.words import plain
from tests.web.fakes import NOW, FakeSource, make_slo, make_status

MINUTE = timedelta(minutes=1)
QUORUM = QuorumSLI(("shop/health", "shop/checkout"), 2, timedelta(seconds=10))
PARTS = (
    Part("shop/health", "health", Counts(350, 10), 4, 6, Counts(258_990, 10)),
    Part("shop/checkout", "checkout", Counts(unknown=5), bad=4),
)


def component(name: str, weight: int = 1, no_data: NoData = NoData.IGNORE) -> Component:
    return Component(name, Fraction(999, 1000), no_data, "x", weight)


def status_of(sli: SLI, parts: tuple[Part, ...], beside: int = 0) -> SLOStatus:
    slo = replace(make_slo("shop", "reachable"), sli=sli)
    status = make_status(slo, (990, 4, 0), budget_state=BudgetState.HEALTHY)
    return replace(status, parts=parts, beside=beside)


def shown(status: SLOStatus, vantages: tuple[CollectorHealth, ...] = ()) -> MadeOf:
    found = made_of.view(status, list(FakeSource().statuses()), vantages, NOW)
    assert found is not None
    return found


def test_an_slo_that_a_collector_feeds_is_made_of_nothing() -> None:
    status = FakeSource().statuses()[0]

    assert made_of.view(status, [], [], NOW) is None


def test_a_quorum_shows_how_each_vantage_looks_now() -> None:
    health = next(one for one in FakeSource().collectors() if one.id == "shop/health")

    told = shown(status_of(QUORUM, PARTS, beside=6), (health,))

    first, second = told.rows
    assert first.url == "/services/shop"
    assert (first.outcome, second.outcome) == (
        "none" if health.last is None else health.last.outcome.value,
        "none",
    )
    assert [plain(row.hour) for row in told.rows] == ["10 of 360 bad", "5 unknown"]
    assert [(row.bad, row.alone) for row in told.rows] == [("4", "6"), ("4", "0")]
    assert [(plain(row.own), row.own_of) for row in told.rows] == [
        ("99.99 %", "10 of 259,000 bad"),
        ("no data", ""),
    ]
    assert told.alone_header == "One vantage"
    assert "In 6 slices of the last 30d some failed" in plain(told.note)


def test_a_quorum_of_which_nobody_ever_failed_alone_says_so() -> None:
    assert shown(status_of(QUORUM, PARTS)).note.startswith("Never in the last 30d")


def test_of_the_past_nothing_is_claimed() -> None:
    told = shown(status_of(QUORUM, ()))

    assert told.rows == ()
    assert told.note == made_of._PAST


def test_a_journey_links_each_step_and_shows_how_it_stands() -> None:
    steps = [one for one in FakeSource().statuses() if not one.slo.variant][:2]
    sli = CompositeSLI(tuple(component(one.slo.sli_id) for one in steps), MINUTE)
    parts = tuple(
        Part(one.slo.sli_id, one.slo.sli_id, Counts(60, 1), bad=n) for n, one in enumerate(steps)
    )

    told = shown(status_of(sli, parts))

    assert [row.url for row in told.rows] == [f"/slos/{one.slo.sli_id}" for one in steps]
    assert all(row.marks for row in told.rows)
    assert [row.own for row in told.rows] == [
        write.sli(one.sli, one.slo.objective) for one in steps
    ]
    assert {row.own_of for row in told.rows} == {"over 30d"}
    assert (told.bad_header, told.alone_header) == ("Bad slices", None)


def test_the_definition_says_when_a_slice_is_bad() -> None:
    weighted = CompositeSLI(
        (component("web/login", 3), component("pay/charge", no_data=NoData.BAD)), MINUTE, True
    )

    assert definition(QUORUM) == [
        ("Vantages", "health, checkout"),
        ("Bad", "a slice of 10s in which at least 2 of 2 failed"),
    ]
    assert [(name, plain(said)) for name, said in definition(weighted)] == [
        ("Counts", "each, once for every slice of 1m, as much as it weighs"),
        ("web/login", "good from 99.9 % on, weighs 3"),
        ("pay/charge", "good from 99.9 % on, weighs 1, idle is bad"),
    ]
