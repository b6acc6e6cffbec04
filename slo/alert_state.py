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
    """Where one rule stands. `since` is when the phase began; `false_since` while it cools down."""

    phase: Phase = Phase.INACTIVE
    since: datetime | None = None
    false_since: datetime | None = None


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
        return replace(state, false_since=None)
    if verdict is Verdict.TRUE:
        if state.phase is Phase.FIRING:
            return replace(state, false_since=None)
        began = state.since if state.phase is Phase.PENDING and state.since else now
        phase = Phase.FIRING if now - began >= for_ else Phase.PENDING
        return AlertState(phase, began if phase is Phase.PENDING else now)
    if state.phase is not Phase.FIRING:
        return AlertState()
    false_since = state.false_since or now
    if now - false_since >= keep_firing_for:
        return AlertState()
    return replace(state, false_since=false_since)
