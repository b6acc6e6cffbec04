"""The outgoing heartbeat: whoever no longer hears it is told that we may not be able to. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerting.audit import Overdue
from alerting.wording import sentences

FIRST_RETRY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How it stands. `problem`: why the last beat could not be sent; empty when it could.

    `withheld_since`: something is overdue since then, which `why` names.
    """

    last_success: datetime | None = None
    failures: int = 0  # in a row
    sent: int = 0
    failed: int = 0
    problem: str = ""
    withheld_since: datetime | None = None
    why: tuple[str, ...] = ()

    @property
    def withheld(self) -> bool:
        return self.withheld_since is not None

    def audited(self, overdue: Sequence[Overdue], now: datetime) -> "Heartbeat":
        """The auditor found this."""
        if not overdue:
            return replace(self, withheld_since=None, why=())
        why = tuple(one.sentence for one in overdue)
        return replace(self, withheld_since=self.withheld_since or now, why=why)

    def taken(self, now: datetime) -> "Heartbeat":
        """A beat was taken."""
        return replace(self, last_success=now, failures=0, problem="", sent=self.sent + 1)

    def missed(self, problem: str) -> "Heartbeat":
        """A beat could not be sent."""
        return replace(
            self, failures=self.failures + 1, failed=self.failed + 1, problem=problem.rstrip(".")
        )

    def next_in(self, interval: timedelta) -> timedelta:
        """How long after a try the next is due: sooner while none gets through."""
        if not self.failures:
            return interval
        return min(interval, FIRST_RETRY * (1 << min(self.failures - 1, 10)))

    def problems(self) -> tuple[str, ...]:
        """What ails it, in sentences."""
        found = []
        if self.withheld_since is not None:
            more = f" (and {len(self.why) - 1} more)" if len(self.why) > 1 else ""
            since = f"{self.withheld_since:%H:%M:%S} UTC"
            found.append(f"The heartbeat is withheld since {since}: {self.why[0]}{more}")
        if self.problem:
            found.append(sentences(f"The heartbeat cannot be sent: {self.problem}"))
        return tuple(found)
