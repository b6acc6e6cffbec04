"""What is kept of the series that somebody sends, from sample to sample. No I/O.

A counter is kept as what it counted before it began again, and what it counted since. The sum of
both never falls, whatever the sender's target does between two of our looks: looks count its
increase, and each sample counts once.
"""

import json
import math
import struct
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from slo.exposition import MANY_PROCESSES, Page, Sample, Series

MOST_SERIES = 20_000  # of a collector
REPLICA_SILENT_SECONDS = 30.0  # then another replica is listened to, as in Mimir and Cortex
_MOST_CLUSTERS = 1_000
_AHEAD_MS = 10 * 60 * 1000  # of our clock; a sample from there would hide all that come after it
_FORGOTTEN_MS = 7 * 24 * 3600 * 1000  # without a sample; only where there is no room
_STALE = 0x7FF0000000000002  # the NaN by which a Prometheus ends a series
STALE: float = struct.unpack("<d", struct.pack("<Q", _STALE))[0]
_QUIET = 0x0008000000000000  # the bit that some processors set in a NaN on its way

Number = int | float


@dataclass(frozen=True, slots=True)
class Point:
    """One sample. `at_ms` is the sender's time; `began_ms` when its counter began, 0: not told."""

    at_ms: int
    value: Number
    began_ms: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What was sent of one series, in the order in which it was; `delta`: since the one before."""

    series: Series
    points: Sequence[Point]
    delta: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """One series: what it counted before it began again, its last count, and its last sample."""

    base: Number
    count: Number
    at_ms: int
    began_ms: int = 0
    ended: bool = False
    value: Number = 0  # the last sample's, whatever it is; not stored

    def to_text(self) -> str:
        return json.dumps([self.base, self.count, self.at_ms, self.began_ms, self.ended])

    @classmethod
    def of(cls, text: str) -> "Kept":
        """What `to_text` wrote."""
        return cls(*json.loads(text))


@dataclass(frozen=True, slots=True)
class Terms:
    """What is kept of what comes: who wants a series, and what tells replicas apart.

    A sender tells its series by turns. Those of a metric that come within the time in which it
    `settles`, since the metric was wanted of a sender that is there, have a past.
    """

    wants: Callable[[Series], bool]
    metrics: frozenset[str] = frozenset()
    replica_label: str | None = None
    cluster_label: str = "cluster"
    settles: float = 0.0  # seconds


@dataclass(frozen=True, slots=True)
class Changes:
    """What a sending changes, to be stored and then turned; `problems` are sentences."""

    kept: Mapping[Series, Kept] = field(default_factory=dict)
    gone: Sequence[Series] = ()
    replicas: Mapping[str, str] = field(default_factory=dict)  # newly listened to, by cluster
    clusters: frozenset[str] = frozenset()  # of which the replica that is listened to spoke
    problems: tuple[str, ...] = ()
    left_out: int = 0  # samples, or series where there was no room for any

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (self.kept or self.gone or self.replicas)


class Book:
    """The series of one collector. `ticks` are monotonic seconds throughout."""

    def __init__(
        self, kept: Mapping[Series, Kept], replicas: Mapping[str, str], ticks: float
    ) -> None:
        """As stored: nothing of it is shown before it is heard of again."""
        self._kept = dict(kept)
        self._heard: dict[Series, float] = {}
        self._replicas = dict(replicas)
        self._spoke = dict.fromkeys(replicas, ticks)
        # Since when the sender was there while these metrics were wanted.
        self._settling: dict[str, float] = {}
        self._is_old = bool(kept)
        self.heard_at: float | None = None  # when anything new that is wanted was sent last
        self.problem: tuple[float, str] | None = None  # the newest

    def __len__(self) -> int:
        return len(self._kept)

    def plan(self, told: Iterable[Told], terms: Terms, now_ms: int, ticks: float) -> Changes:
        """What this comes to; nothing is changed before `turn`."""
        after: dict[Series, Kept] = {}
        electing = _Electing(self._replicas, self._spoke, terms, ticks)
        ahead, no_room = 0, 0
        gone: list[Series] = []
        free = MOST_SERIES - len(self._kept)
        for one in told:
            series, replica = _told_apart(one.series, terms.replica_label)
            if not terms.wants(series):
                continue
            if replica is not None and not electing.heeds(replica, series):
                continue
            before = after.get(series) or self._kept.get(series)
            if before is None and free <= 0 and not gone:
                gone = self._long_silent(now_ms)
                free += len(gone)
            if before is None and free <= 0:
                no_room += 1
                continue
            kept = before
            has_past = before is None and not one.delta and self._settles(series, terms, ticks)
            for point in one.points:
                if point.at_ms > now_ms + _AHEAD_MS:
                    ahead += 1
                else:
                    kept = follow(kept, point, delta=one.delta)
                    if has_past and kept is not None:
                        kept, has_past = replace(kept, base=-kept.count), False
            if kept is not None and kept is not before:
                free -= before is None
                after[series] = kept
        return Changes(
            kept=after,
            gone=[series for series in gone if series not in after],
            replicas=electing.elected,
            clusters=frozenset(electing.spoke),
            problems=tuple(_problems(ahead, no_room)),
            left_out=ahead + no_room,
        )

    def turn(self, changes: Changes, ticks: float, terms: Terms) -> None:
        """These are stored."""
        if changes.kept:
            for metric in terms.metrics:
                self._settling.setdefault(metric, -math.inf if self._is_old else ticks)
            self._is_old = False
        for series in changes.gone:
            self._kept.pop(series, None)
            self._heard.pop(series, None)
        self._kept.update(changes.kept)
        # What was sent before says nothing new: a sender that repeats itself is not alive.
        self._heard.update(dict.fromkeys(changes.kept, ticks))
        self._replicas.update(changes.replicas)
        self._spoke.update(dict.fromkeys(changes.clusters, ticks))
        if changes.kept:
            self.heard_at = ticks
        if changes.problems:
            self.problem = ticks, "; ".join(changes.problems)

    def page(self, gauges: Collection[str], ticks: float, lasts: float) -> Page:
        """What is known by now: series of which a sample came in the last `lasts` seconds.

        A metric of `gauges` has its last value, every other what it counted in all.
        """
        found: dict[Series, Sample] = {}
        for series, at in self._heard.items():
            kept = self._kept[series]
            if kept.ended or ticks - at > lasts:
                continue
            as_is = series.metric in gauges or not _is_count(kept.value)
            found[series] = Sample(kept.value if as_is else kept.base + kept.count)
        return Page(samples=found, process_start=MANY_PROCESSES)

    def _settles(self, series: Series, terms: Terms, ticks: float) -> bool:
        """Whether others of its metric may be on their way yet."""
        if self._is_old:
            return False
        return ticks - self._settling.get(series.metric, ticks) < terms.settles

    def _long_silent(self, now_ms: int) -> list[Series]:
        oldest = now_ms - _FORGOTTEN_MS
        return [series for series, kept in self._kept.items() if kept.at_ms < oldest]


def follow(before: Kept | None, point: Point, *, delta: bool = False) -> Kept | None:
    """A series after one more sample; the same where that is not newer than the last."""
    if before is not None and point.at_ms <= before.at_ms:
        return before
    if is_stale(point.value):
        if before is None:
            return None
        return replace(before, at_ms=point.at_ms, ended=True)
    value = _exact(point.value)
    if before is None:
        count = value if _is_count(value) else 0
        return Kept(0, count, point.at_ms, point.began_ms, value=value)
    after = replace(before, at_ms=point.at_ms, ended=False, value=value)
    if not _is_count(value):
        return after
    if delta:
        return replace(after, count=before.count + value, began_ms=point.began_ms)
    anew = bool(before.began_ms) and point.began_ms > before.began_ms
    base = before.base + before.count if value < before.count or anew else before.base
    return replace(after, base=base, count=value, began_ms=point.began_ms or before.began_ms)


def is_stale(value: Number) -> bool:
    """Whether it is the NaN that ends a series."""
    if value == value:
        return False
    bits: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return bits & ~_QUIET == _STALE


def _is_count(value: Number) -> bool:
    return math.isfinite(value) and value >= 0


def _exact(value: Number) -> Number:
    if isinstance(value, int) or not math.isfinite(value) or not value.is_integer():
        return value
    return int(value)


def _problems(ahead: int, no_room: int) -> Iterable[str]:
    if ahead:
        yield f"{ahead:,} samples are of more than 10 minutes ahead of our clock: left out"
    if no_room:
        yield (
            f"{no_room:,} series are beyond the {MOST_SERIES:,} that are kept of a collector: left "
            "out; let its SLIs select fewer"
        )


def _told_apart(series: Series, label: str | None) -> tuple[Series, str | None]:
    """The series without its replica's name, and that name."""
    for place, (name, value) in enumerate(series.labels if label is not None else ()):
        if name == label:
            rest = (*series.labels[:place], *series.labels[place + 1 :])
            return Series(series.metric, rest), value
    return series, None


class _Electing:
    """Of several replicas of a sender one is listened to, until it is silent."""

    def __init__(
        self,
        replicas: Mapping[str, str],
        spoke: Mapping[str, float],
        terms: Terms,
        ticks: float,
    ) -> None:
        self._replicas, self._last, self._terms, self._ticks = replicas, spoke, terms, ticks
        self.elected: dict[str, str] = {}
        self.spoke: set[str] = set()

    def heeds(self, replica: str, series: Series) -> bool:
        """Whether this is the replica whose samples of such a series count."""
        cluster = dict(series.labels).get(self._terms.cluster_label, "")
        if not self._is_heard(cluster, replica):
            return False
        self.spoke.add(cluster)
        return True

    def _is_heard(self, cluster: str, replica: str) -> bool:
        if cluster not in self._replicas and len(self._replicas) >= _MOST_CLUSTERS:
            return False
        chosen = self.elected.get(cluster, self._replicas.get(cluster))
        if chosen == replica:
            return True
        if chosen is not None:
            silent = self._ticks - self._last.get(cluster, self._ticks)
            if cluster in self.spoke or silent <= REPLICA_SILENT_SECONDS:
                return False
        self.elected[cluster] = replica
        return True
