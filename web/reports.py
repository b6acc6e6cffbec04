"""`/reports`: what a day, a week or a month came to."""

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from dashboards.report import DayShare, Facts, Report, SLORecord, Tally, report
from dashboards.report_page import report_csv, report_facts, report_view, reports_view
from dashboards.report_period import PERIODS, ReportPeriod, period_at, read_period
from dashboards.source import Source
from slo.counts import Counts
from slo.definition import SLO, GaugeSLI
from slo.epoch import floor
from web.answer import answer
from web.book import Book
from web.look import newest
from web.problem import ProblemError
from web.report_settings import ReportSettings

MOST_INCIDENTS = 2_000
MOST_SLOS = 1_000
_KEPT_FOR = timedelta(seconds=30)
_DAY = timedelta(days=1)
_QUARTER = timedelta(minutes=15)  # every zone's midnight lies on this grid


async def read_facts(
    source: Source, settings: ReportSettings, period: ReportPeriod, owner: str | None, now: datetime
) -> Facts:
    """Everything that a report of this period is made from. Raises ProblemError."""
    until = min(period.end, floor(now, source.bucket()))
    since = source.kept_since()
    if since is None or until <= max(since, period.start):
        raise ProblemError(
            404, f"There is nothing to tell of {period.title}: nothing was counted in it."
        )
    owners = {card.name: card.owner for card in source.services()}
    statuses = await newest(source)
    slos = [one.slo for one in statuses if owner in (None, owners.get(one.slo.service))]
    if owner is not None and not slos:
        raise ProblemError(404, f"No SLO belongs to {owner[:100]!r}.")
    if len(slos) > MOST_SLOS:
        raise ProblemError(
            400, f"{len(slos):,} SLOs are too many for one report: choose an owner (?owner=)."
        )
    before = period.previous
    ended = (
        before.end
        if until == period.end
        else min(before.start + (until - period.start), before.end)
    )
    # Longer ago some may have been counted in part; a comparison needs the whole stretch.
    kept = since <= before.start and ended > before.start
    records = [
        SLORecord(
            slo=slo,
            owner=owners.get(slo.service),
            now=await _tally(source, slo, period.start, until),
            before=await _tally(source, slo, before.start, ended) if kept else None,
            losses=ledger.losses
            if (ledger := await source.budget_ledger(slo.id, period.start, until))
            else (),
            days=await _days(source, slo, period, until),
            excluded=tuple(source.excluded(slo.id, period.start, until)),
        )
        for slo in slos
    ]
    incidents = await source.incident_times(period.start, until, MOST_INCIDENTS + 1)
    return Facts(
        period=period,
        until=until,
        made_at=now,
        slos=tuple(records),
        incidents=tuple(
            one for one in incidents[:MOST_INCIDENTS] if owner in (None, owners.get(one[0].service))
        ),
        owners=owners,
        zones=settings.owners,
        owner=owner,
        complete=len(incidents) <= MOST_INCIDENTS,
    )


async def _tally(source: Source, slo: SLO, start: datetime, end: datetime) -> Tally:
    rows = await source.steps(slo.id, start, end, _DAY)
    of, cost = sum(one.good + one.bad for one in rows), Fraction(sum(one.bad for one in rows))
    if slo.slicing is not None:
        slices = await source.slices(slo.id, start, end)
        told = slices.between(start, end) if slices is not None else None
        of, cost = (told.observed, told.cost) if told is not None else (0, Fraction(0))
    seen = sum(one.seen for one in rows)
    return Tally(
        of=of,
        cost=cost,
        unknown=sum(one.unknown for one in rows),
        seen=seen,
        due=seen + sum(one.missed for one in rows),
    )


async def _days(
    source: Source, slo: SLO, period: ReportPeriod, until: datetime
) -> tuple[DayShare, ...]:
    if not isinstance(slo.sli, GaugeSLI):
        return ()
    days = period.days
    good, bad = [0] * len(days), [0] * len(days)
    for one in await source.steps(slo.id, period.start, until, _QUARTER):
        number = bisect_right(days, datetime.fromtimestamp(one.bucket, UTC)) - 1
        good[number] += one.good
        bad[number] += one.bad
    shares = [Counts(*both).bad_ratio for both in zip(good, bad, strict=True)]
    return tuple(DayShare(number, share) for number, share in enumerate(shares[:-1]))


@dataclass(frozen=True)
class ReportPages(Book):
    """The list of reports, and each as a page, a table and plain values."""

    settings: Callable[[], ReportSettings]
    _made: dict[tuple[str, str, str | None], tuple[datetime, Report]] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        for path, endpoint in (
            ("/reports", self.every),
            ("/reports/{period}.csv", self.table),
            ("/reports/{period}.json", self.plain),
            ("/reports/{period}", self.one),
        ):
            told: Callable[..., Awaitable[Response]] = endpoint
            router.add_api_route(path, told, methods=["GET", "HEAD"], response_model=None)

    async def every(self, request: Request) -> HTMLResponse:
        """Which reports there are."""
        zone, now = self.settings().zone, self.now()
        running = [period_at(kind, now, zone) for kind in PERIODS]
        view = reports_view(running, self.source.kept_since())
        return self.show(request, "reports.html", "reports", "Reports", topics="", view=view)

    async def one(self, request: Request, period: str) -> HTMLResponse:
        """One report."""
        try:
            made = await self._report(request, period)
        except ProblemError as error:
            return self.error(request, error.status, str(error))
        owners = sorted({card.owner for card in self.source.services() if card.owner})
        view = report_view(made, request.query_params.get("view", ""), owners)
        title = f"Report: {view.title}"
        return self.show(request, "report.html", "reports", title, topics="", view=view)

    async def table(self, request: Request, period: str) -> Response:
        """The SLOs of one, for spreadsheets."""
        made = await self._report(request, period)
        name = f'attachment; filename="nines-{made.facts.period.slug}.csv"'
        headers = {"Content-Disposition": name}
        return Response(report_csv(made), headers=headers, media_type="text/csv; charset=utf-8")

    async def plain(self, request: Request, period: str) -> Response:
        """All of one, for programs."""
        return answer(request, report_facts(await self._report(request, period)))

    async def _report(self, request: Request, slug: str) -> Report:
        """Made anew after half a minute, and never two at once: it reads what was counted."""
        settings, now = self.settings(), self.now()
        owner = request.query_params.get("owner") or None
        try:
            period = read_period(slug, settings.zone)
        except ValueError as error:
            raise ProblemError(404, f"{error}.") from None
        key = (period.slug, settings.zone.key, owner)
        async with self._one_at_a_time:
            kept = self._made.get(key)
            if kept is not None and timedelta(0) <= now - kept[0] < _KEPT_FOR:
                return kept[1]
            facts = await read_facts(self.source, settings, period, owner, now)
            made = await asyncio.to_thread(report, facts)
            if len(self._made) >= 32:
                self._made.clear()
            self._made[key] = (now, made)
            return made
