"""SLIs that are made of other counts: their slices are judged as they close, and again when late
observations change what was counted in them. No I/O.

A slice is closed when every observation that was due in it has come, or can come no more. What is
booked of closed slices is at any moment what `slo.derived.judge` says of the sources' counts: what
changes those books the difference, in the same batch. Where it goes on after a restart, its own
counts tell: the newest slice that they hold was the last that was judged.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from slo.counts import Counts
from slo.definition import SLO, DerivedSLI, QuorumSLI
from slo.derived import JOINT, Slice, judge
from slo.detail import REACH, Detail
from slo.ledger import FIVE_MINUTES, BucketDelta, Ledger, epoch_micros
from slo.status import Part, SLOStatus
from slo.window import Calendar, Window

_HOUR = timedelta(hours=1)
_SECOND = 1_000_000  # microseconds


class Booked(Protocol):
    """An SLI under watch: its counts as series `number`, what it is made of and what is beside."""

    slo: SLO
    number: int
    ledger: Ledger
    raw: Ledger | None
    detail: Detail | None
    last_detail: dict[str, str]

    @property
    def parts(self) -> Sequence["Booked"]: ...

    @property
    def beside(self) -> "Booked | None": ...


class Due(Protocol):
    """A collector: how often it is due, and when it last was."""

    interval: timedelta
    last_due: datetime | None


class Books(Protocol):
    """Where counts go."""

    def __call__(self, indicator: Booked, at: datetime, delta: BucketDelta) -> None: ...


class CauseBooks(Protocol):
    """Where causes go."""

    def __call__(self, indicator: Booked, at: datetime, cause: str, bad: int) -> None: ...


@dataclass(slots=True)
class Derivation:
    """One derived SLI under watch. Times are epoch seconds on the grid of its slices.

    Slices in [since, judged) are closed; `again` are those of them whose sources changed. `rank`
    is above that of every derived source.
    """

    sli: DerivedSLI
    indicator: Booked
    rank: int
    since: int | None = None
    judged: int | None = None
    again: set[int] = field(default_factory=set)

    @property
    def sources(self) -> Sequence[Booked]:
        return self.indicator.parts

    @property
    def width(self) -> int:
        """How long a slice is, in seconds."""
        return int(self.sli.slice.total_seconds())

    @property
    def lag(self) -> timedelta:
        return self.indicator.slo.lag


class Derivations:
    """All derived SLIs under watch, each after those that it is made of."""

    def __init__(self, bucket_seconds: int, book: Books, book_cause: CauseBooks) -> None:
        self._bucket = bucket_seconds
        self._book = book
        self._book_cause = book_cause
        self._targets: Mapping[str, Due] = {}
        self._all: dict[int, Derivation] = {}  # by series
        self._by_rank: list[Derivation] = []
        self._stirred: set[int] = set()  # ranks of those whose sources were booked
        self._made_of: dict[int, list[Derivation]] = {}  # by a source's series

    def watch(self, indicators: Iterable[Booked], targets: Mapping[str, Due]) -> None:
        """Watch exactly those of these that are derived; one that ran already goes on."""
        before, self._all, self._made_of = self._all, {}, {}
        self._by_rank, self._stirred, self._targets = [], set(), targets

        def add(indicator: Booked) -> None:
            sli = indicator.slo.sli
            if indicator.number in self._all or not isinstance(sli, DerivedSLI):
                return
            for part in indicator.parts:
                add(part)
            derivation = Derivation(sli, indicator, rank=len(self._by_rank))
            self._by_rank.append(derivation)
            ran = before.get(indicator.number)
            if ran is not None:  # the same series: what is closed of it stays closed
                derivation.since, derivation.judged = ran.since, ran.judged
            self._all[indicator.number] = derivation
            for part in indicator.parts:
                self._made_of.setdefault(part.number, []).append(derivation)

        for indicator in indicators:
            add(indicator)

    def heard(self, number: int, bucket: int) -> None:
        """Series `number` was booked into this bucket."""
        for derivation in self._made_of.get(number, ()):
            self._stirred.add(derivation.rank)
            if derivation.judged is not None and bucket < derivation.judged:
                derivation.again.add(bucket // derivation.width * derivation.width)

    def follow(self, now: datetime, numbers: Iterable[int] = ()) -> set[int]:
        """Judge what can be judged of those that heard something, and of the series `numbers`.

        Gives the series whose counts may have changed.
        """
        self._stirred.update(self._all[one].rank for one in numbers if one in self._all)
        changed = set()
        while self._stirred:
            rank = min(self._stirred)  # what it books stirs those above it
            self._stirred.discard(rank)
            derivation = self._by_rank[rank]
            self._begin(derivation, now)
            again, closed = self._settle(derivation), self._close(derivation, now)
            if again or closed:
                changed.add(derivation.indicator.number)
        return changed

    def settle(self) -> None:
        """Judge closed slices again whose sources changed, so that both are stored together."""
        for derivation in self._by_rank:
            self._settle(derivation)

    def _begin(self, derivation: Derivation, now: datetime) -> None:
        """Find where it goes on; one that never counted begins with the next slice."""
        if derivation.judged is not None:
            return
        width, began = derivation.width, derivation.indicator.ledger.watched_since
        held = _held(derivation.indicator)
        if held is not None and began is not None:
            derivation.since = epoch_micros(began) // (width * _SECOND) * width
            derivation.judged = held[1] // width * width + width
        else:
            derivation.since = -(-epoch_micros(now) // (width * _SECOND)) * width
            derivation.judged = derivation.since

    # --- closing -------------------------------------------------------------------------------

    def _close(self, derivation: Derivation, now: datetime) -> bool:
        """Judge every slice that nothing more is due in; says whether there was one."""
        start, width = derivation.judged, derivation.width
        if start is None:
            return False
        over = epoch_micros(now - derivation.lag) // (width * _SECOND) * width
        end = max(start, over)
        while (end + width) * _SECOND <= epoch_micros(now) and self._complete(derivation, end):
            end += width
        if end == start:
            return False
        derivation.judged = end
        # What sources hold no more, and what they did not count as nobody was there, is unknown.
        told, known = self._reach(derivation)
        told, known = min(max(told, start), end), min(max(known, start), end)
        self._blank(derivation, start, told, now)
        for one in self._judge(derivation, told, max(known, told)):
            self._count(derivation, one)
        self._blank(derivation, max(known, told), end, now)
        return True

    def _complete(self, derivation: Derivation, start: int) -> bool:
        """Whether all came that was due in the slice that begins at `start`."""
        return all(self._came(part, start, start + derivation.width) for part in derivation.sources)

    def _came(self, part: Booked, start: int, end: int) -> bool:
        made = self._all.get(part.number)
        if made is not None:
            return made.judged is not None and made.judged >= end
        target = self._targets.get(part.slo.collector_id or "")
        if target is None or target.last_due is None:
            return False
        due, interval = epoch_micros(target.last_due), target.interval // timedelta(microseconds=1)
        first, last = (
            (edge * _SECOND - 1 - due) // interval for edge in (start, end)
        )  # runs after the newest one, counted to either edge
        if last > 0:
            return False  # one that was due has not come
        (came,) = _detail(part).rows(start, end, end - start)
        return came.seen + came.missed >= last - first

    def _reach(self, derivation: Derivation) -> tuple[int, int]:
        """The slices that sources can be asked about: since when they hold buckets, and until."""
        width = derivation.width
        held = [_held(one) for one in derivation.sources]
        oldest = max((edges[0] for edges in held if edges is not None), default=0)
        newest = max((edges[1] for edges in held if edges is not None), default=0)
        return -(-oldest // width) * width, newest // width * width + width

    def _blank(self, derivation: Derivation, start: int, end: int, now: datetime) -> None:
        """Count slices that nothing is known of; those that no window sees by bucket in strides."""
        width = derivation.width
        nothing = [BucketDelta(start)] * len(derivation.sources)
        counts = judge(derivation.sli, start, nothing).counts
        fine = epoch_micros(now - REACH) // _SECOND
        at = start
        while at < end:
            until = at + width
            if at < fine and width < FIVE_MINUTES:
                until = min(end, at // FIVE_MINUTES * FIVE_MINUTES + FIVE_MINUTES)
            slices = (until - at) // width
            delta = BucketDelta(at, unknown=slices * counts.unknown, missed=slices * counts.missed)
            self._book(derivation.indicator, _moment(until - self._bucket), delta)
            at = until

    # --- judging -------------------------------------------------------------------------------

    def _judge(self, derivation: Derivation, start: int, end: int) -> Iterator[Slice]:
        """The slices in [start, end), of what their sources have counted, excluded or not.

        The one place that reads sources. What is excluded of them is laid over the counts that come
        of this, as over any other's.
        """
        if start >= end:
            return
        width = derivation.width
        parts = [_detail(one).rows(start, end, width) for one in derivation.sources]
        for at, of_slice in zip(range(start, end, width), zip(*parts, strict=True), strict=True):
            yield judge(derivation.sli, at, of_slice)

    def _count(self, derivation: Derivation, one: Slice) -> None:
        start = one.counts.bucket
        newest = _moment(start + derivation.width - self._bucket)
        self._book(derivation.indicator, newest, one.counts)
        for cause, bad in one.causes.items():
            self._book_cause(derivation.indicator, _moment(start), cause, bad)
            derivation.indicator.last_detail[cause] = self._said(derivation, cause, newest)
        beside = derivation.indicator.beside
        if beside is None:
            return
        for cause, slices in one.beside.items():
            self._book(beside, newest, _beside(start, slices))
            self._book_cause(beside, _moment(start), cause, slices)

    def _settle(self, derivation: Derivation) -> bool:
        """Judge again what changed, and book the difference; says whether there was any."""
        stretches = list(self._stretches(derivation))
        derivation.again.clear()
        changed = [self._judge_again(derivation, start, end) for start, end in stretches]
        return any(changed)

    def _stretches(self, derivation: Derivation) -> Iterator[tuple[int, int]]:
        """The closed slices to be judged again, by whole five minutes, as causes are kept."""
        if not derivation.again or derivation.judged is None or derivation.since is None:
            return
        group = max(derivation.width, FIVE_MINUTES)
        oldest = self._reach(derivation)[0]
        own = _held(derivation.indicator)
        if own is not None:
            oldest = max(oldest, own[0])
        for start in sorted({at // group * group for at in derivation.again}):
            first, end = max(start, derivation.since), min(start + group, derivation.judged)
            if oldest <= first < end:
                yield first, end

    def _judge_again(self, derivation: Derivation, start: int, end: int) -> bool:
        slices = list(self._judge(derivation, start, end))
        changed = self._correct(
            derivation,
            derivation.indicator,
            [one.counts for one in slices],
            [(one.counts.bucket, one.causes) for one in slices],
            end,
        )
        beside = derivation.indicator.beside
        if beside is not None:
            self._correct(
                derivation,
                beside,
                [_beside(one.counts.bucket, sum(one.beside.values())) for one in slices],
                [(one.counts.bucket, one.beside) for one in slices],
                end,
            )
        return changed

    def _correct(
        self,
        derivation: Derivation,
        indicator: Booked,
        counts: Sequence[BucketDelta],
        causes: Sequence[tuple[int, Mapping[str, int]]],
        end: int,
    ) -> bool:
        """Book what `counts` and `causes`, slice by slice, differ by from what is booked."""
        start, width, booked = counts[0].bucket, derivation.width, _detail(indicator)
        changed = False
        for want, have in zip(counts, booked.rows(start, end, width), strict=True):
            delta = want - have
            if any(delta.columns()):
                changed = True
                self._book(indicator, _moment(delta.bucket + width - self._bucket), delta)
        wanted: Counter[str] = Counter()
        for _, of_slice in causes:
            wanted.update(of_slice)
        # A stretch lies within five minutes, or is one slice, whose causes are with its beginning.
        have_causes = booked.causes(start)
        for cause in {*wanted, *have_causes}:
            more = wanted[cause] - have_causes.get(cause, 0)
            if more:
                self._book_cause(indicator, _moment(start), cause, more)
        return changed

    # --- words ---------------------------------------------------------------------------------

    def _said(self, derivation: Derivation, cause: str, at: datetime) -> str:
        """What the sources that this cause names say themselves of the last minutes."""
        sli = derivation.sli
        named = dict(zip(sli.names, derivation.sources, strict=True))
        said = []
        for name in cause.split(JOINT):
            source = named[name]
            own = next(iter(source.ledger.causes(timedelta(minutes=5), at)), None)
            if own is not None:
                detail = source.last_detail.get(own)
                said.append(f"{name}: {own} ({detail})" if detail else f"{name}: {own}")
        return "; ".join(said)


def with_parts(status: SLOStatus, indicator: Booked) -> SLOStatus:
    """The status of a derived SLI's SLO, with what it is made of."""
    sli, now = indicator.slo.sli, status.at
    if not isinstance(sli, DerivedSLI):
        return status
    window = now - status.slo.window.start(now)
    beside = {} if indicator.beside is None else indicator.beside.ledger.causes(window, now)
    bad, alone = Counter[str](), Counter[str]()
    for cause, events in status.causes.items():
        bad.update(dict.fromkeys(cause.split(JOINT), events))
    for cause, slices in beside.items():
        alone.update(dict.fromkeys(cause.partition(": ")[2].split(JOINT), slices))
    ids = sli.parts
    parts = tuple(
        Part(
            one,
            name,
            part.ledger.window(_HOUR, now).counts,
            bad[name],
            alone[name],
            _counted(status.slo.window, part, now) if isinstance(sli, QuorumSLI) else None,
        )
        for one, name, part in zip(ids, sli.names, indicator.parts, strict=True)
    )
    return replace(status, parts=parts, beside=sum(beside.values()))


def _counted(window: Window, part: Booked, now: datetime) -> Counts:
    """What a part counted itself over an SLO's window; the ledgers of vantages reach so far."""
    if isinstance(window, Calendar):
        return part.ledger.since(window.start(now), now).counts
    return part.ledger.window(window.length, now).counts


def _detail(indicator: Booked) -> Detail:
    if indicator.detail is None:
        raise ValueError(f"{indicator.slo.sli_id} keeps no detail to derive anything from")
    return indicator.detail


def _held(indicator: Booked) -> tuple[int, int] | None:
    return _detail(indicator).held


def _beside(start: int, slices: int) -> BucketDelta:
    return BucketDelta(start, bad=slices, seen=slices)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
