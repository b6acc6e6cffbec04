"""What follows from changes of alerts, with all that it rests on read from storage or memory."""

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import replace

from alerting import shadow
from alerting.alert import Alert, AlertChange, AlertKind, Remark
from alerting.context import Context
from alerting.dependency import Ended
from alerting.desk import decide
from alerting.incident import Incident
from alerting.placing import begun_source, source_of
from alerting.rules import Rules
from alerting.store import Decision, IncidentFile
from nines.beginnings import Beginnings
from nines.endings import Endings
from nines.standing_open import StandingOpen
from nines.storage.alerts import AlertRecords
from nines.storage.shadows import ShadowRecords


class Deciding:
    """Asked by the thread that writes, so that nothing comes in between; it writes nothing."""

    def __init__(
        self, records: AlertRecords, spent_most: Callable[[AlertChange], str | None]
    ) -> None:
        """`spent_most` says what took most of a budget, from storage."""
        self._records = records
        self._spent_most = spent_most
        self._shadows = ShadowRecords(records.database)
        self._beginnings = Beginnings(records.beginnings)
        self._endings = Endings(records.ended_since)
        self.open = StandingOpen(records)

    def stored(self, incidents: Collection[Incident], alerts: Collection[Alert]) -> None:
        """These were written."""
        self.open.moved(incidents, alerts)
        self._beginnings.add(alerts)
        self._endings.add(alerts)

    def decisions(
        self,
        changes: Sequence[AlertChange | Remark],
        context: Context,
        rules: Rules | None = None,
    ) -> list[Decision]:
        """What follows from these; with `rules`, also for what is open and fits them no more."""
        by_service: dict[str, list[AlertChange | Remark]] = {}
        hidden: list[AlertChange] = []
        for change in changes:
            if isinstance(change, Remark):
                by_service.setdefault(change.service, []).append(change)
            elif change.kind is AlertKind.BUDGET and not change.firing:
                continue  # nothing but marks to store
            elif change.shadow:
                hidden.append(self._explained(change))
            else:
                by_service.setdefault(change.service, []).append(self._explained(change))
        if rules is not None:
            of_open = [file.incident.service for file in self._records.open_incidents()]
            of_firing = [change.service for change in rules.firing.values()]
            for service in (*of_open, *of_firing):
                by_service.setdefault(service, [])
        if not by_service and not hidden and rules is None:
            return []
        context = self.seeing_all(context, changes)
        files = self._open_incidents_of(by_service.keys())
        decisions = [
            decide(
                of_service,
                files[service],
                context,
                None if rules is None else rules.of(service),
            )
            for service, of_service in by_service.items()
        ]
        if hidden or rules is not None:
            decisions.append(shadow.record(hidden, self._shadows.open(), context, rules))
        return decisions

    def _open_incidents_of(self, services: Set[str]) -> Mapping[str, list[IncidentFile]]:
        """Of each service; one that is known to have none open is not asked about."""
        found: dict[str, list[IncidentFile]] = {service: [] for service in services}
        if asked := services & self.open.services():
            found.update(self._records.open_incidents_of(asked))
        return found

    def seeing_all(
        self,
        context: Context,
        changes: Sequence[AlertChange | Remark] = (),
        files: Sequence[IncidentFile] | None = None,
    ) -> Context:
        """The same, with what flaps and, where one alert may hold back another, all that fires."""
        context = replace(context, recent=self._beginnings.recent(context.now))
        if not context.looks_beyond:
            return context
        if files is None:
            firing = list(self.open.firing())
        else:
            firing = [alert for file in files for alert in file.alerts if alert.firing]
        moved = [one for one in changes if isinstance(one, AlertChange) and not one.shadow]
        over = {one.rule for one in moved if not one.firing}
        begun = [one for one in moved if one.firing and one.kind is not AlertKind.BUDGET]
        sources = [source_of(alert, context) for alert in firing if alert.rule not in over]
        ended: list[Ended] = []
        if context.dependencies:
            since = context.now - context.dependencies.wait
            found = self._endings.since(since)
            ended = [Ended(source_of(one, context), one.ended_at or since) for one in found]
            ended += [Ended(begun_source(c, context), c.at) for c in moved if not c.firing]
        elsewhere = [*sources, *(begun_source(c, context) for c in begun)]
        return replace(context, elsewhere=elsewhere, ended=ended)

    def _explained(self, change: AlertChange) -> AlertChange:
        """A notice with what took most of the budget."""
        if change.kind is not AlertKind.BUDGET:
            return change
        return replace(change, facts=replace(change.facts, spent_most=self._spent_most(change)))
