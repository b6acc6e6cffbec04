"""The numbers of an SLO from a plain list of buckets, in exact fractions: slow and obvious."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction

from slo.definition import SLO
from slo.ledger import BucketDelta, epoch_micros
from slo.slices import RATIO_PARTS, NoData, Slicing
from slo.status import SLOStatus
from slo.window import Calendar

_MICROS = 1_000_000


@dataclass
class Sums:
    """What a stretch of time holds."""

    good: int = 0
    bad: int = 0
    unknown: int = 0
    seen: int = 0
    missed: int = 0

    @property
    def total(self) -> int:
        return self.good + self.bad


@dataclass
class BruteForce:
    """Every booking of one SLI, by base bucket; `smeared` ones are marked."""

    bucket_seconds: int = 10
    booked: defaultdict[int, Sums] = field(default_factory=lambda: defaultdict(Sums))
    smeared: defaultdict[int, Sums] = field(default_factory=lambda: defaultdict(Sums))

    def book(self, delta: BucketDelta) -> None:
        sums = self.booked[delta.bucket]
        sums.good += delta.good
        sums.bad += delta.bad
        sums.unknown += delta.unknown
        sums.seen += delta.seen
        sums.missed += delta.missed
        self.smeared[delta.bucket].good += delta.smeared_good
        self.smeared[delta.bucket].bad += delta.smeared_bad

    def known(self, *, good: bool) -> "BruteForce":
        """The same, with every unknown event taken as good, or as bad."""
        other = BruteForce(self.bucket_seconds)
        for bucket, sums in self.booked.items():
            other.booked[bucket] = replace(
                sums,
                good=sums.good + sums.unknown * good,
                bad=sums.bad + sums.unknown * (not good),
                unknown=0,
            )
        return other

    def window(self, length: timedelta, now: datetime, *, observed: bool = False) -> Sums:
        """[ceil_u(now) - length, now] in whole slots of the unit that semantics 4 gives."""
        unit = self._unit(length)
        first = -(-epoch_micros(now) // (unit * _MICROS)) * unit - int(length.total_seconds())
        return self._between(first, now, unit, observed=observed)

    def since(self, start: datetime, now: datetime) -> Sums:
        return self._between(epoch_micros(start) // _MICROS, now, 300)

    def slices(self, first: int, slicing: Slicing, now: datetime) -> list[Fraction]:
        """What each closed slice that counts and starts at `first` or later costs."""
        length = slicing.seconds
        found: defaultdict[int, Sums] = defaultdict(Sums)
        for bucket, sums in self.booked.items():
            _add(found[bucket // length * length], sums)
        costs = [
            _cost(slicing, sums)
            for start, sums in found.items()
            if start >= first and (start + length) * _MICROS <= epoch_micros(now)
        ]
        return [cost for cost in costs if cost is not None]

    def _unit(self, length: timedelta) -> int:
        if length <= timedelta(hours=6):
            return self.bucket_seconds
        return 60 if length <= timedelta(days=3) else 300

    def _between(self, first: int, now: datetime, unit: int, *, observed: bool = False) -> Sums:
        result = Sums()
        for bucket, sums in self.booked.items():
            slot = bucket // unit * unit
            if slot >= first and slot * _MICROS <= epoch_micros(now):
                _add(result, sums)
                if observed:
                    result.good -= self.smeared[bucket].good
                    result.bad -= self.smeared[bucket].bad
        return result


def _add(to: Sums, sums: Sums) -> None:
    to.good += sums.good
    to.bad += sums.bad
    to.unknown += sums.unknown
    to.seen += sums.seen
    to.missed += sums.missed


def _cost(slicing: Slicing, sums: Sums) -> Fraction | None:
    if sums.total:
        if slicing.target is None:
            return Fraction(sums.bad * RATIO_PARTS // sums.total, RATIO_PARTS)
        return Fraction(int(Fraction(sums.good, sums.total) < slicing.target))
    if not sums.seen or sums.unknown or slicing.no_data is NoData.IGNORE:
        return None
    return Fraction(int(slicing.no_data is NoData.BAD))


def disagreements(status: SLOStatus, model: BruteForce) -> list[str]:
    """Every number of the status that is not what brute force gives, with both."""
    return [
        f"{status.slo.id} {name}: {have} is not {want}"
        for name, have, want in _pairs(status, model)
        if have != want
    ]


def _pairs(status: SLOStatus, model: BruteForce) -> Iterable[tuple[str, object, object]]:
    slo, now = status.slo, status.at
    share = slo.objective.budget_share
    if isinstance(slo.window, Calendar):
        whole = model.since(slo.window.start(now), now)
    else:
        whole = model.window(slo.window.length, now)
    counts = status.window.counts
    yield (
        "counts",
        (counts.good, counts.bad, counts.unknown),
        (whole.good, whole.bad, whole.unknown),
    )
    yield "seen", (status.window.seen, status.window.due), (whole.seen, whole.seen + whole.missed)
    if slo.slicing is None:
        yield "sli", status.sli, Fraction(whole.good, whole.total) if whole.total else None
        spent = Fraction(whole.bad) / (share * whole.total) if whole.total else None
        yield "spent", status.budget and status.budget.spent, spent
    else:
        yield from _of_slices(status, model, slo, slo.slicing)
    for burn in status.burns:
        yield f"burn {burn.lookback}", burn.rate, _burn(model, slo, burn.lookback, now)
    for reading in status.tiers:
        if slo.slicing is None:
            short = model.window(reading.tier.short, now, observed=True)
            rate = Fraction(short.bad, short.total) / share if short.total else None
            rate = Fraction(0) if rate is None and short.seen else rate
            yield f"{reading.tier.key} short", reading.short.rate, rate


def _of_slices(
    status: SLOStatus, model: BruteForce, slo: SLO, slicing: Slicing
) -> Iterable[tuple[str, object, object]]:
    now, micros = status.at, epoch_micros(status.at)
    if isinstance(slo.window, Calendar):
        first = epoch_micros(slo.window.start(now)) // _MICROS
    else:
        length = slicing.seconds
        first = -(-micros // (length * _MICROS)) * length - int(slo.window.length.total_seconds())
    costs = model.slices(first, slicing, now)
    yield "sli", status.sli, 1 - sum(costs, Fraction(0)) / len(costs) if costs else None
    worst, best = (model.known(good=good).slices(first, slicing, now) for good in (False, True))
    yield (
        "bounds",
        status.sli_bounds,
        tuple(1 - sum(costs, Fraction(0)) / len(costs) for costs in (worst, best))
        if best
        else None,
    )
    allowed = Fraction(len(costs))
    if isinstance(slo.window, Calendar):
        allowed = Fraction((slo.window.end(now) - slo.window.start(now)) // slicing.length)
    spent = sum(costs, Fraction(0)) / (slo.objective.budget_share * allowed) if costs else None
    yield "spent", status.budget and status.budget.spent, spent


def _burn(model: BruteForce, slo: SLO, lookback: timedelta, now: datetime) -> Fraction | None:
    window = model.window(lookback, now)
    idle = Fraction(0) if window.seen else None
    if slo.slicing is None:
        if not window.total:
            return idle
        return Fraction(window.bad, window.total) / slo.objective.budget_share
    length = slo.slicing.seconds
    ceiling = -(-epoch_micros(now) // (length * _MICROS)) * length
    costs = model.slices(ceiling - int(lookback.total_seconds()), slo.slicing, now)
    if not costs:
        return idle
    return sum(costs, Fraction(0)) / len(costs) / slo.objective.budget_share
