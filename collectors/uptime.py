"""When a target's process began, told by how long it says that it runs."""

from collections import deque
from dataclasses import dataclass

import orjson

# An uptime may be told in whole seconds, and was told while the answer was on its way.
_SLACK_SECONDS = 2.0
_DRIFT = 0.001  # by how much two machines' clocks run apart
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

    def to_text(self, wall: float, monotonic: float) -> str:
        """What another process of ours goes on from."""
        seen = [(one.start, one.uptime, wall - (monotonic - one.at)) for one in self._known]
        return orjson.dumps(seen).decode()

    @classmethod
    def of(cls, text: str | None, wall: float, monotonic: float) -> "Uptimes":
        """What `to_text` wrote; nothing where it is none. Over our own restart the wall clock
        has to do.
        """
        uptimes = cls()
        try:
            for start, uptime, seen in orjson.loads(text or "[]"):
                at = monotonic - (wall - float(seen))
                uptimes._known.append(_Process(float(start), float(uptime), at))
        except (TypeError, ValueError):
            return cls()
        return uptimes

    def start(self, uptime: float, wall: float, monotonic: float, took: float = 0.0) -> float:
        """The start of the process that says so; `took` is how long the answer was on its way."""
        slack = _SLACK_SECONDS + took
        for process in reversed(self._known):
            passed = monotonic - process.at
            if abs(uptime - process.uptime - passed) <= slack + _DRIFT * abs(passed):
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
