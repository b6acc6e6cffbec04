"""What fired until lately: read from storage once, and kept up as decisions are stored."""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from alerting.alert import Alert, AlertKind
from alerting.dependency import LONGEST_WAIT


class Endings:
    """Asked by whoever decides, in any thread; `load` gives those after a moment, and blocks."""

    def __init__(self, load: Callable[[datetime], Sequence[Alert]]) -> None:
        self._load = load
        self._known: dict[str, Alert] | None = None  # by the alert's id
        self._lock = threading.Lock()

    def since(self, at: datetime) -> list[Alert]:
        """Alerts that ended after it, which is at most the longest wait ago."""
        with self._lock:
            if self._known is None:
                self._known = {alert.id: alert for alert in self._load(at - LONGEST_WAIT)}
            return [
                one
                for one in self._known.values()
                if one.ended_at and one.ended_at > at and one.kind is not AlertKind.BUDGET
            ]

    def add(self, alerts: Iterable[Alert]) -> None:
        """These were stored; some of them may have ended."""
        with self._lock:
            if self._known is None:
                return  # they will be read from storage
            ended = {alert.id: alert for alert in alerts if alert.ended_at is not None}
            if not ended:
                return
            newest = max(one.ended_at for one in ended.values() if one.ended_at)
            kept = {
                id_: one
                for id_, one in self._known.items()
                if one.ended_at and one.ended_at > newest - 2 * LONGEST_WAIT
            }
            self._known = kept | ended
