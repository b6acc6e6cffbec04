"""Where the budget went: the intervals that spent it, largest first, adding up to all of it.

A method of budgeting joins by making slots: what each stretch of time cost, and what it might have
cost without burning faster than 1. Cost is in the budget's own unit (bad events, bad slices).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from slo.epoch import ceiling
from slo.ledger import FIVE_MINUTES, BucketDelta
from slo.objective import Objective
from slo.slices import Slicing

# A flap within five minutes is one outage to whoever looks for what to mend.
DEFAULT_GAP = timedelta(minutes=5)
Exact = Fraction | int
# (five-minute start in epoch seconds, cause, bad events), as the ledger keeps them.
CauseRow = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class Slot:
    """One stretch of time, [start, end). `allowance`: its cost at a burn rate of exactly 1."""

    start: datetime
    end: datetime
    good: int
    bad: int
    cost: Exact
    allowance: Exact


@dataclass(frozen=True, slots=True)
class Loss:
    """An interval that burned faster than the budget allows, [start, end).

    `share` is of the whole budget, None when there is none. `causes`, largest first, are kept by
    five minutes: unless `causes_exact`, those of the time around it are among them.
    """

    start: datetime
    end: datetime
    good: int
    bad: int
    cost: Fraction
    share: Fraction | None
    causes: Mapping[str, int]
    causes_exact: bool


@dataclass(frozen=True, slots=True)
class Background:
    """What was spent outside of every loss, in `slots` that each kept within the budget's pace."""

    slots: int
    good: int
    bad: int
    cost: Fraction
    share: Fraction | None


@dataclass(frozen=True, slots=True)
class BudgetLedger:
    """What [start, end) cost. The shares of losses and background sum to `spent`, exactly.

    `allowed` is the whole budget that shares are of; without one, shares and `spent` are None.
    """

    start: datetime
    end: datetime
    allowed: Fraction
    losses: tuple[Loss, ...]  # largest first, of equals the newest
    background: Background

    @property
    def cost(self) -> Fraction:
        return sum((loss.cost for loss in self.losses), self.background.cost)

    @property
    def spent(self) -> Fraction | None:
        return _share(self.cost, self.allowed)


def occurrences(
    buckets: Iterable[BucketDelta],
    width: timedelta,
    objective: Objective,
    until: datetime,
    step: timedelta | None = None,
) -> list[Slot]:
    """Slots of the method that counts events: each bad event costs one; all end by `until`.

    `step`: events are slices of that length, each in the bucket that it begins in.
    """
    slots = []
    for bucket in buckets:
        start = datetime.fromtimestamp(bucket.bucket, UTC)
        end = start + width
        if step is not None:
            start, end = ceiling(start, step), ceiling(end, step)
        allowance = objective.budget_share * (bucket.good + bucket.bad)
        slots.append(Slot(start, min(end, until), bucket.good, bucket.bad, bucket.bad, allowance))
    return slots


def timeslices(slices: Iterable[BucketDelta], slicing: Slicing, objective: Objective) -> list[Slot]:
    """Slots of the methods that count slices, of closed slices alone: those that count."""
    slots = []
    for one in slices:
        cost = slicing.judge(one.good, one.bad, one.unknown, one.seen)
        if cost is not None:
            start = datetime.fromtimestamp(one.bucket, UTC)
            slots.append(
                Slot(
                    start=start,
                    end=start + slicing.length,
                    good=one.good,
                    bad=one.bad,
                    cost=Fraction(cost, slicing.parts),
                    allowance=objective.budget_share,
                )
            )
    return slots


def budget_ledger(
    slots: Iterable[Slot],
    causes: Iterable[CauseRow],
    *,
    start: datetime,
    end: datetime,
    allowed: Exact,
    gap: timedelta = DEFAULT_GAP,
) -> BudgetLedger:
    """The ledger of [start, end) from its slots (in time's order, no two overlapping).

    Slots above the budget's pace are one loss while they are at most `gap` apart; what was spent
    in between belongs to it. All else that was spent is background: small change, which busy
    services pay in every slot, would otherwise join everything into one.
    """
    runs: list[list[Slot]] = []
    rest: list[Slot] = []
    between: list[Slot] = []  # after a loss, within the pace: part of it if it goes on in time
    for slot in slots:
        if runs and slot.start - runs[-1][-1].end > gap:
            rest += between
            between = []
        if slot.cost <= slot.allowance:
            (between if runs else rest).append(slot)
        elif runs and slot.start - runs[-1][-1].end <= gap:
            runs[-1] += [*between, slot]
            between = []
        else:
            runs.append([slot])
    rest += between
    rest = [slot for slot in rest if slot.cost]
    budget = Fraction(allowed)
    by_stretch = _by_stretch(causes)
    touched = _touched([*runs, *([slot] for slot in rest)])
    losses = [_loss(run, by_stretch, touched, budget) for run in runs]
    cost = _cost(rest)
    return BudgetLedger(
        start=start,
        end=end,
        allowed=budget,
        losses=tuple(sorted(losses, key=lambda loss: (loss.cost, loss.start), reverse=True)),
        background=Background(
            slots=len(rest),
            good=sum(slot.good for slot in rest),
            bad=sum(slot.bad for slot in rest),
            cost=cost,
            share=_share(cost, budget),
        ),
    )


def _loss(
    run: Sequence[Slot],
    causes: Mapping[int, Mapping[str, int]],
    touched: Mapping[int, int],
    allowed: Fraction,
) -> Loss:
    cost = _cost(run)
    bad = sum(slot.bad for slot in run)
    sums: dict[str, int] = {}
    stretches = _stretches(run)
    for stretch in stretches:
        for cause, events in causes.get(stretch, {}).items():
            sums[cause] = sums.get(cause, 0) + events
    return Loss(
        start=run[0].start,
        end=run[-1].end,
        good=sum(slot.good for slot in run),
        bad=bad,
        cost=cost,
        share=_share(cost, allowed),
        causes=dict(sorted(sums.items(), key=lambda item: (-item[1], item[0]))),
        # More than it has bad events: a range, an exclusion or a good slice cuts these minutes.
        causes_exact=sum(sums.values()) <= bad and all(touched[one] == 1 for one in stretches),
    )


def _cost(slots: Iterable[Slot]) -> Fraction:
    return sum((Fraction(slot.cost) for slot in slots), Fraction(0))


def _share(cost: Fraction, allowed: Fraction) -> Fraction | None:
    return cost / allowed if allowed else None


def _by_stretch(causes: Iterable[CauseRow]) -> dict[int, dict[str, int]]:
    stretches: dict[int, dict[str, int]] = {}
    for stretch, cause, bad in causes:
        sums = stretches.setdefault(stretch, {})
        sums[cause] = sums.get(cause, 0) + bad
    return stretches


def _touched(runs: Iterable[Sequence[Slot]]) -> dict[int, int]:
    """How many of these touch each five minutes with something that they spent."""
    found: dict[int, int] = {}
    for run in runs:
        for stretch in _stretches(run):
            found[stretch] = found.get(stretch, 0) + 1
    return found


def _stretches(run: Iterable[Slot]) -> set[int]:
    """The five-minute starts in which these slots spent something."""
    return {
        stretch
        for slot in run
        if slot.cost
        for stretch in range(
            int(slot.start.timestamp()) // FIVE_MINUTES * FIVE_MINUTES,
            int(slot.end.timestamp()),
            FIVE_MINUTES,
        )
    }
