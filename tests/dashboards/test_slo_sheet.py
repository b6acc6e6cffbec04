"""The list as a sheet: what it finds, a line each, and nothing that a spreadsheet would run."""

import csv
import io
from datetime import timedelta

from dashboards.catalogue import Catalogue
from dashboards.glance import roll_of
from dashboards.slo_sheet import sheet
from slo.status import BudgetState
from tests.web.fakes import FakeSource, make_slo, make_status

HOUR = timedelta(hours=1)


def lines(source: FakeSource) -> list[dict[str, str]]:
    found = roll_of(source.statuses()).worst_first
    return list(csv.DictReader(io.StringIO(sheet(found, Catalogue(source.services()), HOUR))))


def test_each_slo_has_a_line_with_its_numbers() -> None:
    found = {line["slo"]: line for line in lines(FakeSource())}

    assert len(found) == 11
    assert found["checkout"]["state"] == "burning_fast"
    assert found["checkout"]["objective_percent"] == "99.9"
    assert float(found["checkout"]["burn_rate"]) > 100
    assert found["checkout"]["burn_lookback"] == "1h"
    assert (found["uploads"]["sli"], found["uploads"]["budget_left"]) == ("", "")


def test_a_name_is_never_a_formula() -> None:
    status = make_status(make_slo("shop", "=1+1"), (9, 1, 0), budget_state=BudgetState.HEALTHY)

    assert lines(FakeSource(statuses_=(status,)))[0]["slo"] == "'=1+1"
