"""When a target's process began, told by how long it says that it runs."""

from collections import deque
from dataclasses import dataclass

# An uptime may be told in whole seconds, and was told while the answer was on its way.
_SLACK_SECONDS = 2.0
_REMEMBERED = 8  # processes that may answer behind one address


@dataclass(slots=True)
class _Process:
    start: float  # epoch seconds, as first told
    uptime: float
    at: float  # our monotonic seconds


class Uptimes:
    """Turns uptimes into starts that stay the same as long as the process does.

    They are compared on our monotonic clock: a wall clock that is set restarts nobody.
    """

    def __init__(self) -> None:
        self._known: deque[_Process] = deque(maxlen=_REMEMBERED)

    def start(self, uptime: float, wall: float, monotonic: float, took: float = 0.0) -> float:
        """The start of the process that says so; `took` is how long the answer was on its way."""
        slack = _SLACK_SECONDS + took
        for process in reversed(self._known):
            passed = monotonic - process.at
            if abs(uptime - process.uptime - passed) <= slack:
                return self._seen(process, uptime, monotonic)
        last = self._known[-1] if self._known else None
        # It stood still for a while, or so did we, and began long before the page before.
        if last is not None and uptime >= last.uptime and uptime > monotonic - last.at + slack:
            return self._seen(last, uptime, monotonic)
        process = _Process(wall - uptime, uptime, monotonic)
        self._known.append(process)
        return process.start

    def _seen(self, process: _Process, uptime: float, monotonic: float) -> float:
        process.uptime, process.at = uptime, monotonic
        self._known.remove(process)
        self._known.append(process)
        return process.start
