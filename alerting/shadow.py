"""Rules in shadow: what would have been told, and whom. Recorded; nobody hears of it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerting.alert import AlertChange, AlertKind, ShadowAlert, sli_of
from alerting.context import Context
from alerting.rules import Rules
from alerting.service import rule_labels
from alerting.store import Decision
from slo.severity import Severity

SHOWN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ShadowSummary:
    """What people would have been told of one SLO within `SHOWN`.

    `incidents` would have opened for it alone, `pages` of them would have woken somebody, and
    `notices` about its budget would have been sent.
    """

    incidents: int = 0
    pages: int = 0
    notices: int = 0
    last: datetime | None = None
    firing: bool = False


def record(
    changes: Sequence[AlertChange],
    episodes: Sequence[ShadowAlert],
    context: Context,
    rules: Rules | None = None,
) -> Decision:
    """What to write down of the changes of rules in shadow. `episodes` are those that go on.

    After an edit of the configuration `rules` are those of now, as for `desk.decide`.
    """
    log = _Log(episodes, context)
    if rules is not None:
        log.rename(rules)
    for change in changes:
        if not change.firing:
            log.end(change.rule, change)
        else:
            log.begin(change)
    if rules is not None:
        log.conform(rules)
    return Decision(shadows=tuple(log.changed.values()))


def summarize(episodes: Iterable[ShadowAlert], now: datetime) -> ShadowSummary:
    """What stands in the episodes of one SLO; those that overlap would have been one incident."""
    shown = [one for one in episodes if (one.ended_at or now) > now - SHOWN]
    alerts = [one for one in shown if one.kind is not AlertKind.BUDGET]
    incidents: list[list[ShadowAlert]] = []
    until: datetime | None = None
    for one in sorted(alerts, key=lambda one: (one.started_at, one.id)):
        if until is None or one.started_at > until:
            incidents.append([])
        incidents[-1].append(one)
        end = one.ended_at or now
        until = end if until is None else max(until, end)
    return ShadowSummary(
        incidents=len(incidents),
        pages=sum(any(one.severity is Severity.PAGE for one in group) for group in incidents),
        notices=len(shown) - len(alerts),
        last=max((one.started_at for one in shown), default=None),
        firing=any(one.firing for one in shown),
    )


class _Log:
    """The episodes of this decision."""

    def __init__(self, episodes: Sequence[ShadowAlert], context: Context) -> None:
        self._open = {one.rule: one for one in episodes if one.firing}
        self._context = context
        self.changed: dict[str, ShadowAlert] = {}

    def rename(self, rules: Rules) -> None:
        for old, new in rules.renamed.items():
            if old in self._open and new in rules.shadow:
                self._put(replace(self._open.pop(old), rule=new))

    def conform(self, rules: Rules) -> None:
        for one in list(self._open.values()):
            why = None
            if one.rule not in rules.configured:
                why = "Its rule is no longer in the configuration."
            elif one.rule not in rules.shadow:
                why = "It left the shadow: people are told of it from now on."
            if why is not None:
                facts = replace(one.facts, reason=why)
                self._close(replace(one, facts=facts), self._context.now)
        for rule, change in rules.firing.items():
            if rule in rules.shadow:
                self.begin(change)

    def begin(self, change: AlertChange) -> None:
        if change.rule in self._open:
            return
        is_notice = change.kind is AlertKind.BUDGET
        service = self._context.service(change.service)
        labels = rule_labels(service, sli_of(change.slo), change.severity, change.kind, change.rule)
        one = ShadowAlert(
            id=self._context.new_id(),
            rule=change.rule,
            service=change.service,
            slo=change.slo,
            kind=change.kind,
            severity=change.severity,
            started_at=change.at,
            facts=change.facts,
            receivers=self._context.tree.explain(labels).receivers,
            ended_at=change.at if is_notice else None,
        )
        self._put(one)

    def end(self, rule: str, change: AlertChange) -> None:
        one = self._open.get(rule)
        if one is not None:
            self._close(replace(one, facts=change.facts), change.at)

    def _close(self, one: ShadowAlert, at: datetime) -> None:
        del self._open[one.rule]
        self._put(replace(one, ended_at=max(at, one.started_at)))

    def _put(self, one: ShadowAlert) -> None:
        self.changed[one.id] = one
        if one.firing:
            self._open[one.rule] = one
