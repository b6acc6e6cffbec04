"""What to do when the clock is set back: nothing was seen, and nothing began, in the future."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from slo.alert_state import AlertState, not_after
from slo.counter_state import TargetState
from slo.grid import AHEAD_SECONDS, Grid
from slo.ledger import Ledger, epoch_micros

STEP = timedelta(seconds=1)  # less is a clock that is being adjusted
_AHEAD = timedelta(seconds=AHEAD_SECONDS)
# Counts are read again before memory reaches the end of what it took along of the future.
_AGAIN = _AHEAD - timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Setback:
    """At `at` the clock was set back; before, it had shown `until`.

    `lost`: the grids hold too little of the past now, and are to be filled from storage again.
    `again_at`: when they are, since storage has more of the future than they do.
    """

    at: datetime
    until: datetime
    lost: bool = False
    again_at: datetime | None = None

    @property
    def sentence(self) -> str:
        """For the person on call."""
        shown = "%H:%M:%S" if self.at.date() == self.until.date() else "%Y-%m-%d %H:%M:%S"
        said = (
            f"The clock was set back from {self.until:{shown}} to {self.at:{shown}} UTC: what was "
            "counted in between stands at times that are yet to come, until they have passed."
        )
        if self.lost:
            said += " Nothing is judged until the counts are read from storage again."
        return said

    def is_over(self, now: datetime) -> bool:
        """Whether time has caught up, and nothing is missing any more."""
        return now >= self.until and not self.lost and self.again_at is None

    def recounted(self, now: datetime) -> "Setback":
        """The grids were filled from storage, which knows more than `AHEAD` of the future."""
        more = self.until > now + _AHEAD
        return replace(self, lost=False, again_at=now + _AGAIN if more else None)


def wants_recount(setback: Setback | None, now: datetime) -> bool:
    """Whether counts are to be read from storage again."""
    return setback is not None and (
        setback.lost or (setback.again_at is not None and now >= setback.again_at)
    )


def has_overwritten(grid: Grid, now: datetime) -> bool:
    """Whether what was booked ahead of `now` took the place of what windows still want."""
    limit = epoch_micros(now) // 1_000_000 + AHEAD_SECONDS
    return any(grain.head * width > limit for width, grain in grid.grains.items())


def pull_back(ledger: Ledger, now: datetime) -> None:
    """No observation came later than now."""
    heard = ledger.last_observation
    if heard is not None and heard > now:
        ledger.last_observation = now


def states_by(states: Mapping[str, AlertState], now: datetime) -> dict[str, AlertState]:
    """Rules' states by key, none of which began later than now."""
    return {key: not_after(state, now) for key, state in states.items()}


def counters_by(counters: TargetState | None, now: datetime) -> TargetState | None:
    """The counters of a page, read no later than now."""
    if counters is None or counters.at is None or counters.at <= now:
        return counters
    return replace(counters, at=now)
