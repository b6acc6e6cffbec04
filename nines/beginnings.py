"""When rules began to fire of late: read from storage once, and kept up as decisions are stored."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from alerting.alert import Alert
from alerting.flapping import REACH, Recent

_TIDY_EVERY = 1_000  # additions


class Beginnings:
    """Asked by whoever decides, in any thread; `load` gives those after a moment, and blocks."""

    def __init__(self, load: Callable[[datetime], Mapping[str, Sequence[datetime]]]) -> None:
        self._load = load
        self._known: dict[str, tuple[datetime, ...]] | None = None
        self._added = 0
        self._lock = threading.Lock()

    def recent(self, now: datetime) -> Recent:
        """By rule, at least those that matter to what flaps at `now`."""
        if self._known is None:
            with self._lock:
                if self._known is None:
                    found = self._load(now - REACH)
                    self._known = {rule: tuple(times) for rule, times in found.items()}
        return self._known

    def add(self, alerts: Iterable[Alert]) -> None:
        """These were stored; those that fire began when they say."""
        with self._lock:
            if self._known is None:
                return  # they will be read from storage
            for alert in alerts:
                times = self._known.get(alert.rule, ())
                if alert.firing and alert.started_at not in times:
                    since = alert.started_at - REACH
                    kept = [at for at in times if at > since]
                    self._known[alert.rule] = (*kept, alert.started_at)
                    self._added += 1
                    if self._added % _TIDY_EVERY == 0:
                        self._tidy(since)

    def _tidy(self, since: datetime) -> None:
        known = self._known or {}
        # Another dictionary: whoever decides may be reading this one.
        self._known = {rule: times for rule, times in known.items() if max(times) > since}
