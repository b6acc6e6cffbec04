"""Causes summed over windows that slide: kept from look to look, equal to adding up again."""

from collections.abc import Mapping

_FAR = 64  # buckets: further than this, adding all up again is cheaper
_MOST = 32  # windows kept; nobody asks for so many


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
