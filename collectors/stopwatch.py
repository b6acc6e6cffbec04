"""Measure how long each phase of a run takes."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from collectors.observation import Phase


class Stopwatch:
    """Time goes to one phase at a time; a phase entered again adds up (redirects).

    It runs from the first phase entered: what we prepare before is not the target's time.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._entered: float | None = None
        self._seconds: dict[Phase, float] = {}
        self._phases: dict[Phase, timedelta] | None = None  # of `_seconds`, once somebody asked
        self.phase = Phase.RESOLVE

    def another(self) -> "Stopwatch":
        """One by the same clock, at its beginning."""
        return Stopwatch(self._monotonic)

    def enter(self, phase: Phase) -> None:
        """From now on time belongs to `phase`."""
        now = self._monotonic()
        if self._entered is not None:
            self._seconds[self.phase] = self._seconds.get(self.phase, 0.0) + now - self._entered
            self._phases = None
        self._entered = now
        self.phase = phase

    def stop(self) -> None:
        """Credit the present phase with its time so far."""
        if self._entered is not None:
            self.enter(self.phase)

    @property
    def phases(self) -> Mapping[Phase, timedelta]:
        """What each phase took up to the last change or stop."""
        if self._phases is None:
            self._phases = {
                phase: timedelta(seconds=spent) for phase, spent in self._seconds.items()
            }
        return self._phases

    @property
    def duration(self) -> timedelta:
        """The sum of the phases, so that they always add up."""
        return sum(self.phases.values(), timedelta(0))
