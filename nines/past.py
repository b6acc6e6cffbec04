"""What storage knows of the past: SLOs as of a moment, where budgets went, what stood beside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from alerting.incident import Incident
from dashboards.source import AsOf
from nines.entry import Entry
from nines.indicator import Indicator
from nines.storage.alerts import AlertRecords
from nines.storage.counts import CountStore
from nines.storage.histories import History
from nines.storage.shadows import ShadowRecords
from slo.alert_state import AlertState, Phase
from slo.budget_ledger import BudgetLedger, Loss, budget_ledger, occurrences, timeslices
from slo.counts import Counts
from slo.edges import edges_of
from slo.epoch import ceiling, floor
from slo.evaluate import told_at
from slo.exclusion import NOTHING, Overlay, planned_slices
from slo.ledger import FIVE_MINUTES, MINUTE, BucketDelta, Ledger, unit_seconds
from slo.outlook import Outlook, outlook, reach_of
from slo.slice_history import SliceHistory, slice_history
from slo.slices import Slicing
from slo.surroundings import Surroundings
from slo.versions import Definition
from slo.window import Calendar

_DETAIL_REACH = timedelta(days=3)  # beyond, windows are summed from five minutes
_SLACK = timedelta(minutes=10)
_LIFETIME_TRIES = 5
_SEEN = 4  # the column of a stored bucket


@dataclass(frozen=True, slots=True)
class Past:
    """Reads storage and computes; every method blocks, so call it in a reading thread.

    `detail` says how long buckets finer than five minutes are kept.
    """

    counts: CountStore
    records: AlertRecords
    bucket_seconds: int
    now: Callable[[], datetime]
    detail: Callable[[], timedelta]

    def budget_ledger(self, entry: Entry, start: datetime | None, end: datetime) -> BudgetLedger:
        """What [start, end) cost, of the budget of the window that ends then.

        Without a `start` it is that window. An `end` within a bucket takes in what has come of it.
        """
        slo = entry.slo
        if slo.slicing is not None:
            return self._of_slices(entry, slo.slicing, start, end)
        window = edges_of(slo.window, end, self.bucket_seconds)
        until = ceiling(end, self._grain(end))
        in_window = self.buckets(entry, window.start, until, window.unit)
        width = window.unit if start is None else self._width(start, end)
        first = window.start if start is None else floor(start, width)
        shown = in_window if start is None else self.buckets(entry, first, until, width)
        return budget_ledger(
            occurrences(shown, width, slo.objective, until, slo.step),
            self.counts.load_causes(entry.indicator.number, first, until, entry.ledger.overlay),
            start=first,
            end=until,
            allowed=slo.objective.budget_share * sum(one.good + one.bad for one in in_window),
        )

    def _of_slices(
        self, entry: Entry, slicing: Slicing, start: datetime | None, end: datetime
    ) -> BudgetLedger:
        """As above; of slices those that are over are told, and cost what they cost."""
        slo, width = entry.slo, slicing.length
        until, began = floor(end, width), ceiling(end, width) - slo.window.length
        allowed = None
        if isinstance(slo.window, Calendar):
            began = slo.window.start(end)
            allowed = planned_slices(began, slo.window.end(end), width, entry.ledger.overlay)
        first = began if start is None else floor(start, width)
        in_window = timeslices(self._load(entry, began, until, width), slicing, slo.objective)
        shown = timeslices(self._load(entry, first, until, width), slicing, slo.objective)
        return budget_ledger(
            shown,
            self.counts.load_causes(entry.indicator.number, first, until, entry.ledger.overlay),
            start=first,
            end=max(first, until),
            allowed=slo.objective.budget_share * (len(in_window) if allowed is None else allowed),
        )

    def losses(self, entry: Entry, start: datetime, end: datetime) -> tuple[Loss, ...]:
        """The intervals of [start, end) that burned too fast, without causes and shares."""
        slo = entry.slo
        if slo.slicing is not None:
            width = slo.slicing.length
            first, until = floor(start, width), floor(end, width)
            slots = timeslices(self._load(entry, first, until, width), slo.slicing, slo.objective)
        else:
            width = self._width(start, end)
            first, until = floor(start, width), ceiling(end, self._grain(end))
            buckets = self.buckets(entry, first, until, width)
            slots = occurrences(buckets, width, slo.objective, until)
        none = Fraction(0)
        return budget_ledger(slots, (), start=first, end=until, allowed=none).losses

    def slices(self, entry: Entry, start: datetime, end: datetime) -> SliceHistory | None:
        """The closed slices of [start, end), judged by what is stored now."""
        slicing = entry.slo.slicing
        if slicing is None:
            return None
        start, end = floor(start, slicing.length), floor(end, slicing.length)
        buckets = self._load(entry, start, end, slicing.length)
        return slice_history(buckets, slicing, start, end)

    def outlook(self, entry: Entry, at: datetime) -> Outlook:
        """What will be left of its budget, were the weeks after `at` like those before."""
        slo, overlay = entry.slo, entry.ledger.overlay
        width = timedelta(seconds=FIVE_MINUTES) if slo.slicing is None else slo.slicing.length
        start = floor(reach_of(slo, at), width)
        if slo.slicing is not None:
            return outlook(slo, self._load(entry, start, floor(at, width), width), at, overlay)
        return outlook(slo, self.buckets(entry, start, at, width), at, overlay)

    def buckets(
        self,
        entry: Entry,
        start: datetime,
        end: datetime,
        width: timedelta,
        overlay: Overlay | None = None,
    ) -> list[BucketDelta]:
        """Stored counts of [start, end) in buckets of `width`, empty ones left out.

        `start` lies on the grid of `width`; `end` need not: the last bucket ends there. What is
        excluded is left out, unless another `overlay` is given.
        """
        last = floor(end, width)
        rows = self._load(entry, start, last, width, overlay)
        tail = sum(
            self._load(entry, max(start, last), end, self._grain(end), overlay), BucketDelta(0)
        )
        if any(tail.columns()):
            rows.append(replace(tail, bucket=int(last.timestamp())))
        return rows

    def _load(
        self,
        entry: Entry,
        start: datetime,
        end: datetime,
        width: timedelta,
        overlay: Overlay | None = None,
    ) -> list[BucketDelta]:
        if start >= end:
            return []
        seconds = int(width.total_seconds())
        under = entry.ledger.overlay if overlay is None else overlay
        return [
            BucketDelta(*row)
            for row in self.counts.load(entry.indicator.number, seconds, start, end, under)
        ]

    def steps(
        self, entry: Entry, start: datetime, end: datetime, width: timedelta
    ) -> list[BucketDelta]:
        """Stored counts of [start, end) in buckets of `width` that are not empty.

        The first and the last are cut where the stretch begins and ends.
        """
        finest = self._grain(start)
        start = floor(start, finest)
        grains = (timedelta(seconds=FIVE_MINUTES), timedelta(seconds=MINUTE), finest)
        read = next(
            (one for one in grains if finest <= one <= width and floor(start, one) == start),
            finest,
        )
        found: list[BucketDelta] = []
        first = int(start.timestamp())
        for one in self.buckets(entry, start, end, read):
            bucket = max(first, one.bucket - one.bucket % int(width.total_seconds()))
            if found and found[-1].bucket == bucket:
                found[-1] += one
            else:
                found.append(replace(one, bucket=bucket))
        return found

    def as_of(self, entries: Sequence[Entry], at: datetime) -> list[AsOf]:
        """These SLOs at `at`, from what is stored now; in their order.

        `at` is taken back to a bucket's edge: to that of five minutes where no finer ones are kept.
        What the rules' alerts did is taken from their records. Lifetime counts are left at none.
        """
        at = self.edge(at)
        reach = max((entry.slo.window.reach for entry in entries), default=timedelta(0))
        fine = any(entry.slo.slicing is not None and entry.slo.slicing.is_fine for entry in entries)
        histories = dict(
            self.counts.histories(
                {entry.indicator.number for entry in entries},
                detail=at - (reach if fine else min(reach, _DETAIL_REACH)) - _SLACK,
                sums=at - reach - _SLACK,
                until=at,
                overlays={entry.indicator.number: entry.ledger.overlay for entry in entries},
            )
        )
        firing: dict[str, dict[str, AlertState]] = {}
        shadows = ShadowRecords(self.records.database).at(at)
        fired = [(alert.rule, alert.started_at) for alert in self.records.alerts_at(at)]
        for rule, since in [*fired, *((one.rule, one.started_at) for one in shadows)]:
            slo_id, _, key = rule.partition("#")
            firing.setdefault(slo_id, {})[key] = AlertState(Phase.FIRING, since)
        return [
            self._as_of(entry, histories[entry.indicator.number], at, firing.get(entry.slo.id, {}))
            for entry in entries
        ]

    def by_definition(self, entry: Entry, definition: Definition, at: datetime) -> AsOf | None:
        """The SLO by another of its definitions, over the series that this one counted.

        None when its counts are no longer kept, or it cannot be read by this version of Nines.
        """
        records = self.counts.series(definition.sli_id)
        record = next((one for one in records if one.fingerprint == definition.mark), None)
        bucket = timedelta(seconds=self.bucket_seconds)
        around = Surroundings(
            entry.slo.service,
            entry.slo.interval,
            entry.slo.window.length,
            bucket,
            components={part.slo.sli_id: part.slo for part in entry.indicator.parts},
            lag=entry.slo.lag,
        )
        try:
            slos = definition.slos(around)
        except ValueError:
            return None
        if record is None:
            return None
        slo = next((one for one in slos if one.id == entry.slo.id), slos[0])
        ledger = Ledger(self.bucket_seconds, bucket, slo.slicing, entry.ledger.overlay)
        ledger.watched_since = record.watched_since
        former = Entry(slo, Indicator(slo, record.series_id, definition.mark, ledger))
        (told,) = self.as_of([former], at)
        lifetime = self.lifetime(former, at)
        return (
            told
            if lifetime is None
            else replace(told, status=replace(told.status, lifetime=lifetime))
        )

    def edge(self, at: datetime) -> datetime:
        """The last moment, up to `at`, that counts can be told for."""
        return floor(at, self._grain(at - _DETAIL_REACH - _SLACK))

    def lifetime(self, entry: Entry, at: datetime) -> Counts | None:
        """All that was counted before `at`; None when that cannot be told just now.

        It is today's total without what came after, and both must be of the same moment.
        """
        for _ in range(_LIFETIME_TRIES):
            before = self._lifetime_now(entry)
            later = self.buckets(
                entry,
                self.edge(at),
                self.now() + _SLACK,
                self._grain(at - _DETAIL_REACH - _SLACK),
                NOTHING,
            )
            if before is not None and before == self._lifetime_now(entry):
                return Counts(
                    before.good - sum(one.good for one in later),
                    before.bad - sum(one.bad for one in later),
                    before.unknown - sum(one.unknown for one in later),
                )
        return None

    def _lifetime_now(self, entry: Entry) -> Counts | None:
        records = self.counts.series(entry.slo.sli_id)
        return next(
            (one.lifetime for one in records if one.series_id == entry.indicator.number), None
        )

    def _as_of(
        self, entry: Entry, history: History, at: datetime, firing: Mapping[str, AlertState]
    ) -> AsOf:
        overlay = entry.ledger.overlay
        ledger = self._ledger_at(entry, history.under(overlay), at, overlay)
        raw = self._ledger_at(entry, history, at, NOTHING) if overlay else None
        # Whether it counts or not, an observation is a sign of life.
        turn = int(at.timestamp()) // FIVE_MINUTES * FIVE_MINUTES
        sums = history.sums[history.sums[:, 0] < turn]
        finest = sums if self._is_coarse(at) else np.concatenate([sums, history.detail])
        ledger.last_observation = _last_seen(finest, at)
        bucket = timedelta(seconds=self.bucket_seconds)
        return AsOf(told_at(entry.slo, ledger, at, firing, raw), firing, bucket)

    def _ledger_at(self, entry: Entry, history: History, at: datetime, overlay: Overlay) -> Ledger:
        slo = entry.slo
        coarse = self._is_coarse(at)
        turn = int(at.timestamp()) // FIVE_MINUTES * FIVE_MINUTES
        sums = history.sums[history.sums[:, 0] < turn]
        tail = history.detail[history.detail[:, 0] >= turn]
        whole = sums if coarse else np.concatenate([sums, tail])
        ledger = Ledger(self.bucket_seconds, slo.window.reach, slo.slicing, overlay)
        for width in ledger.widths:
            # `at` lies on their grid, and so do windows of whole five minutes: coarse is exact.
            fine = width % FIVE_MINUTES != 0 and not coarse
            ledger.load(width, history.detail if fine else whole)
        if slo.slicing is not None and not (coarse and slo.slicing.is_fine):
            ledger.load_slices(history.detail if slo.slicing.is_fine else whole)
        ledger.load_causes([row for row in history.causes if row[0] < int(at.timestamp())])
        watched = entry.ledger.watched_since
        ledger.watched_since = watched if watched is not None and watched <= at else None
        return ledger

    def incidents_of(self, entry: Entry, start: datetime, end: datetime) -> Sequence[Incident]:
        """The incidents that alerts of this SLO stood in between `start` and `end`."""
        return self.records.incidents_of(entry.slo.service, entry.slo.key, start, end)

    def _is_coarse(self, at: datetime) -> bool:
        """Whether nothing finer than five minutes is left of what a look at `at` would want."""
        finest = self._grain(at - _DETAIL_REACH - _SLACK)
        return finest > timedelta(seconds=self.bucket_seconds)

    def _width(self, start: datetime, end: datetime) -> timedelta:
        """The unit of a window as long, where it is still kept."""
        unit = unit_seconds(int((end - start).total_seconds()), self.bucket_seconds)
        return max(timedelta(seconds=unit), self._grain(start))

    def is_fine(self, at: datetime) -> bool:
        """Whether base buckets are kept of that time."""
        return self._grain(at) == timedelta(seconds=self.bucket_seconds)

    def _grain(self, at: datetime) -> timedelta:
        """The finest buckets that are kept of that time."""
        kept = at >= self.now() - self.detail()
        return timedelta(seconds=self.bucket_seconds if kept else FIVE_MINUTES)


def _last_seen(rows: NDArray[np.int64], at: datetime) -> datetime | None:
    """The start of the newest bucket with an observation: as exactly as it is stored."""
    seen = rows[rows[:, _SEEN] > 0]
    return min(datetime.fromtimestamp(int(seen[:, 0].max()), UTC), at) if len(seen) else None
