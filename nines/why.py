"""What is known of why an alert was told or not: from the records, beside what holds now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from alerting.alert import Alert
from alerting.context import Context
from alerting.grounding import course_of
from alerting.service import is_of_slo, labels_of
from dashboards.source import Fired, IncidentDetail, WhyFile
from nines.receipts import Receipts
from nines.storage.alerts import AlertRecords
from nines.storage.shadows import ShadowRecords
from slo.rule import is_of_rule
from slo.versions import Version


@dataclass(frozen=True, slots=True)
class Why:
    """Reads storage; every method blocks. `configured` says whether a rule still is."""

    records: AlertRecords
    receipts: Receipts
    context: Callable[[], Context]
    configured: Callable[[str], bool]
    versions: Callable[[str], Sequence[Version]]

    def of(self, alert_id: str) -> WhyFile | None:
        """All about one alert; None when there is no such alert."""
        alert = self.records.alert(alert_id)
        detail = None if alert is None else self.records.incident_detail(alert.incident_id)
        if alert is None or detail is None:
            return None
        return self._file(alert, replace(detail, receipts=self.receipts.of(detail)), self.context())

    def of_several(self, detail: IncidentDetail, alerts: Sequence[Alert]) -> list[WhyFile]:
        """All about these alerts of an incident that is read already."""
        context = self.context()
        return [self._file(one, detail, context) for one in alerts]

    def named(self, name: str, at: datetime | None, limit: int) -> list[WhyFile]:
        """All about the newest alerts from outside of this name, oldest first."""
        context, details = self.context(), dict[str, IncidentDetail]()
        for alert in (found := self.records.outside_named(name, at, limit)):
            if alert.incident_id not in details:
                detail = self.records.incident_detail(alert.incident_id)
                if detail is not None:
                    receipts = self.receipts.of(detail)
                    details[alert.incident_id] = replace(detail, receipts=receipts)
        return [
            self._file(one, details[one.incident_id], context)
            for one in found
            if one.incident_id in details
        ]

    def fired(self, owner: str, at: datetime) -> Fired:
        """What fired at `at` of one SLO, or of one threshold rule."""
        shadows = ShadowRecords(self.records.database).at(at)
        return Fired(
            tuple(one for one in self.records.alerts_at(at) if _owner(one.rule) == owner),
            tuple(one for one in shadows if _owner(one.rule) == owner),
        )

    def _file(self, alert: Alert, detail: IncidentDetail, context: Context) -> WhyFile:
        labels = labels_of(alert, context.service(alert.service))
        courses = tuple(course_of(hit, labels) for hit in context.tree.hits(labels))
        return WhyFile(
            alert=alert,
            detail=detail,
            grounds=tuple(self.records.grounds(alert.id)),
            labels=labels,
            courses=courses if alert.origin or self.configured(alert.rule) else None,
            edits=self._edits(alert),
        )

    def _edits(self, alert: Alert) -> tuple[Version, ...]:
        if not is_of_slo(alert):
            return ()
        found = self.versions(f"{alert.service}/{alert.slo}")
        # The first is no edit, though what is watched from its start on may have fired before it.
        later = (one for one in found if one.definition.number > 1)
        return tuple(one for one in later if one.definition.valid_from > alert.started_at)


def _owner(rule: str) -> str:
    """The SLO or threshold rule that a rule's key belongs to, as `service/name`."""
    before, _, key = rule.partition("#")
    return f"{before}/{key.split(':')[1]}" if is_of_rule(rule) else before
