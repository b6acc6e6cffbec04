"""Which reports there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards import format as write
from dashboards.report_period import ReportPeriod
from dashboards.report_posting import PostingState, ReportMailStanding
from dashboards.report_summary import local

_NAMED = 3  # addresses of a mail; the others are counted


@dataclass(frozen=True, slots=True)
class MailRow:
    """A report that is mailed."""

    name: str
    what: str
    to: str
    coming: str
    last: str
    ill: bool  # the last one did not get through, or not to everybody


@dataclass(frozen=True, slots=True)
class ReportsView:
    """Which reports there are: of each kind the newest, by name and address."""

    zone: str
    kinds: tuple[tuple[str, tuple[tuple[str, str, bool], ...]], ...]  # the last: goes on
    mails: tuple[MailRow, ...]


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


def reports_view(
    newest: Sequence[ReportPeriod],
    since: datetime | None,
    mails: Sequence[ReportMailStanding],
) -> ReportsView:
    """The list, of the same."""
    kinds = tuple(
        (
            f"By {periods[0].kind}",
            tuple((one.title, f"/reports/{one.slug}", one is periods[0]) for one in periods),
        )
        for periods in every_period(newest, since)
    )
    return ReportsView(newest[0].zone.key, kinds, tuple(_mail(one, newest[0]) for one in mails))


_STATES = {
    PostingState.WAITING: "waits",
    PostingState.SENT: "sent",
    PostingState.SKIPPED: "not sent: nothing to tell, or nobody had asked for it yet",
    PostingState.GIVEN_UP: "given up",
}


def _mail(one: ReportMailStanding, running: ReportPeriod) -> MailRow:
    last = one.last
    told = "none yet"
    if last is not None:
        told = f"{last.period}: {_STATES[last.state]}"
        told += f" ({last.problem})" if last.problem else ""
    whose = f", {one.owner}" if one.owner else ""
    return MailRow(
        name=one.name,
        what=f"every {one.every} at {one.at} {one.zone}, {one.view}{whose}",
        to=", ".join(one.to[:_NAMED])
        + (f" and {write.count(len(one.to) - _NAMED)} more" if len(one.to) > _NAMED else ""),
        coming=local(one.next_at, running),
        last=told,
        ill=last is not None and last.problem is not None,
    )
