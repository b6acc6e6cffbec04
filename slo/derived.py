"""Slices of SLIs that are made of other counts: what one is, from what its sources counted in it.

Nothing that came is missing by the time a slice is judged: a source of which nothing is known then
is unknown, exactly as one that says that it could not look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from slo.definition import Component, DerivedSLI, QuorumSLI
from slo.ledger import BucketDelta
from slo.slices import NoData

ONE_VANTAGE = "one vantage"
TOO_FEW = "too few vantages"
JOINT = ", "  # between the names of those that were bad together
_FIVE_MINUTES = timedelta(minutes=5)
LONGEST_SLICE = timedelta(hours=1)


class Verdict(Enum):
    """What a source says of a slice. IDLE: it was observed, and nothing happened that counts."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Slice:
    """A closed slice as it is to be counted, in the bucket that it begins with.

    `causes` name the sources that made it bad, and sum to `counts.bad`; `beside` those that failed
    where that was not enough for a quorum.
    """

    counts: BucketDelta
    causes: Mapping[str, int] = field(default_factory=dict)
    beside: Mapping[str, int] = field(default_factory=dict)


def judge(sli: DerivedSLI, start: int, sources: Sequence[BucketDelta]) -> Slice:
    """The slice that begins at `start`, epoch seconds, of what `sli.parts` counted in it."""
    if isinstance(sli, QuorumSLI):
        return _quorum(sli, start, [vantage_verdict(one) for one in sources])
    said = [
        _Said(
            component,
            component_verdict(one, component.target.as_integer_ratio(), component.no_data),
            is_late=one.smeared_good + one.smeared_bad > 0,
        )
        for component, one in zip(sli.components, sources, strict=True)
    ]
    return _weighted(start, said) if sli.weighted else _all(start, said)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a component says of a slice. `is_late`: of events that were not seen in it."""

    component: Component
    verdict: Verdict
    is_late: bool


def vantage_verdict(runs: BucketDelta) -> Verdict:
    """One failed run is enough; one that is unknown might have failed."""
    if runs.bad:
        return Verdict.BAD
    if runs.unknown or not runs.good:
        return Verdict.UNKNOWN
    return Verdict.GOOD


def component_verdict(events: BucketDelta, target: tuple[int, int], no_data: NoData) -> Verdict:
    """Its ratio against `target`, exactly; unknown events move no ratio."""
    total = events.good + events.bad
    if total:
        numerator, denominator = target
        met = events.good * denominator >= numerator * total
        return Verdict.GOOD if met else Verdict.BAD
    if events.unknown or not events.seen:
        return Verdict.UNKNOWN
    return {NoData.IGNORE: Verdict.IDLE, NoData.GOOD: Verdict.GOOD, NoData.BAD: Verdict.BAD}[
        no_data
    ]


def _quorum(sli: QuorumSLI, start: int, verdicts: Sequence[Verdict]) -> Slice:
    failed = [name for name, one in zip(sli.names, verdicts, strict=True) if one is Verdict.BAD]
    if len(failed) >= sli.bad_at:
        return Slice(BucketDelta(start, bad=1, seen=1), causes={JOINT.join(failed): 1})
    if len(failed) + verdicts.count(Verdict.UNKNOWN) >= sli.bad_at:
        return Slice(BucketDelta(start, unknown=1, missed=1))
    counts = BucketDelta(start, good=1, seen=1)
    if not failed:
        return Slice(counts)
    why = ONE_VANTAGE if len(failed) == 1 else TOO_FEW
    return Slice(counts, beside={f"{why}: {JOINT.join(failed)}": 1})


def _all(start: int, said: Sequence[_Said]) -> Slice:
    broken = [one for one in said if one.verdict is Verdict.BAD]
    if broken:
        cause = JOINT.join(one.component.sli_id for one in broken)
        if all(one.is_late for one in broken):
            return Slice(BucketDelta(start, bad=1, missed=1, smeared_bad=1), {cause: 1})
        return Slice(BucketDelta(start, bad=1, seen=1), {cause: 1})
    if any(one.verdict is Verdict.UNKNOWN for one in said):
        return Slice(BucketDelta(start, unknown=1, missed=1))
    good = int(any(one.verdict is Verdict.GOOD for one in said))
    if any(one.is_late for one in said):
        return Slice(BucketDelta(start, good=good, missed=1, smeared_good=good))
    return Slice(BucketDelta(start, good=good, seen=1))


def _weighted(start: int, said: Sequence[_Said]) -> Slice:
    def weight(verdict: Verdict, *, late_only: bool = False) -> int:
        return sum(
            one.component.weight
            for one in said
            if one.verdict is verdict and (one.is_late or not late_only)
        )

    seen = int(any(one.verdict is not Verdict.UNKNOWN and not one.is_late for one in said))
    counts = BucketDelta(
        start,
        good=weight(Verdict.GOOD),
        bad=weight(Verdict.BAD),
        unknown=weight(Verdict.UNKNOWN),
        seen=seen,
        missed=1 - seen,
        smeared_good=weight(Verdict.GOOD, late_only=True),
        smeared_bad=weight(Verdict.BAD, late_only=True),
    )
    broken = [one.component for one in said if one.verdict is Verdict.BAD]
    return Slice(counts, {component.sli_id: component.weight for component in broken})


def slice_for(interval: timedelta, bucket: timedelta) -> timedelta | None:
    """The shortest slice in which something is due every `interval`; None: there is none."""
    length = -(-interval // bucket) * bucket
    while length <= LONGEST_SLICE and slice_misfit(length, bucket) is not None:
        length += bucket if length < _FIVE_MINUTES else _FIVE_MINUTES - length % _FIVE_MINUTES
    return length if length <= LONGEST_SLICE else None


def slice_misfit(length: timedelta, bucket: timedelta) -> str | None:
    """Why time cannot be cut so; None when it can.

    Causes are kept by five minutes and are told anew with a slice, so that either must hold whole
    ones of the other.
    """
    if not length or length % bucket:
        return "must be a multiple of the bucket"
    if length > LONGEST_SLICE:
        return "must be at most 1h"
    if _FIVE_MINUTES % length and length % _FIVE_MINUTES:
        return "must divide 5m, or be a multiple of 5m"
    if LONGEST_SLICE % length:
        return "must divide 1h"
    return None
