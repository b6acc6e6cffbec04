"""What there is to say of an SLO's rule that began or ended: its change, with the facts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from alerting.alert import NO_DATA_SEVERITY, AlertChange, AlertKind, Facts
from alerting.wording import NoDataCause, data_again_facts, facts_of, no_data_facts
from collectors.observation import Observation
from nines.entry import Entry, rule_key
from nines.findings import Findings
from nines.indicator import Indicator
from nines.no_data import why_no_data as why_no_data_of
from nines.no_data import why_together
from slo.definition import DerivedSLI
from slo.evaluate import NO_DATA
from slo.status import SLOStatus


class Evidence:
    """`last_of` gives a collector's newest observation, where there was one; `findings` are what
    looks by other means saw.
    """

    def __init__(
        self, last_of: Callable[[str | None], Observation | None], findings: Findings
    ) -> None:
        self._last_of = last_of
        self._findings = findings

    def change(
        self, entry: Entry, status: SLOStatus, key: str, *, firing: bool, now: datetime
    ) -> AlertChange:
        """A rule of it began to fire, or ended."""
        slo, kind, severity = entry.slo, AlertKind.NO_DATA, NO_DATA_SEVERITY
        if key != NO_DATA:
            kind = AlertKind.BURN
            severity = next(tier.severity for tier in slo.tiers if tier.key == key)
        facts = self.facts(entry, status, key, firing=firing)
        return AlertChange(
            rule_key(slo, key), slo.service, slo.key, kind, severity, firing, now, facts, slo.shadow
        )

    def facts(self, entry: Entry, status: SLOStatus, key: str, *, firing: bool) -> Facts:
        """What is told of a rule, by this status."""
        if key == NO_DATA:
            if firing:
                return no_data_facts(status, *self.why_no_data(entry.indicator, status.at))
            return data_again_facts(status)
        reading = next(reading for reading in status.tiers if reading.tier.key == key)
        top_cause = _top_cause(entry, reading.tier.long, status.at)
        found = self._found(entry.indicator, status.at - reading.tier.long)
        return replace(facts_of(status, reading), top_cause=top_cause, found=found)

    def _found(self, indicator: Indicator, since: datetime) -> str | None:
        """By a look at one of its collectors; of one that is made of many, the first that failed
        of which anything is known.
        """
        for part in indicator.whole:
            found = self._findings.since(part.slo.collector_id or "", since)
            if found is not None:
                return found
        return None

    def why_no_data(self, indicator: Indicator, now: datetime) -> tuple[NoDataCause, str]:
        """Why nothing comes to be counted, by its collectors' last runs."""
        if not indicator.parts:
            last = self._last_of(indicator.slo.collector_id)
            return why_no_data_of(last, indicator.last_detail.get(NO_DATA, ""))
        names = indicator.slo.sli.names if isinstance(indicator.slo.sli, DerivedSLI) else ()
        named = dict(zip(names, indicator.parts, strict=True))
        silent = {name: part for name, part in named.items() if part.is_silent(now)}
        if not silent and indicator.ledger.watched_since is None:
            return NoDataCause.WAITING, ""
        of_whom = silent or named
        return why_together({name: self.why_no_data(part, now) for name, part in of_whom.items()})


def _top_cause(entry: Entry, over: timedelta, now: datetime) -> str | None:
    causes = entry.ledger.causes(over, now)
    if not causes:
        return None
    cause, bad = next(iter(causes.items()))
    text = f"{cause}: {bad:,} of {sum(causes.values()):,} failures"
    detail = entry.indicator.last_detail.get(cause)
    return f"{text} ({detail})" if detail else text
