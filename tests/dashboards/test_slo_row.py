"""Who is on it is said only of the SLOs that stand in the incident."""

import pytest

from alerting.incident import Incident, IncidentState
from dashboards.slo_row import SLORow, open_incidents, slo_row
from slo.status import BudgetState
from tests.dashboards.words import plain
from tests.web.fakes import NOW, FakeSource, make_incident, make_slo, make_status

OPEN = make_incident(1, "shop", "login", IncidentState.TRIGGERED).incident
TAKEN = make_incident(2, "shop", "checkout", IncidentState.ACKNOWLEDGED).incident
OVER = make_incident(3, "shop", "checkout", IncidentState.RESOLVED).incident


@pytest.mark.parametrize("incidents", [(OPEN, TAKEN, OVER), (OVER, TAKEN, OPEN)])
def test_an_incident_is_that_of_the_slos_whose_alerts_stand_in_it(
    incidents: tuple[Incident, ...],
) -> None:
    slos = {OPEN.id: ("login",), TAKEN.id: ("checkout", "login"), OVER.id: ("checkout", "pay")}

    found = open_incidents(incidents, slos)

    assert found == {"shop/login": OPEN, "shop/checkout": TAKEN}


def row_of(slo_id: str) -> SLORow:
    status = FakeSource().status(slo_id)
    assert status is not None
    return slo_row(status, card=None, alert_states={}, incident=None, now=NOW)


def test_coverage_stands_beside_the_sli_and_its_bounds_where_events_are_unknown() -> None:
    seen, partly = row_of("shop/catalogue"), row_of("petuniverse-api/images")

    assert (plain(seen.coverage), seen.bounds) == ("coverage 99.9 %", "")
    assert plain(partly.coverage) == "coverage 96.0 %"
    assert plain(partly.bounds) == "95.8 % to 99.8 %"


def test_coverage_is_not_spoken_of_where_all_was_observed() -> None:
    whole = make_status(
        make_slo("shop", "whole"),
        (1_000, 0, 0),
        budget_state=BudgetState.HEALTHY,
        coverage=(10, 10),
    )

    row = slo_row(whole, card=None, alert_states={}, incident=None, now=NOW)

    assert row.coverage == ""


def test_a_budget_that_is_being_learnt_is_no_percentage() -> None:
    row = row_of("petuniverse-api/availability")

    assert (row.budget, plain(row.budget_time), row.gauge) == ("learning", "12 h of 3 d seen", None)
    assert plain(row.why) == "12 h of 3 d seen"
    assert row.forecast == "not known"


def test_why_nothing_comes_is_told_in_the_row() -> None:
    row = row_of("petuniverse-api/images")

    assert row.flow.word == "Collector down"
    assert row.why.startswith("our own collector does not run; the target may be well: ")
