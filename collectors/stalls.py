"""When the event loop stood still, and what of a run's slowness is therefore ours."""

from collections import deque
from dataclasses import replace

from collectors.observation import Cause, Observation, Outcome

_SECONDS = 0.25  # a shorter standstill is no excuse
_SHARE = 0.2  # of a run's duration; with more of it lost, its slowness was ours
_REMEMBERED = 256


class Stalls:
    """The newest of them, in monotonic seconds."""

    def __init__(self) -> None:
        self._known: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)

    def note(self, expected: float, came: float) -> None:
        """The loop was to wake at `expected`, or to have worked no longer; it `came` then."""
        if came - expected >= _SECONDS:
            self._known.append((expected, came))

    def lost(self, began: float, ended: float, awake_at: float) -> float:
        """Seconds of a run that the loop stood still; since `awake_at` nobody has noted any."""
        return sum(
            end - max(begin, began)
            for begin, end in (*self._known, (awake_at, ended))
            if end - begin >= _SECONDS and end > began
        )


def excused(seen: Observation, lost: float, lasted: float) -> Observation:
    """What a run saw that lasted so many seconds and lost some of them to a stall of ours.

    Slowness is not laid to the target's door while our own event loop stood still.
    """
    if seen.outcome is not Outcome.FAILED or seen.cause not in (Cause.TIMEOUT, Cause.LATENCY):
        return seen
    if lost < _SECONDS or lost < _SHARE * lasted:
        return seen
    return replace(
        seen,
        outcome=Outcome.UNKNOWN,
        cause=None,
        detail=f"this process stood still for {lost:.1f} s of the run; it saw: {seen.detail}",
    )
