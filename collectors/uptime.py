"""When a target's process began, told by how long it says that it runs."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import orjson

from slo.exposition import Page

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


class Processes:
    """Those of one target, over our own restarts too: it gives pages the start of theirs."""

    def __init__(self) -> None:
        self._uptimes: Uptimes | None = None
        self._left_at: Callable[[], str | None] = lambda: None

    def go_on_from(self, left_at: Callable[[], str | None]) -> None:
        """What was known of them; asked at the first page."""
        self._left_at = left_at

    def dated(self, page: Page, uptime: float, wall: float, monotonic: float, took: float) -> Page:
        """The page of a process that says so; the arguments are those of `Uptimes.start`."""
        if self._uptimes is None:
            self._uptimes = Uptimes.of(self._left_at(), wall, monotonic)
        began = self._uptimes.start(uptime, wall, monotonic, took)
        return replace(page, process_start=began, position=self._uptimes.to_text(wall, monotonic))
