"""Read what a report is made from, make it, and keep it for a moment: it reads what was counted."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from alerting.incident import Incident
from alerting.incident_times import IncidentTimes
from dashboards.report import DayShare, Facts, Incidents, Left, Report, SLORecord, Tally, report
from dashboards.report_page import report_view
from dashboards.report_pdf import report_pdf
from dashboards.report_period import PERIODS, ReportPeriod, period_at, read_period
from dashboards.source import Source
from slo.counts import Counts
from slo.definition import SLO, GaugeSLI
from slo.epoch import floor
from slo.units import format_duration
from web.problem import ProblemError
from web.report_settings import ReportSettings

MOST_INCIDENTS = 10_000
MOST_SLOS = 5_000
_KEPT_FOR = timedelta(seconds=30)
_DAY = timedelta(days=1)
_QUARTER = timedelta(minutes=15)  # every zone's midnight lies on this grid
_KEPT = 8
_DRAWN_WITHIN = 20.0  # seconds


class NothingToTellError(ProblemError):
    """Nothing was counted in the period."""


@dataclass(frozen=True)
class Reports:
    """Makes reports of what `source` knows, one at a time."""

    source: Source
    now: Callable[[], datetime]
    settings: Callable[[], ReportSettings]
    external_url: str
    monotonic: Callable[[], float] = time.monotonic
    patience: timedelta = timedelta(minutes=1)  # while its counts are read
    _made: dict[tuple[str, str, str | None], tuple[datetime, Report]] = field(default_factory=dict)
    _drawn: dict[str, tuple[Report, bytes]] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def running(self) -> list[ReportPeriod]:
        """The periods that go on: a day, a week, a month."""
        zone, now = self.settings().zone, self.now()
        return [period_at(kind, now, zone) for kind in PERIODS]

    async def named(self, slug: str, owner: str | None) -> Report:
        """The report of the period that `slug` names. Raises ProblemError."""
        try:
            period = read_period(slug, self.settings().zone)
        except ValueError as error:
            raise ProblemError(404, f"{error}.") from None
        return await self.of(period, owner)

    async def of(self, period: ReportPeriod, owner: str | None) -> Report:
        """Made anew after half a minute. Raises ProblemError."""
        now = self.now()
        key = (period.slug, period.zone.key, owner)
        async with self._one_at_a_time:
            kept = self._made.get(key)
            if kept is not None and timedelta(0) <= now - kept[0] < _KEPT_FOR:
                return kept[1]
            try:
                async with asyncio.timeout(self.patience.total_seconds()):
                    facts = await read_facts(self.source, self.settings(), period, owner, now)
            except TimeoutError:
                raise ProblemError(
                    503,
                    f"Counting {period.title} took longer than {format_duration(self.patience)}: "
                    "ask for one owner's (?owner=), or have it mailed.",
                ) from None
            made = await asyncio.to_thread(report, facts)
            if len(self._made) >= _KEPT:
                self._made.clear()
            self._made[key] = (self.now(), made)  # of thousands of SLOs it took minutes
            return made

    def forget(self) -> None:
        """Those that were made: nobody will ask for them soon."""
        self._made.clear()
        self._drawn.clear()

    async def pdf(self, made: Report, view: str) -> bytes:
        """The file of one, drawn beside the event loop. Raises ProblemError where that lasts."""
        seen = report_view(made, view, ())
        async with self._one_at_a_time:
            kept = self._drawn.get(view)
            if kept is not None and kept[0] is made:
                return kept[1]
            until = self.monotonic() + _DRAWN_WITHIN

            def draw() -> bytes:
                return report_pdf(
                    seen, made.facts.made_at, self.external_url, lambda: self.monotonic() < until
                )

            try:
                drawn = await asyncio.to_thread(draw)
            except TimeoutError:
                raise ProblemError(
                    503,
                    f"Drawing it took longer than {_DRAWN_WITHIN:.0f} s: ask for one owner's.",
                ) from None
            self._drawn[view] = (made, drawn)
            return drawn


async def read_facts(
    source: Source, settings: ReportSettings, period: ReportPeriod, owner: str | None, now: datetime
) -> Facts:
    """Everything that a report of this period is made from. Raises ProblemError."""
    until = min(period.end, floor(now, source.bucket()))
    since = source.kept_since()
    if since is None or until <= max(since, period.start):
        raise NothingToTellError(
            404, f"There is nothing to tell of {period.title}: nothing was counted in it."
        )
    owners = {card.name: card.owner for card in source.services()}
    roll = await source.roll()
    slos = [one.slo for one in roll if owner in (None, owners.get(one.slo.service))]
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
    stretch = period.start, until
    former = (before.start, ended) if kept else None
    records = [
        await _record(source, slo, owners.get(slo.service), period, stretch, former) for slo in slos
    ]
    incidents = await source.incident_times(period.start, until, MOST_INCIDENTS + 1)
    earlier = await source.incident_times(*former, MOST_INCIDENTS + 1) if former else ()

    def of_owner(found: Sequence[tuple[Incident, IncidentTimes]]) -> Incidents:
        return tuple(one for one in found if owner in (None, owners.get(one[0].service)))

    return Facts(
        period=period,
        until=until,
        made_at=now,
        slos=tuple(records),
        incidents=of_owner(incidents[:MOST_INCIDENTS]),
        before=of_owner(earlier) if former and len(earlier) <= MOST_INCIDENTS else None,
        left=_left(source, {slo.id for slo in slos}, period.start, until),
        owners=owners,
        zones=settings.owners,
        owner=owner,
        complete=len(incidents) <= MOST_INCIDENTS,
    )


async def _record(
    source: Source,
    slo: SLO,
    owner: str | None,
    period: ReportPeriod,
    stretch: tuple[datetime, datetime],
    former: tuple[datetime, datetime] | None,
) -> SLORecord:
    now = await _tally(source, slo, *stretch)
    # Where nothing was bad nothing was lost: of thousands of SLOs, that is most.
    ledger = await source.budget_ledger(slo.id, *stretch) if now.cost else None
    return SLORecord(
        slo=slo,
        owner=owner,
        now=now,
        before=await _tally(source, slo, *former) if former else None,
        losses=ledger.losses if ledger else (),
        days=await _days(source, slo, period, stretch[1]),
        excluded=tuple(source.excluded(slo.id, *stretch)),
    )


def _left(source: Source, slo_ids: Set[str], start: datetime, until: datetime) -> tuple[Left, ...]:
    """The exclusions behind what does not count, those first that began first."""
    found = []
    for one in source.exclusions():
        stretches = tuple(
            (each.start, min(each.end, until)) for each in one.intervals(start, until)
        )
        if stretches and not slo_ids.isdisjoint(source.excluded_slos(one)):
            found.append(Left(one.scope.label, one.reason, one.author, stretches))
    return tuple(sorted(found, key=lambda one: (one.stretches[0], one.label)))


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
