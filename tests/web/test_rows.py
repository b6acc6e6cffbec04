"""A row of the list is printed once for all who look, until what it shows changes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from markupsafe import Markup

from alerting.incident import IncidentState
from dashboards.flow import FlowState, flow_of
from dashboards.slo_row import RowFacts, SLORow
from slo.alert_state import AlertState, Phase
from tests.web.fakes import NOW, FakeSource, make_incident
from web.framed import row_printer
from web.rows import Cells, Printer, Rows

HOUR = timedelta(hours=1)
COLUMNS = ("state", "slo", "owner", "target", "sli", "budget", "burn", "week", "forecast")
SOURCE = FakeSource()


def facts(slo_id: str = "shop/checkout") -> RowFacts:
    status = SOURCE.status(slo_id)
    assert status is not None
    card = next(one for one in SOURCE.services() if one.name == status.slo.service)
    return RowFacts(status, card, {}, None, None, flow_of(status, None, NOW))


class Press:
    """Counts what it prints."""

    def __init__(self) -> None:
        self.printed: list[str] = []

    def __call__(self) -> Printer:
        return self.print_

    def print_(self, row: SLORow) -> Cells:
        self.printed.append(row.topic)
        return {"slo": Markup.escape(row.name)}


def test_a_second_look_prints_nothing() -> None:
    rows, press = Rows(), Press()

    first = rows.printed([facts()], NOW, HOUR, press)
    second = rows.printed([facts()], NOW + timedelta(seconds=1), HOUR, press)

    assert press.printed == ["shop/checkout"]
    assert first[0] is second[0]


OPEN = make_incident(9, "shop", "checkout", IncidentState.TRIGGERED).incident
FIRING = {"page:1h:5m": AlertState(Phase.FIRING, NOW - HOUR)}
CHANGES = {
    "its status": replace(facts(), status=replace(facts().status, at=NOW + timedelta(seconds=10))),
    "its owner": replace(facts(), card=replace(SOURCE.services()[0], owner="others")),
    "its incident": replace(facts(), incident=OPEN),
    "a rule fires": replace(facts(), alert_states=FIRING),
    "nothing comes": replace(facts(), flow=replace(facts().flow, state=FlowState.STOPPED)),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
def test_what_changes_is_printed_anew(changed: RowFacts) -> None:
    rows, press = Rows(), Press()
    rows.printed([facts()], NOW, HOUR, press)

    rows.printed([changed], NOW, HOUR, press)

    assert len(press.printed) == 2


def test_how_long_a_rule_fires_and_what_is_today_move_on() -> None:
    rows, press = Rows(), Press()
    firing = replace(facts(), alert_states=FIRING)

    for later in (0, 60, 60, 86_400):
        rows.printed([firing], NOW + timedelta(seconds=later), HOUR, press)

    assert len(press.printed) == 3


def test_each_lookback_has_rows_of_its_own() -> None:
    rows, press = Rows(), Press()

    for lookback in (HOUR, timedelta(minutes=5), HOUR):
        rows.printed([facts()], NOW, lookback, press)

    assert len(press.printed) == 2


def test_those_asked_for_last_are_kept() -> None:
    rows, press = Rows(most=2), Press()
    one, two, three = (facts(f"shop/{name}") for name in ("checkout", "login", "payments"))

    for asked in ([one, two], [one], [three], [one], [two]):
        rows.printed(asked, NOW, HOUR, press)

    assert press.printed == ["shop/checkout", "shop/login", "shop/payments", "shop/login"]


def test_as_long_as_equal_is_shown_equal_is_printed() -> None:
    printer = row_printer(COLUMNS, None)
    for status in SOURCE.statuses():
        one = facts(status.slo.id)
        later = NOW + timedelta(hours=3)

        assert one.shown(NOW) == one.shown(later)
        assert printer(one.row(NOW)) == printer(one.row(later)), status.slo.id
