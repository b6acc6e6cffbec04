"""Which reports there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards.report_period import ReportPeriod


@dataclass(frozen=True, slots=True)
class ReportsView:
    """Which reports there are: of each kind the newest, by name and address."""

    zone: str
    kinds: tuple[tuple[str, tuple[tuple[str, str, bool], ...]], ...]  # the last: goes on


def every_period(
    newest: Sequence[ReportPeriod], since: datetime | None
) -> Iterator[tuple[ReportPeriod, ...]]:
    """By kind, the periods that can be told of, the newest first; `newest` go on, and nothing is
    kept from before `since`.
    """
    for running, most in zip(newest, (8, 6, 13), strict=True):
        found, period = [running], running.previous
        while len(found) < most and since is not None and period.end > since:
            found.append(period)
            period = period.previous
        yield tuple(found)


def reports_view(newest: Sequence[ReportPeriod], since: datetime | None) -> ReportsView:
    """The list, of the same."""
    kinds = tuple(
        (
            f"By {periods[0].kind}",
            tuple((one.title, f"/reports/{one.slug}", one is periods[0]) for one in periods),
        )
        for periods in every_period(newest, since)
    )
    return ReportsView(newest[0].zone.key, kinds)
