"""What storage knows of the past: where a budget went, and which incidents stood beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from alerting.incident import Incident
from nines.engine import Entry
from nines.storage.alerts import AlertRecords
from nines.storage.counts import CountStore
from slo.budget_ledger import BudgetLedger, budget_ledger, occurrences, timeslices
from slo.edges import edges
from slo.ledger import FIVE_MINUTES, BucketDelta, unit_seconds
from slo.slices import Slicing


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
        window = edges(slo.window.length, end, self.bucket_seconds)
        until = _ceiling(end, self._grain(end))
        in_window = self.buckets(entry, window.start, until, window.unit)
        width = window.unit if start is None else self._width(start, end)
        first = window.start if start is None else _floor(start, width)
        shown = in_window if start is None else self.buckets(entry, first, until, width)
        return budget_ledger(
            occurrences(shown, width, slo.objective, until),
            self.counts.load_causes(entry.series_id, first, until),
            start=first,
            end=until,
            allowed=slo.objective.budget_share * sum(one.good + one.bad for one in in_window),
        )

    def _of_slices(
        self, entry: Entry, slicing: Slicing, start: datetime | None, end: datetime
    ) -> BudgetLedger:
        """As above; of slices those that are over are told, and cost what they cost."""
        slo, width = entry.slo, slicing.length
        until, began = _floor(end, width), _ceiling(end, width) - slo.window.length
        first = began if start is None else _floor(start, width)
        in_window = timeslices(self._load(entry, began, until, width), slicing, slo.objective)
        shown = timeslices(self._load(entry, first, until, width), slicing, slo.objective)
        return budget_ledger(
            shown,
            self.counts.load_causes(entry.series_id, first, until),
            start=first,
            end=max(first, until),
            allowed=slo.objective.budget_share * len(in_window),
        )

    def buckets(
        self, entry: Entry, start: datetime, end: datetime, width: timedelta
    ) -> list[BucketDelta]:
        """Stored counts of [start, end) in buckets of `width`, empty ones left out.

        `start` lies on the grid of `width`; `end` need not: the last bucket ends there.
        """
        last = _floor(end, width)
        rows = self._load(entry, start, last, width)
        tail = sum(self._load(entry, max(start, last), end, self._grain(end)), BucketDelta(0))
        if any(tail.columns()):
            rows.append(replace(tail, bucket=int(last.timestamp())))
        return rows

    def _load(
        self, entry: Entry, start: datetime, end: datetime, width: timedelta
    ) -> list[BucketDelta]:
        if start >= end:
            return []
        seconds = int(width.total_seconds())
        return [BucketDelta(*row) for row in self.counts.load(entry.series_id, seconds, start, end)]

    def incidents_of(self, entry: Entry, start: datetime, end: datetime) -> Sequence[Incident]:
        """The incidents that alerts of this SLO stood in between `start` and `end`."""
        return self.records.incidents_of(entry.slo.service, entry.slo.name, start, end)

    def _width(self, start: datetime, end: datetime) -> timedelta:
        """The unit of a window as long, where it is still kept."""
        unit = unit_seconds(int((end - start).total_seconds()), self.bucket_seconds)
        return max(timedelta(seconds=unit), self._grain(start))

    def _grain(self, at: datetime) -> timedelta:
        """The finest buckets that are kept of that time."""
        kept = at >= self.now() - self.detail()
        return timedelta(seconds=self.bucket_seconds if kept else FIVE_MINUTES)


def _floor(at: datetime, width: timedelta) -> datetime:
    epoch = datetime.fromtimestamp(0, UTC)
    return epoch + (at - epoch) // width * width


def _ceiling(at: datetime, width: timedelta) -> datetime:
    floor = _floor(at, width)
    return floor if floor == at else floor + width
