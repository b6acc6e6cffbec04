"""Keep the status page: its days, counted in the background, and what people post on it."""

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import structlog

from alerting.delivery import Run
from alerting.status_incident import StatusIncident, StatusPlan, Touched, UpdatePlan, begun, gone_on
from dashboards.source import Source
from dashboards.status_page import (
    AHEAD,
    DAYS,
    NOTHING_COUNTED,
    ComponentFacts,
    Maintenance,
    SLODay,
    SLODays,
    StatusFacts,
    StatusPage,
    component_days,
    good_over,
    state_now,
)
from nines.storage.status_incidents import Request, StatusIncidentRecords
from slo.definition import SLO
from slo.exclusion import Exclusion
from slo.planning import PlanError
from slo.recurrence import Interval
from slo.status import SLOStatus
from slo.window import Calendar, Period

log = structlog.get_logger("nines.status_board")
EVERY = timedelta(minutes=1)
_ANEW = timedelta(hours=1)  # late events reach days that are over, too
_QUARTER = timedelta(minutes=15)  # every zone's midnight lies on this grid, most on whole hours
_MADE_TOGETHER = 5  # statuses; a few milliseconds
_HOUR = timedelta(hours=1)
_NEWEST = 2  # days that are read each time
_TOGETHER = 10  # days that are read at once: pages have their turn in between


@dataclass(frozen=True, slots=True)
class _Days:
    """The dates of a page's days in its zone, and where each begins and the last one ends."""

    dates: tuple[date, ...]
    edges: tuple[datetime, ...]


class StatusBoard:
    """Implements dashboards.status_board.StatusBoard."""

    def __init__(
        self,
        records: StatusIncidentRecords,
        source: Source,
        *,
        read: Run,
        write: Run,
        page: Callable[[], StatusPage | None],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """`page` is as configured now; `sleep` waits for so many seconds."""
        self._records = records
        self._source = source
        self._read = read
        self._write = write
        self._page = page
        self._now = now
        self._new_id = new_id
        self._sleep = sleep
        self._incidents: list[StatusIncident] = []
        self._counted: dict[str, SLODays] = {}
        self._span: _Days | None = None
        self._filled: frozenset[str] = frozenset()  # the SLOs whose days were looked for
        self._anew_at: datetime | None = None
        self._excluded: tuple[object, ...] = ()  # what was, when all days were read
        self._filling = asyncio.Lock()

    async def load(self) -> None:
        """Take up what is on record."""
        self._incidents = await self._read(self._records.all)

    # --- what is shown ---------------------------------------------------------------------------

    def page(self) -> StatusPage | None:
        return self._page()

    def incidents(self) -> Sequence[StatusIncident]:
        return self._incidents

    async def facts(self) -> StatusFacts | None:
        page, now = self._page(), self._now()
        if page is None:
            return None
        span = _days(page, now)
        wanted = {slo_id for one in page.components for slo_id in one.every}
        if self._span != span or not wanted <= self._filled:
            await self.fill()  # at the start, at midnight, and after a reload
        statuses = await self._statuses(wanted)
        maintenances = self._maintenances(page, span.edges[0], now)
        return StatusFacts(
            page=page,
            components=tuple(
                ComponentFacts(
                    one,
                    state_now(one, statuses, self._incidents, maintenances, now),
                    component_days(
                        one,
                        self._counted,
                        span.dates,
                        span.edges,
                        [
                            Interval(each.start, each.end)
                            for each in maintenances
                            if one.key in each.components and each.start <= now
                        ],
                    ),
                    good_over(one, self._counted),
                    sum(
                        one.key in incident.components and incident.created_at >= span.edges[0]
                        for incident in self._incidents
                    ),
                )
                for one in page.components
            ),
            incidents=tuple(self._incidents),
            maintenances=maintenances,
            made_at=now,
        )

    async def _statuses(self, wanted: Iterable[str]) -> dict[str, SLOStatus]:
        found = {}
        for number, slo_id in enumerate(wanted, 1):
            status = self._source.status(slo_id)
            if status is not None:
                found[slo_id] = status
            if number % _MADE_TOGETHER == 0:
                await asyncio.sleep(0)  # making them takes long: others have their turn
        return found

    def _maintenances(
        self, page: StatusPage, since: datetime, now: datetime
    ) -> tuple[Maintenance, ...]:
        """What was announced from `since` on, and of what is to come each one's next time."""
        found: list[Maintenance] = []
        for one in self._source.exclusions():
            if one.public is None or one.undone_at is not None:
                continue
            touched = set(self._source.excluded_slos(one))
            components = tuple(
                each.key for each in page.components if not touched.isdisjoint(each.every)
            )
            if components:
                found += _announced(one, one.public, components, since, now)
        return tuple(sorted(found, key=lambda each: (each.start, each.id)))

    # --- the days --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the days up to date."""
        while True:
            await self.fill()
            await self._sleep(EVERY.total_seconds())

    async def fill(self) -> None:
        """Read the newest days, and all of them where that is due: a page reads none."""
        async with self._filling:
            page, now = self._page(), self._now()
            if page is None:
                self._counted, self._span, self._filled = {}, None, frozenset()
                return
            span = _days(page, now)
            wanted = dict.fromkeys(slo_id for one in page.components for slo_id in one.every)
            excluded = tuple(
                (one.id, one.ended_at, one.undone_at) for one in self._source.exclusions()
            )
            anew = (
                span != self._span
                or excluded != self._excluded
                or self._anew_at is None
                or not timedelta(0) <= now - self._anew_at < _ANEW
            )
            counted = {}
            for slo_id in wanted:
                status = self._source.status(slo_id)
                if status is not None:  # else it was not judged yet
                    known = None if anew else self._counted.get(slo_id)
                    counted[slo_id] = await self._count(status.slo, span.edges, known, now)
            self._counted, self._span, self._filled = counted, span, frozenset(wanted)
            if anew:
                self._anew_at, self._excluded = now, excluded

    async def _count(
        self, slo: SLO, edges: Sequence[datetime], known: SLODays | None, now: datetime
    ) -> SLODays:
        kept = () if known is None else known.days[:-_NEWEST]
        days: list[SLODay] = []
        wanted = edges[len(kept) :]
        for first in range(0, len(wanted) - 1, _TOGETHER):
            days += await self._read_days(slo, wanted[first : first + _TOGETHER + 1], now)
        return SLODays(slo.objective, (*kept, *days))

    async def _read_days(
        self, slo: SLO, edges: Sequence[datetime], now: datetime
    ) -> Sequence[SLODay]:
        start, end = edges[0], min(edges[-1], now)
        if slo.slicing is not None:
            slices = await self._source.slices(slo.id, start, end)
            if slices is None:
                return (NOTHING_COUNTED,) * (len(edges) - 1)
            told = [slices.between(*day) for day in pairwise(edges)]
            return [SLODay(one.observed, Fraction(one.cost)) for one in told]
        step = _QUARTER if any(edge.minute for edge in edges) else _HOUR
        good, bad = [0] * (len(edges) - 1), [0] * (len(edges) - 1)
        number = 0
        for point in await self._source.points(slo.id, start, end, step):
            while point.start >= edges[number + 1]:
                number += 1
            good[number] += point.good
            bad[number] += point.bad
        return [SLODay(g + b, Fraction(b)) for g, b in zip(good, bad, strict=True)]

    # --- what people post ------------------------------------------------------------------------

    def owners(self, components: Iterable[str]) -> frozenset[str | None]:
        page = self._page()
        by_service = {card.name: card.owner for card in self._source.services()}
        named = set(components)
        return frozenset(
            by_service.get(slo_id.partition("/")[0])
            for one in (page.components if page is not None else ())
            if one.key in named
            for slo_id in one.every
        )

    async def post(
        self, plan: StatusPlan, key: str | None, told: str
    ) -> tuple[StatusIncident, bool]:
        self._check(plan.components)
        ids = self._new_id(), self._new_id()
        now = self._now()
        return await self._tell(None, lambda _: begun(plan, now, *ids), key, told)

    async def update(
        self, plan: UpdatePlan, key: str | None, told: str
    ) -> tuple[StatusIncident, bool]:
        self._check(plan.components)
        update_id, now = self._new_id(), self._now()

        def decide(before: StatusIncident | None) -> StatusIncident:
            if before is None:
                raise LookupError(plan.incident_id)
            return gone_on(before, plan, now, update_id)

        return await self._tell(plan.incident_id, decide, key, told)

    async def _tell(
        self,
        incident_id: str | None,
        decide: Callable[[StatusIncident | None], StatusIncident],
        key: str | None,
        told: str,
    ) -> tuple[StatusIncident, bool]:
        request = Request(key, told)
        kept, is_new = await self._write(lambda: self._records.tell(incident_id, decide, request))
        if is_new:
            others = [one for one in self._incidents if one.id != kept.id]
            self._incidents = sorted(
                [kept, *others], key=lambda one: (one.created_at, one.id), reverse=True
            )
            last = kept.updates[-1]
            log.info("status_posted", incident=kept.id, stage=last.stage.value, by=last.by)
        return kept, is_new

    def _check(self, components: Touched) -> None:
        page = self._page()
        if page is None:
            raise PlanError("", "there is no status page: write `status_page` in the configuration")
        known = [one.key for one in page.components]
        for key in components:
            if key not in known:
                near = difflib.get_close_matches(key[:200], known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known)}"
                raise PlanError("components", f"there is no component {key[:200]!r}; {hint}")


def _days(page: StatusPage, now: datetime) -> _Days:
    calendar = Calendar(Period.DAY, page.zone)
    end = calendar.end(now)
    edges = [end]
    while len(edges) <= DAYS:
        edges.append(calendar.start(edges[-1] - timedelta(hours=1)))
    edges.reverse()
    # Two hours later it is that day in every zone, also where it begins at one o'clock.
    dates = tuple((edge + timedelta(hours=2)).astimezone(page.zone).date() for edge in edges[:-1])
    return _Days(dates, tuple(edges))


def _announced(
    one: Exclusion, words: str, components: tuple[str, ...], since: datetime, now: datetime
) -> list[Maintenance]:
    found, to_come = [], 0
    for each in one.intervals(since, now + AHEAD):
        to_come += each.start > now
        if to_come > 1:
            break
        found.append(
            Maintenance(
                id=f"{one.id}-{int(each.start.timestamp())}",
                words=words,
                start=each.start,
                end=each.end,
                announced_at=min(one.created_at, each.start),
                components=components,
            )
        )
    return found
