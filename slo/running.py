"""Sums over windows that slide: kept from one look to the next, equal to adding all up again."""

from collections.abc import Callable, Mapping, Sequence

_FAR = 64  # slots: further than this, adding all up again is cheaper
_MOST = 32  # windows kept; nobody asks for so many


class _Window:
    """What slots low..high hold together."""

    __slots__ = ("high", "low", "sums")

    def __init__(self, low: int, high: int, sums: list[int]) -> None:
        self.low, self.high, self.sums = low, high, sums


class RunningSums:
    """The sums of one ring's columns over a few windows.

    `add_up(low, high)` gives the sums of slots low..high, `at(slot)` those of one slot; both take
    slots that the ring does not hold (any more, or yet) for empty.
    """

    def __init__(
        self,
        add_up: Callable[[int, int], Sequence[int]],
        at: Callable[[int], Sequence[int]],
    ) -> None:
        self._add_up = add_up
        self._at = at
        self._windows: dict[int, _Window] = {}

    def sums(self, low: int, high: int) -> tuple[int, ...]:
        """The sums of slots low..high."""
        window = self._windows.get(high - low)
        if window is None or not 0 <= low - window.low <= _FAR:
            if len(self._windows) >= _MOST:
                self._windows.clear()
            window = _Window(low, high, list(self._add_up(low, high)))
            self._windows[high - low] = window
        while window.low < low:
            gone, come = self._at(window.low), self._at(window.high + 1)
            window.sums = [
                have - old + new for have, old, new in zip(window.sums, gone, come, strict=True)
            ]
            window.low += 1
            window.high += 1
        return tuple(window.sums)

    def added(self, slot: int, amounts: Sequence[int]) -> None:
        """The ring has just added `amounts` to a slot that it holds."""
        for window in self._windows.values():
            if window.low <= slot <= window.high:
                for index, amount in enumerate(amounts):
                    window.sums[index] += amount

    def forgotten(self, oldest: int) -> None:
        """The ring no longer holds slots before `oldest`: windows that do are added up anew."""
        for key in [key for key, window in self._windows.items() if window.low < oldest]:
            del self._windows[key]

    def clear(self) -> None:
        """Trust nothing: the ring changed in another way."""
        self._windows.clear()


class RunningCauses:
    """Bad events by cause over a few windows of five-minute buckets, numbered one by one."""

    def __init__(self, causes: Mapping[int, Mapping[str, int]]) -> None:
        self._causes = causes
        self._windows: dict[int, tuple[int, dict[str, int]]] = {}  # length -> first, sums

    def sums(self, first: int, last: int) -> dict[str, int]:
        """By cause, largest first, in buckets first..last."""
        length = last - first
        have = self._windows.get(length)
        if have is None or not 0 <= first - have[0] <= _FAR:
            if len(self._windows) >= _MOST:
                del self._windows[next(iter(self._windows))]
            sums: dict[str, int] = {}
            for bucket, causes in self._causes.items():
                if first <= bucket <= last:
                    _add(sums, causes, 1)
        else:
            at, sums = have
            for bucket in range(at, first):
                _add(sums, self._causes.get(bucket, {}), -1)
                _add(sums, self._causes.get(bucket + length + 1, {}), 1)
        self._windows[length] = (first, sums)
        return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))

    def added(self, bucket: int, cause: str, bad: int) -> None:
        """`bad` events were just booked for this cause."""
        for length, (first, sums) in self._windows.items():
            if first <= bucket <= first + length:
                _add(sums, {cause: bad}, 1)

    def clear(self) -> None:
        """Trust nothing: the causes changed in another way."""
        self._windows.clear()


def _add(sums: dict[str, int], causes: Mapping[str, int], sign: int) -> None:
    for cause, bad in causes.items():
        now = sums.get(cause, 0) + sign * bad
        if now:
            sums[cause] = now
        else:
            sums.pop(cause, None)
