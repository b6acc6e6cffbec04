"""What was counted and is not stored yet."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from nines.storage.batches import CauseDelta, CollectorRecord, CountBatch, PageCounts
from slo.ledger import BucketDelta


class Pending:
    """By series number; handed over as one batch."""

    def __init__(self) -> None:
        self._deltas: dict[int, dict[int, BucketDelta]] = {}
        self._pages: list[PageCounts] = []
        self._causes: dict[int, dict[tuple[int, str], int]] = {}
        self._observed: dict[int, datetime] = {}

    def __bool__(self) -> bool:
        return bool(self._deltas or self._pages)

    def add(self, number: int, at: datetime, delta: BucketDelta) -> None:
        """One booking that was due at `at`."""
        rows = self._deltas.setdefault(number, {})
        have = rows.get(delta.bucket)
        rows[delta.bucket] = delta if have is None else have + delta
        if delta.seen:
            self._observed[number] = max(at, self._observed.get(number, at))

    def add_page(
        self, numbers: Sequence[int], at: datetime, bucket: int, amounts: NDArray[np.int64]
    ) -> None:
        """A page's bookings, a row of amounts for each series, all due at `at`."""
        self._pages.append(PageCounts(numbers, at, bucket, amounts))

    def add_cause(self, number: int, bucket: int, cause: str, bad: int) -> None:
        """Bad events of one cause within five minutes."""
        pending = self._causes.setdefault(number, {})
        pending[bucket, cause] = pending.get((bucket, cause), 0) + bad

    def of(self, number: int) -> Iterator[BucketDelta]:
        """What waits of one series."""
        self._sort_in()
        yield from self._deltas.get(number, {}).values()

    def causes_of(self, number: int) -> list[tuple[int, str, int]]:
        """The same of causes: (five-minute start, cause, bad events)."""
        whys = self._causes.get(number, {})
        return [(bucket, cause, bad) for (bucket, cause), bad in whys.items()]

    def take(self, records: Mapping[str, CollectorRecord], batch_id: str) -> CountBatch:
        """All of it, with what the collectors go on from; it is the caller's now."""
        batch = CountBatch(
            deltas={number: tuple(rows.values()) for number, rows in self._deltas.items()},
            causes={
                number: tuple(
                    CauseDelta(bucket, cause, bad) for (bucket, cause), bad in rows.items()
                )
                for number, rows in self._causes.items()
            },
            collector_states=records,
            observed=self._observed,
            id=batch_id,
            pages=self._pages,
        )
        self._deltas, self._causes, self._observed, self._pages = {}, {}, {}, []
        return batch

    def _sort_in(self) -> None:
        """Take pages apart, for whoever asks of one series."""
        pages, self._pages = self._pages, []
        for page in pages:
            for number, row in zip(page.numbers, page.amounts.tolist(), strict=True):
                self.add(number, page.at, BucketDelta(page.bucket, *row))
