"""The last hours of one SLI as they were counted, excluded or not: what others are derived from."""

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from slo.grain import COLUMNS, Grain
from slo.grid import FIVE_MINUTES
from slo.ledger import BucketDelta

REACH = timedelta(hours=6)  # beyond it no window looks at base buckets
_PLACE = 0


class Detail:
    """Base buckets, and causes by five minutes, of one SLI. It knows no overlay."""

    def __init__(self, bucket_seconds: int) -> None:
        self._width = bucket_seconds
        self._grain = Grain(bucket_seconds, int(REACH.total_seconds()) // bucket_seconds + 2)
        self._grain.make_room(1)
        self._causes: dict[int, dict[str, int]] = {}  # five-minute start -> cause -> bad events

    @property
    def held(self) -> tuple[int, int] | None:
        """The starts of the oldest and the newest bucket that it can tell; None before any."""
        head = self._grain.head
        if head < 0:
            return None
        return max(head - self._grain.slots + 1, 0) * self._width, head * self._width

    def book(self, delta: BucketDelta) -> None:
        """Add to one bucket."""
        self._grain.add(_PLACE, delta.bucket // self._width, delta.columns())

    def book_cause(self, bucket: int, cause: str, bad: int) -> None:
        """Add to the five minutes that `bucket` lies in."""
        causes = self._causes.setdefault(bucket // FIVE_MINUTES * FIVE_MINUTES, {})
        causes[cause] = causes.get(cause, 0) + bad

    def add(self, deltas: Iterable[BucketDelta], causes: Iterable[tuple[int, str, int]]) -> None:
        """Add many, as `book` and `book_cause` do one."""
        for delta in deltas:
            self.book(delta)
        for bucket, cause, bad in causes:
            self.book_cause(bucket, cause, bad)

    def load(self, rows: NDArray[np.int64], causes: Iterable[tuple[int, str, int]]) -> None:
        """Put stored base buckets back, rows of (bucket, counts...), and stored causes."""
        oldest = rows[:, 0].max(initial=0) - int(REACH.total_seconds())
        for bucket, *amounts in rows[rows[:, 0] > oldest].tolist():
            self._grain.add(_PLACE, bucket // self._width, amounts)
        self.add((), causes)
        self.forget()

    def rows(self, start: int, end: int, width: int) -> list[BucketDelta]:
        """Buckets of [start, end), added up by `width` seconds; the edges lie on that grid.

        What is not held counts as empty.
        """
        low, high, each = start // self._width, end // self._width - 1, width // self._width
        if end - start == width:  # the usual question, of the slice that is just over
            return [BucketDelta(start, *self._grain.sums(_PLACE, low, high))]
        columns = [
            self._grain.column(_PLACE, index, low, high).reshape(-1, each).sum(axis=1).tolist()
            for index in range(COLUMNS)
        ]
        return [BucketDelta(*row) for row in zip(range(start, end, width), *columns, strict=True)]

    def causes(self, bucket: int) -> dict[str, int]:
        """Bad events by cause in the five minutes that `bucket` lies in."""
        found = self._causes.get(bucket // FIVE_MINUTES * FIVE_MINUTES, {})
        return {cause: bad for cause, bad in found.items() if bad}

    def forget(self) -> None:
        """Drop causes of what is not held any more; buckets go by themselves."""
        if self.held is not None:
            for start in [one for one in self._causes if one + FIVE_MINUTES <= self.held[0]]:
                del self._causes[start]
