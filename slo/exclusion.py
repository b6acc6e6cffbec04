"""What does not count: planned work and corrections, laid over the counts and never into them."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from slo.epoch import EPOCH
from slo.recurrence import Interval, Once, Schedule, occurrences, over_by

Rows = NDArray[np.int64]  # lines of (bucket, counts...)
_STRETCH = 300  # seconds: sums for the long history are kept by five minutes
# How far beyond what is asked a rule without end is looked up at once, in seconds.
_AHEAD = 400 * 86_400
_FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Scope:
    """What an exclusion is for: one SLO (`service` and `slo`), a service, or services by labels.

    All that is said must fit; labels are those of the service.
    """

    service: str | None = None
    slo: str | None = None
    labels: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.slo is not None and self.service is None:
            raise ValueError("an SLO is named with its service")
        if self.service is None and not self.labels:
            raise ValueError("say what is excluded: an SLO, a service, or labels of services")

    def holds_for(self, service: str, slo: str, labels: Mapping[str, str]) -> bool:
        """Whether it is for this SLO, of a service with these labels."""
        return (
            self.service in (None, service)
            and self.slo in (None, slo)
            and all(labels.get(key) == value for key, value in self.labels)
        )

    @property
    def label(self) -> str:
        """As people read it."""
        if self.service is not None:
            return self.service if self.slo is None else f"{self.service}/{self.slo}"
        return ", ".join(f"{key}={value}" for key, value in self.labels)


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody wants to exclude, why, and who it is.

    `public`: the words by which a status page announces it; None: it is nobody else's business.
    """

    scope: Scope
    schedule: Schedule
    reason: str
    author: str
    public: str | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An interval, or many by a rule, in which the events of some SLOs do not count.

    `since`: nothing before it is excluded, as nothing finer than five minutes was kept of it when
    the exclusion was made. `ended_at`: ended early. `undone_at`: as if it had never been.
    """

    id: str
    scope: Scope
    schedule: Schedule
    reason: str
    author: str
    origin: str  # CONFIGURATION, or what else it came by
    created_at: datetime
    since: datetime
    ended_at: datetime | None = None
    undone_at: datetime | None = None
    public: str | None = None  # as in the plan

    @property
    def over_by(self) -> datetime | None:
        """By when it excludes nothing more; None when it goes on and on."""
        ends = [end for end in (over_by(self.schedule), self.ended_at) if end is not None]
        return min(ends, default=None)

    def intervals(self, start: datetime, end: datetime) -> list[Interval]:
        """What it excludes of [start, end), cut by nothing but its own early end."""
        if self.undone_at is not None:
            return []
        found = []
        for one in occurrences(self.schedule, max(start, self.since), end):
            until = one.end if self.ended_at is None else min(one.end, self.ended_at)
            if one.start >= self.since and until > max(one.start, start):
                found.append(Interval(one.start, until))
        return found

    def ended(self, at: datetime) -> "Exclusion":
        """The same, but over at `at`. Raises ValueError where that means nothing."""
        if self.undone_at is not None:
            raise ValueError(f"it was undone at {self.undone_at:%Y-%m-%d %H:%M} UTC")
        over = self.over_by
        if over is not None and over <= at:
            raise ValueError(f"it is over since {over:%Y-%m-%d %H:%M} UTC")
        if isinstance(self.schedule, Once) and at <= self.schedule.start:
            raise ValueError("it has not begun; undo it")
        return replace(self, ended_at=at)

    def undone(self, at: datetime) -> "Exclusion":
        """The same, as if it had never been. Raises ValueError when it is that already."""
        if self.undone_at is not None:
            raise ValueError(f"it was undone already, at {self.undone_at:%Y-%m-%d %H:%M} UTC")
        return replace(self, undone_at=at)


CONFIGURATION = "configuration"


class Overlay:
    """The base buckets that exclusions touch, which are excluded whole. Overlaps exclude once.

    A rule is looked up as far as was asked, and a year more, so that one without end is none.
    """

    def __init__(self, exclusions: Iterable[Exclusion] = (), bucket_seconds: int = 10) -> None:
        self.exclusions = tuple(one for one in exclusions if one.undone_at is None)
        self._bucket = bucket_seconds
        # Starts, ends, and how far they are known; put in place at once, as threads share it.
        self._known: tuple[list[int], list[int], int] = ([], [], -_FOREVER)
        if not self.exclusions:
            self._known = ([], [], _FOREVER)

    def __bool__(self) -> bool:
        return bool(self.exclusions)

    def covers(self, bucket: int) -> bool:
        """Whether the base bucket that starts at `bucket` is excluded."""
        starts, ends = self._until(bucket)
        at = bisect_right(starts, bucket) - 1
        return at >= 0 and bucket < ends[at]

    def stretches(self, low: int, high: int) -> list[tuple[int, int]]:
        """The excluded parts of [low, high), epoch seconds, oldest first, not touching."""
        starts, ends = self._until(high)
        first, last = bisect_right(ends, low), bisect_left(starts, high)
        return [
            (max(start, low), min(end, high))
            for start, end in zip(starts[first:last], ends[first:last], strict=True)
        ]

    def periods(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The same of [start, end), which is widened to whole seconds."""
        low, high = int(start.timestamp()), math.ceil(end.timestamp())
        return [(_moment(first), _moment(last)) for first, last in self.stretches(low, high)]

    def seconds(self, low: int, high: int) -> int:
        """How much of [low, high) is excluded."""
        return sum(end - start for start, end in self.stretches(low, high))

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much of [start, end) is excluded, in whole seconds."""
        return timedelta(seconds=self.seconds(_second(start), _second(end)))

    def whole(self, width: int, low: int, high: int) -> int:
        """How many of the stretches of `width` seconds in [low, high) are excluded whole."""
        parts = self.stretches(low, high)
        return sum(max(0, (end - low) // width + (start - low) // -width) for start, end in parts)

    def at(self, at: datetime) -> tuple[datetime, datetime] | None:
        """The excluded stretch that `at` lies in."""
        second = _second(at)
        starts, ends = self._until(second)
        found = bisect_right(starts, second) - 1
        if found < 0 or second >= ends[found]:
            return None
        return _moment(starts[found]), _moment(ends[found])

    def last_end(self, before: datetime) -> datetime | None:
        """When the last stretch that is over at `before` ended."""
        second = _second(before)
        _, ends = self._until(second)
        at = bisect_right(ends, second) - 1
        return _moment(ends[at]) if at >= 0 else None

    def mask(self, starts: Rows) -> NDArray[np.bool_]:
        """Which of these base buckets are excluded."""
        return self.all_of(starts, self._bucket)

    def all_of(self, starts: Rows, width: int) -> NDArray[np.bool_]:
        """Which stretches of `width` from `starts` on are excluded whole."""
        if not len(starts):
            return np.zeros(0, np.bool_)
        begins, ends = map(np.array, self._until(int(starts.max()) + width))
        at = np.searchsorted(begins, starts, side="right") - 1
        found: NDArray[np.bool_] = at >= 0
        if len(ends):
            found &= starts + width <= ends[at]
        return found

    def cut(self, low: int, high: int) -> list[int]:
        """The five minutes in [low, high), on whose grid both lie, that are excluded in part."""
        edges = {edge for part in self.stretches(low, high) for edge in part}
        return sorted({edge // _STRETCH * _STRETCH for edge in edges if edge % _STRETCH})

    def _until(self, second: int) -> tuple[list[int], list[int]]:
        """Starts and ends of the stretches, known beyond `second`."""
        starts, ends, known = self._known
        if second >= known:
            known = second + _AHEAD
            starts, ends = self._expanded(known)
            self._known = starts, ends, known
        return starts, ends

    def _expanded(self, until: int) -> tuple[list[int], list[int]]:
        end = _moment(min(until, _LAST))
        parts = []
        for exclusion in self.exclusions:
            for one in exclusion.intervals(exclusion.since, end):
                first = (one.start - EPOCH) // timedelta(seconds=self._bucket)
                last = -((EPOCH - one.end) // timedelta(seconds=self._bucket))
                parts.append((first * self._bucket, last * self._bucket))
        starts: list[int] = []
        ends: list[int] = []
        for start, stop in sorted(parts):
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], stop)
            else:
                starts.append(start)
                ends.append(stop)
        return starts, ends


NOTHING = Overlay()
_LAST = 7_258_118_400  # the year 2200


def planned_slices(start: datetime, end: datetime, width: timedelta, overlay: Overlay) -> int:
    """How many slices of `width` [start, end) has, less those that are excluded whole."""
    low, high, seconds = _second(start), _second(end), int(width.total_seconds())
    return (high - low) // seconds - overlay.whole(seconds, low, high)


def counted(rows: Rows, overlay: Overlay) -> Rows:
    """Of rows of base buckets, those that are not excluded."""
    return rows[~overlay.mask(rows[:, 0])] if overlay else rows


def counted_sums(sums: Rows, finer: Rows, overlay: Overlay) -> Rows:
    """Of five-minute rows what is not excluded, added up from base rows where one is cut.

    `finer` are the base rows of the stretches that are cut (others do not matter). Where they were
    forgotten, nothing of the stretch is taken away: nothing is hidden without proof.
    """
    if not overlay or not len(sums):
        return sums
    kept = sums[~overlay.all_of(sums[:, 0], _STRETCH)]
    edges = finer[:, 0] // _STRETCH * _STRETCH
    gone = overlay.mask(finer[:, 0]) & ~overlay.all_of(edges, _STRETCH)
    gone &= np.isin(edges, kept[:, 0])
    taken = -finer[gone]
    taken[:, 0] = edges[gone]
    return np.concatenate([kept, taken])


def counted_causes(
    causes: Iterable[tuple[int, str, int]],
    raw: Mapping[int, int],
    left: Mapping[int, int],
    overlay: Overlay,
) -> list[tuple[int, str, int]]:
    """Of (five-minute start, cause, bad events) what is not excluded.

    Causes are kept by five minutes: of a stretch that is cut, each keeps its share of the bad
    events that are `left` of `raw`, both by stretch, so that they add up to what is left.
    """
    found: list[tuple[int, str, int]] = []
    for stretch, group in _by_stretch(causes).items():
        touched = overlay.seconds(stretch, stretch + _STRETCH)
        if not touched:
            found += [(stretch, cause, bad) for cause, bad in group]
        elif touched < _STRETCH:
            found += _shared(stretch, group, raw.get(stretch, 0), left.get(stretch, 0))
    return found


def _shared(
    stretch: int, group: Sequence[tuple[str, int]], raw: int, left: int
) -> list[tuple[int, str, int]]:
    """Each cause's part of `left`, by the cumulative floor, so that nothing is lost by rounding."""
    if raw <= 0:
        return []
    shares, seen, given = [], 0, 0
    for cause, bad in group:
        seen += bad
        upto = seen * left // raw
        if upto > given:
            shares.append((stretch, cause, upto - given))
        given = upto
    return shares


def _by_stretch(causes: Iterable[tuple[int, str, int]]) -> dict[int, list[tuple[str, int]]]:
    found: dict[int, list[tuple[str, int]]] = {}
    for stretch, cause, bad in causes:
        found.setdefault(stretch, []).append((cause, bad))
    return found


def _second(at: datetime) -> int:
    return (at - EPOCH) // timedelta(seconds=1)


def _moment(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)
