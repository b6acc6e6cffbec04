"""What incidents came to, from storage: what they cost, how long they took, which were alike."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.alert import Alert, AlertKind
from alerting.incident import Incident
from alerting.incident_times import IncidentTimes, times_of
from alerting.similar import Similar, Sketch, similar
from dashboards.source import Aftermath, IncidentDetail
from nines.entry import Entry
from nines.past import Past
from slo.budget_ledger import DEFAULT_GAP
from slo.rule import is_of_rule
from slo.status import BudgetState

_LOOK_BACK = timedelta(hours=6)  # for the beginning: further back the counts are coarser
_MEMORY = timedelta(days=365)
_MOMENT = timedelta(microseconds=1)
_MOST_ALIKE = 300  # the newest: a page is not to wait for more
_MOST_REMEMBERED = 5_000


@dataclass(frozen=True, slots=True)
class Aftermaths:
    """Reads storage and computes; every method blocks. `entries` are the SLOs watched, by id."""

    past: Past
    entries: Callable[[], Mapping[str, Entry]]
    now: Callable[[], datetime]
    _beginnings: dict[str, datetime | None] = field(default_factory=dict)  # by incident

    def of(self, detail: IncidentDetail) -> Aftermath:
        """What one incident came to."""
        incident = detail.incident
        began = self._began(incident, detail.alerts)
        since, until = began or incident.opened_at, incident.resolved_at or self.now()
        entries = self.entries()
        named = {one: entries[one] for one in _slos(detail.alerts) if one in entries}
        # A threshold rule may have spoken first, and been all that was needed.
        beside = {key: one for key, one in entries.items() if one.slo.service == incident.service}
        touched = {**named, **beside} if since < until else {}
        costs = [
            (slo_id, ledger)
            for slo_id, entry in touched.items()
            if (ledger := self.past.budget_ledger(entry, since, until)).losses or slo_id in named
        ]
        of_costs = [touched[slo_id] for slo_id, _ in costs]
        return Aftermath(
            times=times_of(incident, began),
            began=began,
            since=since,
            costs=tuple(costs),
            similar=tuple(self._similar(incident)),
            learning=frozenset(
                entry.slo.id
                for entry, then in zip(of_costs, self.past.as_of(of_costs, until), strict=True)
                if then.status.budget_state is BudgetState.LEARNING
            ),
            excluded=tuple(
                (slo_id, stretches)
                for slo_id, entry in touched.items()
                if (stretches := tuple(entry.ledger.overlay.periods(since, until)))
            ),
        )

    def times(
        self, start: datetime, end: datetime, limit: int
    ) -> list[tuple[Incident, IncidentTimes]]:
        """Of the newest incidents opened in [start, end), how long each took."""
        found = self.past.records.opened_between(start, end, limit)
        return [(one, times_of(one, self._remembered(one, own))) for one, own in found]

    def _remembered(self, incident: Incident, alerts: Sequence[Alert]) -> datetime | None:
        """The beginning; of incidents that are over it is looked for once."""
        if incident.open:
            return self._began(incident, alerts)
        if incident.id not in self._beginnings:
            if len(self._beginnings) >= _MOST_REMEMBERED:
                self._beginnings.clear()
            self._beginnings[incident.id] = self._began(incident, alerts)
        return self._beginnings[incident.id]

    def _began(self, incident: Incident, alerts: Sequence[Alert]) -> datetime | None:
        """The first harm of what it was opened for, as far as the counts tell.

        A rule on a probe knows its first failure. None where nothing was counted as lost then
        (another threshold rule, missing data), where it went on for longer than we look back, and
        where counts are not kept finely enough any more.
        """
        opened = incident.opened_at
        early = [one for one in alerts if one.started_at <= opened]
        starts = [one.facts.since for one in early if one.facts.since is not None]
        if self.past.is_fine(opened - _LOOK_BACK):
            entries = self.entries()
            starts += [
                start
                for slo_id in _slos(one for one in early if one.kind is AlertKind.BURN)
                if (entry := entries.get(slo_id)) is not None
                and (start := self._first_loss(entry, opened)) is not None
            ]
        return min(starts, default=None)

    def _first_loss(self, entry: Entry, at: datetime) -> datetime | None:
        reach = at - _LOOK_BACK
        losses = self.past.losses(entry, reach, at)
        last = max(losses, key=lambda one: one.end, default=None)
        if last is None or last.end < at - DEFAULT_GAP or last.start <= reach + DEFAULT_GAP:
            return None
        return last.start

    def _similar(self, incident: Incident) -> list[Similar]:
        start, end = incident.opened_at - _MEMORY, incident.opened_at + _MOMENT
        found = self.past.records.opened_between(start, end, _MOST_ALIKE)
        if not found:
            return []
        labels = self.past.records.labels_between(found[-1][0].opened_at, found[0][0].opened_at)
        sketches = {one.id: sketch(one, own, labels.get(one.id, {})) for one, own in found}
        own = sketches.pop(incident.id, None)
        return [] if own is None else similar(own, sketches.values())


def sketch(incident: Incident, alerts: Sequence[Alert], labels: Mapping[str, str]) -> Sketch:
    """What of an incident tells whether another resembles it."""
    real = [one for one in alerts if one.kind is not AlertKind.BUDGET]
    ended = [(one.ended_at, one.id, one) for one in real if one.ended_at is not None]
    last = max(ended)[-1] if ended else None
    causes = (one.facts.top_cause for one in real)
    return Sketch(
        incident_id=incident.id,
        service=incident.service,
        title=incident.title,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        acknowledged_by=incident.acknowledged_by,
        slos=frozenset(one.sli for one in real),
        causes=frozenset(cause.partition(":")[0] for cause in causes if cause),
        kinds=frozenset(one.kind.value for one in real),
        labels=labels,
        ended_by=last.facts.reason if last is not None and not incident.open else "",
    )


def _slos(alerts: Iterable[Alert]) -> list[str]:
    """The ids of the SLOs whose alerts these are, each once, in order."""
    found = (one for one in alerts if not is_of_rule(one.rule))
    return list(dict.fromkeys(f"{one.service}/{one.slo}" for one in found))
