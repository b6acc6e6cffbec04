"""How a receiver's other side stands: well, failing, with its breaker open, or parked. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from alerting.notification import AttemptOutcome

BREAKS_AFTER = 5  # failures in a row
REST = timedelta(seconds=30)  # how long others probe what is half open
PATIENCE = timedelta(minutes=1)  # what asks to be left alone for longer is as good as broken


class DestinationState(StrEnum):
    WELL = "well"
    FAILING = "failing"  # its last try failed
    OPEN = "open"  # the breaker: tries wait, and what has a fallback goes there
    PARKED = "parked"  # no message would get through until somebody does something


@dataclass(frozen=True, slots=True)
class Destination:
    """What is remembered of one receiver's other side.

    `open_until`: the breaker is open until then, when one try is made to see. `problem`: what it
    said last, while it is not well.
    """

    receiver: str
    failures: int = 0  # in a row
    open_until: datetime | None = None
    parked_at: datetime | None = None
    problem: str = ""
    last_success: datetime | None = None

    @property
    def state(self) -> DestinationState:
        if self.parked_at is not None:
            return DestinationState.PARKED
        if self.open_until is not None:
            return DestinationState.OPEN
        return DestinationState.FAILING if self.failures else DestinationState.WELL

    @property
    def refuses(self) -> bool:
        """Whether what has a fallback should go there at once."""
        return self.state in (DestinationState.PARKED, DestinationState.OPEN)

    def rests(self, now: datetime) -> bool:
        """Whether nothing is sent there now, fallback or not."""
        if self.parked_at is not None:
            return True
        return self.open_until is not None and self.open_until > now

    def shuns(self, now: datetime) -> bool:
        """Whether what has a fallback goes there without a try here.

        A try may take its time before it fails, so others are to find out whether it is well again;
        where there are no others, one is made after a while.
        """
        if self.parked_at is not None:
            return True
        return self.open_until is not None and self.open_until + REST > now

    def succeeded(self, now: datetime) -> "Destination":
        return Destination(self.receiver, last_success=now)

    def half_open(self, now: datetime) -> "Destination":
        """Somebody may have mended it: the next try will tell."""
        failures = max(self.failures, BREAKS_AFTER)
        return replace(self, parked_at=None, open_until=now - REST, failures=failures)

    def failed(
        self, outcome: AttemptOutcome, said: str, again: datetime, now: datetime, *, parks: bool
    ) -> "Destination":
        """After a failure; `again` is when another try would make sense."""
        if parks:
            return replace(self, parked_at=self.parked_at or now, open_until=None, problem=said)
        if outcome is AttemptOutcome.PERMANENT:
            return self  # it answers; it was the message that it did not like
        failures = self.failures + 1
        open_until = again if failures >= BREAKS_AFTER else None
        return replace(self, failures=failures, open_until=open_until, problem=said)

    def busy(self, said: str, until: datetime, now: datetime) -> "Destination":
        """It asks to be left alone; that is no failure, unless it is for long."""
        if until - now <= PATIENCE or self.parked_at is not None:
            return self
        return replace(self, open_until=until, problem=said)

    def sentence(self) -> str:
        """What is wrong with it, for people."""
        match self.state:
            case DestinationState.PARKED:
                return f"{self.receiver} is parked: {self.problem}"
            case DestinationState.OPEN:
                failed = f"{self.failures} tries in a row to {self.receiver} failed"
                asked = f"{self.receiver} asks to be left alone"
                broke = self.failures >= BREAKS_AFTER
                return f"{failed if broke else asked}: {self.problem}"
            case _:
                return ""
