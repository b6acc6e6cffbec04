"""How late runs began, counted since the start of this process."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import timedelta

BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class LateRuns:
    """Runs by how late they began: up to each of BOUNDS_SECONDS, those before among them."""

    within: tuple[int, ...] = (0,) * len(BOUNDS_SECONDS)
    runs: int = 0
    seconds: float = 0.0  # of all together


class Lateness:
    """A histogram that takes a comparison or four for a run."""

    def __init__(self) -> None:
        self._runs = [0] * (len(BOUNDS_SECONDS) + 1)
        self._seconds = 0.0

    def add(self, late: timedelta) -> None:
        """Of a due instant that nobody met, `late` is when that was seen."""
        seconds = late.total_seconds()
        self._runs[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self._seconds += seconds

    def so_far(self) -> LateRuns:
        """All that was added."""
        within, runs = [], 0
        for count in self._runs:
            runs += count
            within.append(runs)
        return LateRuns(tuple(within[:-1]), runs, self._seconds)
