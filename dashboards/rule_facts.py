"""Threshold rules as plain values with their units: the API and the exporter print these."""

from dataclasses import dataclass
from datetime import datetime

from alerting.rule_wording import limit_text, measured_text, reason
from dashboards.rule_row import state_of
from slo.limit import Unit
from slo.rule import DownCheck, FailuresCheck, GaugeCheck, QuantileCheck, RateCheck, RatioCheck
from slo.rule_status import RuleStatus


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """One series of a gauge, in the limit's unit."""

    series: str
    value: float


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """One threshold rule.

    `kind`: gauge, rate, ratio, quantile, down or failures. `state`: ok, pending, firing, no_data,
    excluded (planned work goes on) or unknown.
    `value` and `limit_value` are in `unit`; of a quantile `value` is the share of events above its
    limit, and `limit_value` the share that may be; of a probe that must not be down both are
    seconds. `series` are the worst of a gauge; the first failure is that of an outage.
    """

    id: str
    service: str
    name: str
    kind: str
    collector: str
    severity: str
    shadow: bool
    state: str
    since: datetime | None
    measured: str
    limit: str
    reason: str
    unit: str
    value: float | None
    limit_value: float
    events: int | None
    observed_seconds: float | None
    series: tuple[SeriesFacts, ...]
    beyond: int
    first_failure: datetime | None
    last_seen: datetime | None
    remark: str


def rule_facts(status: RuleStatus) -> RuleFacts:
    """One rule at its newest judgement."""
    rule, reading = status.rule, status.reading
    kind, unit, limit = _limit(status)
    value = None if reading.value is None else float(reading.value)
    if isinstance(rule.check, DownCheck):
        value = status.outage.lasted.total_seconds() if status.last_seen else None
    if isinstance(rule.check, FailuresCheck):
        value = float(status.outage.failures) if status.last_seen else None
    sums = reading.sums
    return RuleFacts(
        id=rule.id,
        service=rule.service,
        name=rule.name,
        kind=kind,
        collector=rule.collector_id,
        severity=rule.severity.value,
        shadow=rule.shadow,
        state=state_of(status),
        since=status.state.since,
        measured=measured_text(status),
        limit=limit_text(rule),
        reason=reason(status),
        unit=unit.value,
        value=value,
        limit_value=limit,
        events=None if sums is None else sums.total,
        observed_seconds=None if sums is None else sums.observed.total_seconds(),
        series=tuple(SeriesFacts(name, float(each)) for name, each in reading.series),
        beyond=reading.beyond,
        first_failure=status.outage.first,
        last_seen=status.last_seen,
        remark=status.remark,
    )


def _limit(status: RuleStatus) -> tuple[str, Unit, float]:
    """The kind of a rule, and the number that its value is held against."""
    match status.rule.check:
        case DownCheck(down_for=down_for):
            return "down", Unit.SECONDS, down_for.total_seconds()
        case FailuresCheck(least=least):
            return "failures", Unit.NUMBER, float(least)
        case QuantileCheck(allowed=allowed):
            return "quantile", Unit.SHARE, float(allowed)
        case GaugeCheck(bounds=bounds):
            return "gauge", bounds.limit.unit, float(bounds.limit.value)
        case RateCheck(bounds=bounds):
            return "rate", bounds.limit.unit, float(bounds.limit.value)
        case RatioCheck(bounds=bounds):
            return "ratio", bounds.limit.unit, float(bounds.limit.value)
