"""One collector as the engine knows it: what came of it last, and what it goes on from."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collectors.observation import Observation, Outcome
from nines.setback import counters_by
from slo.counter_state import TargetState

_RUNS_KNOWN = 128  # of a target; no more than 30 are ever under way


@dataclass(slots=True)
class Target:
    """One collector as the engine knows it."""

    interval: timedelta
    last_due: datetime | None = None
    last: Observation | None = None
    failing_since: datetime | None = None  # the first of its failures since it passed was due
    counters: TargetState | None = None  # None: a probe, or a page that was never read
    is_told: bool = False  # a job tells of its runs: a look is no event
    position: str | None = None  # up to which what it told was counted
    met: dict[datetime, None] = field(default_factory=dict)  # the runs that were counted lately

    def meets(self, due: datetime) -> bool:
        """Whether the run that was due then is new: one that is told twice is one event."""
        if due in self.met:
            return False
        self.met[due] = None
        if len(self.met) > _RUNS_KNOWN:
            del self.met[next(iter(self.met))]
        return True

    def saw(self, observation: Observation) -> None:
        """This is its newest run."""
        self.last = observation
        match observation.outcome:
            case Outcome.PASSED:
                self.failing_since = None
            case Outcome.FAILED:
                self.failing_since = self.failing_since or observation.due

    def pull_back(self, now: datetime) -> None:
        """The clock was set back: nothing was due later than now."""
        if self.last_due is not None:
            self.last_due = min(self.last_due, now)
        if self.failing_since is not None:
            self.failing_since = min(self.failing_since, now)
        self.counters = counters_by(self.counters, now)
