"""Who is on it is said only of the SLOs that stand in the incident."""

import pytest

from alerting.incident import Incident, IncidentState
from dashboards.slo_row import open_incidents
from tests.web.fakes import make_incident

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
