"""A tier in a row: what it looks at, what it sees, and why it says what it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.alert import AlertKind
from alerting.service import ALERT_NAMES
from alerting.way import Way
from dashboards import format as write
from dashboards.format import Moment
from slo.alert_state import AlertState
from slo.alert_state import Phase as AlertPhase
from slo.definition import SLO
from slo.severity import Severity
from slo.status import SLOStatus, TierReading, Verdict
from slo.units import format_duration


@dataclass(frozen=True, slots=True)
class TierRow:
    """One burn-rate rule."""

    phase: str
    phase_word: str
    since: Moment | None
    severity: str
    severity_word: str
    threshold: str
    short: str
    long: str
    short_over: bool
    long_over: bool
    reason: str
    at_threshold: str  # how long a full budget lasts there
    held: str  # for how long it must be true first, empty: not at all
    told: str  # who would be told
    chart_url: str
    opened: bool  # is it the one that the chart shows?


def tier_row(
    status: SLOStatus,
    reading: TierReading,
    state: AlertState,
    now: datetime,
    *,
    told: str = "",
    chart_url: str = "",
    opened: bool = False,
) -> TierRow:
    """One rule: what it looks at, what it sees, and why it says what it says."""
    tier = reading.tier
    waiting = reading.verdict is Verdict.FROZEN and state.phase is AlertPhase.INACTIVE
    return TierRow(
        phase="frozen" if waiting else state.phase.value,
        phase_word="Cannot tell" if waiting else state.phase.value.capitalize(),
        since=write.moment(state.since, now) if state.since else None,
        severity=tier.severity.value,
        severity_word=tier.severity.value.capitalize(),
        threshold=write.factor(tier.factor),
        short=f"{write.burn(reading.short.rate)} over {format_duration(tier.short)}",
        long=f"{write.burn(reading.long.rate)} over {format_duration(tier.long)}",
        short_over=reading.short.rate is not None and reading.short.rate > tier.factor,
        long_over=reading.long.rate is not None and reading.long.rate > tier.factor,
        reason=_reason(reading, state, now) + (f" ({tier.note})" if tier.note else ""),
        at_threshold=f"lasts {write.span(status.slo.window.length / float(tier.factor))}",
        held=f"for {format_duration(tier.for_)}" if tier.for_ else "",
        told=told,
        chart_url=chart_url,
        opened=opened,
    )


def _reason(reading: TierReading, state: AlertState, now: datetime) -> str:
    """Why the rule is where it is; a firing one that is no longer true says until when."""
    if state.phase is not AlertPhase.FIRING or reading.verdict is Verdict.TRUE:
        return reading.reason
    if reading.verdict is Verdict.FROZEN:
        return f"{reading.reason}, so it keeps firing"
    keep = reading.tier.keep_firing_for
    until = write.stamp((state.false_since or now) + keep, now, seconds=True)
    return (
        f"{reading.reason}; kept firing until {until} (keep_firing_for "
        f"{format_duration(keep)}), then it resolves"
    )


def alert_labels(slo: SLO, severity: Severity) -> dict[str, str]:
    """What routes would know of an alert of its burn rate, beside the labels of its service."""
    kind = AlertKind.BURN
    return {
        "alertname": ALERT_NAMES[kind],
        "service": slo.service,
        "slo": slo.name,
        "severity": severity.value,
        "kind": kind.value,
    }


def told_words(ways: Sequence[Way]) -> str:
    """Who would be told now; who is held back by a silence or the like stands behind."""
    heard = dict.fromkeys(name for way in ways if not way.held_by for name in way.hit.receivers)
    held = dict.fromkeys(name for way in ways if way.held_by for name in way.hit.receivers)
    quiet = [name for name in held if name not in heard]
    told = ", ".join(heard) or "nobody"
    return f"{told} (held back now: {', '.join(quiet)})" if quiet else told
