"""How often somebody may try: one throttle for each name and each address, bounded in number."""

from collections import OrderedDict
from collections.abc import Callable

from web.throttle import Throttle

_MOST_KEYS = 10_000


class Attempts:
    """`burst` at once for each key, then `per_second`. `clock` only ever rises."""

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
