"""Threshold rules as rows: what each saw last, against which limit, and since when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from alerting.rule_wording import limit_text, measured_text, reason, series_text
from alerting.wording import capital
from dashboards import format as write
from dashboards import links
from dashboards.format import Moment
from slo.alert_state import Phase
from slo.rule_status import RuleStatus
from slo.severity import Severity
from slo.status import Verdict

FIRING, PENDING, NO_DATA = "firing", "pending", "no_data"
EXCLUDED, UNKNOWN, OK = "excluded", "unknown", "ok"
_WORDS = {
    FIRING: "Firing",
    PENDING: "Pending",
    NO_DATA: "No data",
    EXCLUDED: "Excluded",
    UNKNOWN: "Not known",
    OK: "Fine",
}
_TONES = {
    FIRING: "failed",
    PENDING: "unknown",
    NO_DATA: "unknown",
    EXCLUDED: "none",
    UNKNOWN: "none",
    OK: "passed",
}


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule of a service. `tone` is that of a collector's outcome."""

    name: str
    rule_id: str
    anchor: str
    url: str
    service: str
    severity: str
    shadow: bool
    state: str
    word: str
    tone: str
    since: Moment | None
    measured: str
    limit: str
    reason: str
    series: str
    remark: str


def rule_rows(statuses: Iterable[RuleStatus], now: datetime) -> tuple[RuleRow, ...]:
    """The rules, those that fire first and the loudest of these; else in their order."""
    ranked = sorted(statuses, key=_rank)
    return tuple(rule_row(status, now) for status in ranked)


def rule_row(status: RuleStatus, now: datetime) -> RuleRow:
    """One rule at this moment."""
    rule, state = status.rule, state_of(status)
    since = status.no_data.since if state == NO_DATA else status.state.since
    anchor = links.rule_anchor(rule.name)
    return RuleRow(
        name=rule.name,
        rule_id=rule.id,
        anchor=anchor,
        url=links.rule_url(rule.service, rule.name),
        service=rule.service,
        severity=rule.severity.value,
        shadow=rule.shadow,
        state=state,
        word=_WORDS[state],
        tone=_TONES[state],
        since=write.moment(since, now) if since else None,
        measured=write.joined(measured_text(status)),
        limit=write.joined(limit_text(rule)),
        reason=write.joined(
            capital(status.missing if state == NO_DATA and status.missing else reason(status))
        ),
        series=series_text(status),
        remark=status.remark,
    )


def state_of(status: RuleStatus) -> str:
    """Where it stands, as one word of a closed list."""
    if status.state.phase is Phase.FIRING:
        return FIRING
    if status.excluded:
        return EXCLUDED
    if status.no_data.phase is Phase.FIRING:
        return NO_DATA
    if status.state.phase is Phase.PENDING:
        return PENDING
    return UNKNOWN if status.verdict is Verdict.FROZEN else OK


def firing(statuses: Iterable[RuleStatus]) -> tuple[RuleStatus, ...]:
    """Those that somebody was told of, the loudest first."""
    found = (one for one in statuses if state_of(one) == FIRING and not one.rule.shadow)
    return tuple(sorted(found, key=lambda one: (one.rule.severity.rank, one.rule.id)))


def loudest(statuses: Iterable[RuleStatus]) -> Severity | None:
    """Of those that fire; None when none does."""
    return next((one.rule.severity for one in firing(statuses)), None)


def _rank(status: RuleStatus) -> tuple[bool, int]:
    fires = state_of(status) == FIRING
    return (not fires, status.rule.severity.rank if fires else 0)
