"""inactive -> (pending) -> firing -> inactive: how a tier's verdicts become an alert."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from slo.status import Verdict


class Phase(StrEnum):
    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class AlertState:
    """Where one rule stands. `since` is when the phase began; `false_since` while it cools down.

    `frozen_since`: since when nothing can be said of one that is pending. That time is no time
    that it held, so `since` moves on by it.
    """

    phase: Phase = Phase.INACTIVE
    since: datetime | None = None
    false_since: datetime | None = None
    frozen_since: datetime | None = None


def step(
    state: AlertState,
    verdict: Verdict,
    now: datetime,
    *,
    for_: timedelta,
    keep_firing_for: timedelta,
) -> AlertState:
    """The state after one more verdict. FROZEN changes nothing and restarts the cooling down."""
    if verdict is Verdict.FROZEN:
        return freeze(state, now)
    if verdict is Verdict.TRUE:
        if state.phase is Phase.FIRING:
            return replace(state, false_since=None)
        began = now
        if state.phase is Phase.PENDING and state.since:
            began = state.since + max(now - (state.frozen_since or now), timedelta(0))
        phase = Phase.FIRING if now - began >= for_ else Phase.PENDING
        return AlertState(phase, began if phase is Phase.PENDING else now)
    if state.phase is not Phase.FIRING:
        return AlertState()
    false_since = state.false_since or now
    if now - false_since >= keep_firing_for:
        return AlertState()
    return replace(state, false_since=false_since)


def freeze(state: AlertState, now: datetime) -> AlertState:
    """The state from when on nothing can be said."""
    if state.phase is Phase.PENDING:
        return replace(state, frozen_since=state.frozen_since or now)
    return replace(state, false_since=None)


def not_after(state: AlertState, now: datetime) -> AlertState:
    """The same state, begun no later than now: for clocks that were set back."""
    times = (state.since, state.false_since, state.frozen_since)
    return AlertState(state.phase, *(at if at is None else min(at, now) for at in times))
