"""What each collector saw lately, kept in memory for people to look at."""

from collections import Counter, deque
from datetime import timedelta

from collectors.observation import Observation

_KEPT = 100


class CollectorLog:
    """The newest observations of one collector and how its runs ended since the start."""

    def __init__(self) -> None:
        self.recent: deque[Observation] = deque(maxlen=_KEPT)
        self.runs: Counter[str] = Counter()

    def add(self, observation: Observation) -> None:
        self.recent.appendleft(observation)
        self.runs[str(observation.outcome)] += 1

    @property
    def last(self) -> Observation | None:
        return self.recent[0] if self.recent else None

    @property
    def lateness(self) -> timedelta | None:
        return self.recent[0].lateness if self.recent else None
