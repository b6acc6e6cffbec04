"""What other routes would have said of recorded alerts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.alert import Alert, AlertKind
from alerting.dry_run import Plan, differences, told
from alerting.inhibition import Inhibition
from alerting.routes import Route, Terms
from slo.selector import parse_matchers
from slo.severity import Severity
from tests.alerting.scene import FACTS, PAGE, ROUTES, SHOP, TICKET
from tests.alerting.test_time_interval import interval
from tests.fakes.clock import START

MINUTE = timedelta(minutes=1)
NOW = START + 300 * MINUTE


def alert(
    id_: str, severity: Severity, begins: int, lasts: int | None = 60, slo: str = "up"
) -> Alert:
    """From so many minutes after 14:00 on, for so many."""
    start = START + begins * MINUTE
    end = None if lasts is None else start + lasts * MINUTE
    rule = f"shop/{slo}#{severity}"
    return Alert(id_, rule, "shop", slo, AlertKind.BURN, severity, start, FACTS, "incident", end)


def plan(tree: Route = ROUTES, *inhibitions: Inhibition) -> Plan:
    return Plan(tree, inhibitions, {"shop": SHOP})


def test_who_gains_and_who_loses() -> None:
    new = replace(ROUTES, routes=(Route(parse_matchers('severity="page"'), ("night", "sre")),))
    alerts = [alert("b", TICKET, 10), alert("a", PAGE, 0)]

    found = differences(alerts, plan(), plan(new), NOW)

    assert [(one.alert.id, one.gained, one.lost, one.is_page) for one in found] == [
        ("a", ("night",), ("oncall",), True),
        ("b", ("mail",), ("sre",), False),
    ]


def test_the_same_plan_changes_nothing() -> None:
    assert differences([alert("a", PAGE, 0), alert("b", TICKET, 5)], plan(), plan(), NOW) == []


@pytest.mark.parametrize(
    ("severity", "lasts", "minutes"), [(PAGE, 1, 0), (TICKET, 1, None), (TICKET, 3, 2)]
)
def test_a_wait_is_for_others_than_pages(
    severity: Severity, lasts: int, minutes: int | None
) -> None:
    waiting = plan(Route(receivers=("sre",), terms=Terms(group_wait=2 * MINUTE)))

    at = told(alert("a", severity, 0, lasts), waiting, [], NOW)

    assert at == ({} if minutes is None else {"sre": START + minutes * MINUTE})


@pytest.mark.parametrize(
    ("lasts", "minutes"),
    [(30, None), (90, 60), (None, 60)],
    ids=["over before", "goes on", "fires still"],
)
def test_what_is_muted_is_told_when_the_interval_ends(
    lasts: int | None, minutes: int | None
) -> None:
    afternoon = interval({"times": [{"start_time": "14:00", "end_time": "15:00"}]})
    tree = Route(routes=(Route(parse_matchers('env="prod"'), ("sre",), mute=(afternoon,)),))

    at = told(alert("a", PAGE, 0, lasts), plan(tree), [], NOW)

    assert at == ({} if minutes is None else {"sre": START + minutes * MINUTE})


def test_what_is_inhibited_is_told_when_its_source_ends() -> None:
    pages_hold_tickets = Inhibition(
        "rule", parse_matchers('severity="page"'), parse_matchers('severity="ticket"'), ("service",)
    )
    page, short, long = alert("p", PAGE, 0), alert("s", TICKET, 5, 10), alert("l", TICKET, 5, 90)
    beside = [page, short, long]
    inhibiting = plan(ROUTES, pages_hold_tickets)

    assert told(short, inhibiting, beside, NOW) == {}
    assert told(long, inhibiting, beside, NOW) == {"sre": START + 60 * MINUTE}
    assert [one.lost for one in differences(beside, plan(), inhibiting, NOW)] == [("sre",)]


def test_a_notice_is_told_at_once_or_never() -> None:
    notice = replace(alert("n", TICKET, 0, 0), kind=AlertKind.BUDGET)
    tree = Route(receivers=("sre",), terms=Terms(group_wait=2 * MINUTE))

    assert told(notice, plan(tree), [], NOW) == {"sre": START}
