"""Why a rule did not fire at a moment: which of its conditions were short of what."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from alerting.alert import Alert, ShadowAlert
from alerting.rule_wording import limit_text, measured_text
from alerting.rule_wording import reason as rule_reason
from dashboards import format as write
from dashboards.source import Fired
from slo.alert_state import AlertState, Phase
from slo.evidence import LIMITS
from slo.rule_status import RuleStatus
from slo.status import SLOStatus, TierReading, Verdict
from slo.units import format_duration

_PHASES = {
    Phase.INACTIVE: "did not fire",
    Phase.PENDING: "was pending",
    Phase.FIRING: "fired",
}


@dataclass(frozen=True, slots=True)
class ConditionFacts:
    """One thing that has to hold. `met` None: it could not be told."""

    what: str
    seen: str
    wanted: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class RuleWhy:
    """One rule at a moment. `alert_id` explains what it told, where it fired and was no shadow."""

    rule: str
    severity: str
    state: str  # inactive, pending, firing
    answer: str
    conditions: tuple[ConditionFacts, ...]
    alert_id: str | None = None


def slo_rules(
    status: SLOStatus, states: Mapping[str, AlertState], fired: Fired
) -> tuple[RuleWhy, ...]:
    """Every burn-rate rule of an SLO as it stood, and whatever else of it fired."""
    found = [_tier(status, one, states, fired) for one in status.tiers]
    named = {one.rule for one in found}
    return (*found, *_others(fired, named))


def threshold_rule(status: RuleStatus | None, fired: Fired, rule_id: str) -> tuple[RuleWhy, ...]:
    """A threshold rule. `status` is of now; None of the past, of which no readings are kept."""
    others = tuple(_others(fired, set()))
    if status is None:
        if others:
            return others
        words = (
            "It did not fire. What a threshold rule saw is not kept: only that it fired, and what "
            "it saw then."
        )
        return (RuleWhy(rule_id, "", Phase.INACTIVE.value, words, ()),)
    phase = status.state.phase
    told = _alert(fired.alerts, status.rule.id)
    why = status.missing or rule_reason(status)
    met = {Verdict.TRUE: True, Verdict.FALSE: False, Verdict.FROZEN: None}[status.verdict]
    seen, limit = measured_text(status), limit_text(status.rule)
    conditions = [ConditionFacts("what it measures", seen or "no data", limit, met)]
    return (
        RuleWhy(
            status.rule.id,
            status.rule.severity.value,
            phase.value,
            _answer(phase, why, shadow=status.rule.shadow),
            tuple(conditions),
            told,
        ),
        *(one for one in others if one.rule != status.rule.id),
    )


def _tier(
    status: SLOStatus, reading: TierReading, states: Mapping[str, AlertState], fired: Fired
) -> RuleWhy:
    tier = reading.tier
    rule = f"{status.slo.id}#{tier.key}"
    state = states.get(tier.key, AlertState())
    told = _alert(fired.alerts, rule)
    shadow = any(one.rule == rule for one in fired.shadows)
    phase = Phase.FIRING if told or shadow else state.phase
    return RuleWhy(
        rule=rule,
        severity=tier.severity.value,
        state=phase.value,
        answer=_answer(phase, reading.reason, shadow=status.slo.shadow),
        conditions=tuple(_conditions(status, reading, state)),
        alert_id=told,
    )


def _answer(phase: Phase, why: str, *, shadow: bool) -> str:
    """`It did not fire: burning 3x over 1h, not above 14.4x.`"""
    hidden = " It is in shadow: everything is recorded, and nobody is told." if shadow else ""
    return f"It {_PHASES[phase]}: {why.rstrip('.')}.{hidden}"


def _conditions(
    status: SLOStatus, reading: TierReading, state: AlertState
) -> Iterator[ConditionFacts]:
    tier = reading.tier
    wanted = f"above {write.factor(tier.factor)}"
    for burn in (reading.long, reading.short):
        met = None if burn.rate is None else burn.rate > tier.factor
        what = f"burn rate over {format_duration(burn.lookback)}"
        yield ConditionFacts(what, write.burn(burn.rate), wanted, met)
    short = reading.short.window
    yield ConditionFacts(
        f"observations of the last {format_duration(tier.short)}",
        write.count(short.seen),
        "at least half of those that were due",
        reading.verdict is not Verdict.FROZEN,
    )
    counts = reading.long.window.counts
    if reading.likelihood is not None:
        limit, needed = LIMITS[tier.severity], reading.enough_bad
        enough = f": {write.count(needed)} bad would be enough" if needed else ""
        yield ConditionFacts(
            "evidence",
            f"{write.count(counts.bad)} bad of {write.count(counts.total)} events, by chance with "
            f"a probability of {write.chance(reading.likelihood)}",
            f"less than {write.chance(limit)}{enough}",
            reading.likelihood < limit,
        )
    if tier.for_:
        held = status.at - state.since if state.since and state.phase is Phase.PENDING else None
        yield ConditionFacts(
            "true for",
            write.span(held) if held is not None else "not at all",
            format_duration(tier.for_),
            state.phase is Phase.FIRING,
        )


def _others(fired: Fired, named: set[str]) -> Iterable[RuleWhy]:
    """What fired beside the rules that were read: no-data rules, and rules that are gone since."""
    for one in fired.alerts:
        if one.rule not in named:
            yield _recorded(one, one.id, "")
    for hidden in fired.shadows:
        if hidden.rule not in named:
            told = ", ".join(hidden.receivers) or "nobody"
            yield _recorded(
                hidden, None, f" It was in shadow: nobody was told; the routes named {told}."
            )


def _recorded(one: Alert | ShadowAlert, alert_id: str | None, more: str) -> RuleWhy:
    words = f"It fired: {one.facts.headline.rstrip('.')}.{more}"
    return RuleWhy(one.rule, one.severity.value, Phase.FIRING.value, words, (), alert_id)


def _alert(alerts: Sequence[Alert], rule: str) -> str | None:
    return next((one.id for one in alerts if one.rule == rule), None)
