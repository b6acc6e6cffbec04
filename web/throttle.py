"""How often something may happen: a bucket of tokens that fills up steadily."""

from collections.abc import Callable


class Throttle:
    """`burst` at once, then `per_second`. `clock` only ever rises."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._left = float(burst)
        self._at = clock()

    def take(self) -> bool:
        """Whether it may happen now; if so, it counts."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
