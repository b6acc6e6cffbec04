"""How often something may happen: a bucket of tokens that fills up steadily."""

from collections import OrderedDict
from collections.abc import Callable

_MOST_KEYS = 10_000


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


class Attempts:
    """A throttle for each name or address, bounded in number; `clock` only ever rises."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._by_key: OrderedDict[str, Throttle] = OrderedDict()

    def take(self, key: str) -> bool:
        """Whether it may try now; if so, it counts."""
        throttle = self._by_key.get(key)
        if throttle is None:
            throttle = self._by_key[key] = Throttle(self._per_second, self._burst, self._clock)
            if len(self._by_key) > _MOST_KEYS:
                self._by_key.popitem(last=False)
        self._by_key.move_to_end(key)
        return throttle.take()

    def forget(self, key: str) -> None:
        """It was right: what was wrong before no longer counts."""
        self._by_key.pop(key, None)
