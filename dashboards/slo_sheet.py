"""The list of SLOs as a table for spreadsheets."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import isinf

from dashboards.catalogue import Catalogue
from dashboards.glance import Glance
from dashboards.spreadsheet import cell
from slo.units import format_duration

_COLUMNS = (
    "service",
    "slo",
    "owner",
    "state",
    "budget_state",
    "objective_percent",
    "window",
    "sli",
    "budget_left",
    "burn_lookback",
    "burn_rate",
    "budget_ends",
)


def sheet(found: Sequence[Glance], catalogue: Catalogue, lookback: timedelta) -> str:
    """These SLOs, a line each; shares are parts of one, and what is not known is empty."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(_COLUMNS)
    for one in found:
        entry = catalogue.entry(one)
        values = (
            entry.service,
            one.id.partition("/")[2],
            entry.owner or None,
            one.marks[0].key,
            one.budget_state.value,
            one.slo.objective.label,
            entry.window,
            one.sli,
            None if one.learns else one.remaining,
            format_duration(lookback),
            one.rate(lookback),
            None if one.learns else _ends(one.ends),
        )
        rows.writerow(cell(value) for value in values)
    return text.getvalue()


def _ends(at: float | None) -> str | None:
    if at is None or isinf(at):
        return None if at is None else "never"
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
