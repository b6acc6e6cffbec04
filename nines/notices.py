"""Watch the marks of every budget as time passes, without judging each SLO whole. No I/O."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from alerting.alert import NOTICE_SEVERITY, AlertChange, AlertKind, Facts
from alerting.wording import notice_facts
from nines.entry import Entry, rule_key
from slo.definition import SLO
from slo.evaluate import evaluate, standing
from slo.notices import Band, Marks, look
from slo.window import Calendar

BUDGET = "budget"  # the rule's key beside those of the tiers


class Notices:
    """Which marks are passed, in memory; a change says which are to be stored, and maybe told.

    `settled` hears, after each look at an SLO, within what the next one would change nothing.
    """

    def __init__(
        self,
        stored: Mapping[str, Marks] | None = None,
        settled: Callable[[str, Band | None], None] = lambda *_: None,
    ) -> None:
        self._marks = dict(stored or {})  # by SLO
        self._settled = settled
        self._names: dict[str, str] = {}  # by SLO: whose budget it is

    def watch(self, entries: Sequence[Entry]) -> None:
        """Watch exactly these from now on."""
        self._names = {one.slo.id: _name(one.slo, one.indicator.fingerprint) for one in entries}
        self._marks = {slo: marks for slo, marks in self._marks.items() if slo in self._names}

    def look(self, entries: Iterable[Entry], now: datetime) -> list[AlertChange]:
        """What became of their marks at `now`."""
        found = (self._look(entry, now) for entry in entries if entry.slo.notices)
        return [change for change in found if change is not None]

    def marks_of(self, changes: Iterable[AlertChange]) -> dict[str, Marks]:
        """What has to be stored with these changes, by SLO."""
        touched = {
            f"{change.service}/{change.slo}"
            for change in changes
            if change.kind is AlertKind.BUDGET
        }
        return {slo_id: self._marks[slo_id] for slo_id in touched if slo_id in self._marks}

    def _look(self, entry: Entry, now: datetime) -> AlertChange | None:
        slo, before = entry.slo, self._marks.get(entry.slo.id)
        budget, learning = standing(slo, entry.ledger, now)
        remaining = None if budget is None else budget.remaining
        name = self._names[slo.id]
        period = slo.window.start(now) if isinstance(slo.window, Calendar) else None
        if before is not None and before.is_quiet(slo.notices, name, period, remaining):
            self._settled(slo.id, before.band(slo.notices))
            return None
        after, told = look(
            before,
            slo.notices,
            budget=name,
            period=period,
            remaining=remaining,
            learning=learning,
        )
        self._settled(slo.id, after.band(slo.notices))
        if after == before:
            return None
        self._marks[slo.id] = after
        if told is None:
            facts = Facts("", "", slo.objective.label, slo.window.label)
        else:
            status, _ = evaluate(slo, entry.ledger, now, entry.states, now)
            facts = notice_facts(status, told)
        return AlertChange(
            rule_key(slo, BUDGET),
            slo.service,
            slo.key,
            AlertKind.BUDGET,
            NOTICE_SEVERITY,
            told is not None,
            now,
            facts,
            slo.shadow,
        )


def _name(slo: SLO, fingerprint: str) -> str:
    """Whose budget it is: another promise, or another SLI, has another."""
    sliced = "" if slo.slicing is None else f" of {slo.slicing.label}"
    return f"{slo.objective.label} {slo.window.label} {slo.method}{sliced} {fingerprint}"
