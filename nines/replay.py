"""Replay an SLO's stored counts through the engine's own rules: which alerts would have changed?

The same pure `evaluate` that decides in the running service decides here, at the end of each base
bucket. It gives the alerts that fired where nothing came late: a smear over a gap, or an event that
was booked after its time, is known here from its bucket on, and was known to the service later.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slo.alert_state import AlertState, Phase
from slo.definition import SLO
from slo.evaluate import evaluate
from slo.exclusion import NOTHING, Overlay
from slo.ledger import FIVE_MINUTES, BucketDelta, Ledger

_COARSEST = timedelta(seconds=FIVE_MINUTES)  # a window may begin so much before its length


@dataclass(frozen=True, slots=True)
class Change:
    """A rule (`page:1h:5m`, or `no_data`) that began or ceased to fire at `at`."""

    rule: str
    firing: bool
    at: datetime


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
    ledger = Ledger(bucket_seconds, slo.window.reach, slo.slicing, overlay)
    states = dict(states or {})
    longest_short = max((tier.short for tier in slo.tiers), default=timedelta(0))
    last_bad: datetime | None = None
    waiting = iter(buckets)
    ahead = next(waiting, None)
    now = start
    while now <= end:
        # What was booked in a bucket is known at its end.
        while ahead is not None and _start(ahead) + step <= now:
            ledger.book(_start(ahead), ahead)
            last_bad = _start(ahead) if ahead.bad else last_bad
            ahead = next(waiting, None)
        # A slice counts when it is over, and an idle one may be bad: there every edge counts.
        burned = slo.slicing is not None or (
            last_bad is not None and now - last_bad <= longest_short + _COARSEST
        )
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
