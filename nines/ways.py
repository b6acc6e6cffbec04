"""Who would be told of an alert: by all that routes it, or holds it back, in a running service."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.context import Context
from alerting.placing import source_of
from alerting.service import with_labels_of
from alerting.suppressor import Suppressor
from alerting.way import Way, ways
from nines.storage.alerts import AlertRecords

Silences = Callable[[Mapping[str, str]], tuple[Suppressor, ...]]


@dataclass(frozen=True, slots=True)
class Ways:
    """`silences` gives those of a moment. Reads storage; every method blocks."""

    records: AlertRecords
    context: Callable[[], Context]
    silences: Callable[[datetime], Silences]

    def of(
        self, labels: Mapping[str, str], at: datetime
    ) -> tuple[Mapping[str, str], Sequence[Way]]:
        """All labels of such an alert, and the routes that take it at that moment."""
        context = self.context()
        service = context.services.get(labels.get("service", ""))
        whole = dict(labels) if service is None else with_labels_of(service, labels)
        files = self.records.open_incidents() if context.looks_beyond else []
        firing = [alert for file in files for alert in file.alerts if alert.firing]
        return whole, ways(
            context.tree,
            whole,
            at,
            inhibitions=context.inhibitions,
            dependencies=context.dependencies,
            firing=[source_of(alert, context) for alert in firing],
            silences=self.silences(at),
        )
