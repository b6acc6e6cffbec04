"""Replay an SLO's stored counts through the engine's own rules: which alerts would have changed?

The same pure `evaluate` that decides in the running service decides here, at the end of each base
bucket. It gives the alerts that fired where nothing came late: a smear over a gap, or an event that
was booked after its time, is known here from its bucket on, and was known to the service later.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from slo.alert_state import AlertState, Phase
from slo.definition import SLO
from slo.epoch import floor
from slo.evaluate import evaluate
from slo.exclusion import NOTHING, Overlay
from slo.ledger import FIVE_MINUTES, BucketDelta, Ledger

_NEVER = datetime.max.replace(tzinfo=UTC)
_COARSEST = timedelta(seconds=FIVE_MINUTES)  # a window may begin so much before its length


@dataclass(frozen=True, slots=True)
class Change:
    """A rule (`page:1h:5m`, or `no_data`) that began or ceased to fire at `at`."""

    rule: str
    firing: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert of a rule: from `started`, to `ended` unless it fires still."""

    rule: str
    started: datetime
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """An alert as it is replayed and as it was recorded; one of them is None where only one is."""

    replayed: Episode | None
    recorded: Episode | None
    same: bool

    @property
    def rule(self) -> str:
        return self.either.rule

    @property
    def either(self) -> Episode:
        """The replayed one, if there is one."""
        found = self.replayed or self.recorded
        assert found is not None  # noqa: S101 - one of them is there
        return found


def episodes(changes: Iterable[Change], open_before: Mapping[str, AlertState]) -> list[Episode]:
    """The alerts of these changes, oldest first; those that were `open_before` too."""
    began = {
        rule: Episode(rule, state.since)
        for rule, state in open_before.items()
        if state.phase is Phase.FIRING and state.since is not None
    }
    over: list[Episode] = []
    for change in changes:
        if change.firing:
            began[change.rule] = Episode(change.rule, change.at)
        elif (one := began.pop(change.rule, None)) is not None:
            over.append(replace(one, ended=change.at))
    return sorted([*over, *began.values()], key=lambda one: (one.started, one.rule))


def compare(
    replayed: Sequence[Episode], recorded: Sequence[Episode], tolerance: timedelta
) -> list[Comparison]:
    """Which of them are the same alert, oldest first.

    Of one rule those are that overlap; `same` where begin and end differ by `tolerance` at most:
    the running service judges as an observation comes, a replay at the end of its bucket.
    """
    left = list(recorded)
    found = []
    for one in replayed:
        match = next((other for other in left if _overlap(one, other, tolerance)), None)
        if match is not None:
            left.remove(match)
        same = match is not None and _near(one, match, tolerance)
        found.append(Comparison(one, match, same))
    found += [Comparison(None, one, same=False) for one in left]
    return sorted(found, key=lambda one: (one.either.started, one.rule))


def _overlap(one: Episode, other: Episode, tolerance: timedelta) -> bool:
    if one.rule != other.rule:
        return False
    late, early = max(one.started, other.started), min(_ends(one), _ends(other))
    return late - early <= tolerance


def _near(one: Episode, other: Episode, tolerance: timedelta) -> bool:
    begin, end = abs(one.started - other.started), abs(_ends(one) - _ends(other))
    return max(begin, end) <= tolerance


def _ends(one: Episode) -> datetime:
    return one.ended or _NEVER


def replay(
    slo: SLO,
    buckets: Iterable[BucketDelta],
    *,
    bucket_seconds: int,
    start: datetime,
    end: datetime,
    states: dict[str, AlertState] | None = None,
    overlay: Overlay = NOTHING,
) -> Iterator[Change]:
    """The changes in (start, end], oldest first; both lie on bucket edges.

    `buckets` are base buckets, oldest first. Those before `start` fill the windows; `states` are
    the rules' states then. What `overlay` excludes does not count, as far as it was known then.

    Edges at which nothing can change are passed over, and nothing is lost by it: while no rule is
    pending or firing, one can only begin with a bad event within its short window, since without
    one that burns 0, which is above no threshold; or, the rule of missing data, once observations
    have been silent for as long as it allows.
    """
    step = timedelta(seconds=bucket_seconds)
    # What was booked in a bucket is known at its end; a slice that is one event, when it is over.
    known_after = max(step, slo.step or step)
    ledger = Ledger(bucket_seconds, slo.window.reach, slo.slicing, overlay)
    states = dict(states or {})
    longest_short = max((tier.short for tier in slo.tiers), default=timedelta(0))
    last_bad: datetime | None = None
    waiting = iter(buckets)
    ahead = next(waiting, None)
    now = start
    while now <= end:
        while ahead is not None and _start(ahead) + known_after <= now:
            ledger.book(_start(ahead), ahead)
            last_bad = _start(ahead) if ahead.bad else last_bad
            ahead = next(waiting, None)
        if slo.slicing is not None:  # a slice counts when it is over, and an idle one may be bad
            burned = floor(now, slo.slicing.length) == now
        else:
            burned = last_bad is not None and now - last_bad <= longest_short + _COARSEST
        heard = max(ledger.last_observation or start, start)
        calm = all(state.phase is Phase.INACTIVE for state in states.values())
        if now > start and (burned or not calm or now - heard >= slo.no_data_after):
            before = states
            _, states = evaluate(slo, ledger, now, before, start)
            yield from _changes(before, states, now)
        now += step


def _changes(
    before: Mapping[str, AlertState], after: Mapping[str, AlertState], now: datetime
) -> Iterator[Change]:
    for rule, state in after.items():
        firing = state.phase is Phase.FIRING
        if firing != (rule in before and before[rule].phase is Phase.FIRING):
            yield Change(rule, firing, now)


def _start(bucket: BucketDelta) -> datetime:
    return datetime.fromtimestamp(bucket.bucket, UTC)
