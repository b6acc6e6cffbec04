"""May a release go: the gate's decision, as plain values."""

from dataclasses import dataclass
from datetime import datetime

from slo.audit import AuditEntry
from slo.gate import Decision, GateState, Override

EXIT_CODES = {
    GateState.OK: 0,
    GateState.CAUTION: 10,
    GateState.FREEZE: 20,
    GateState.UNKNOWN: 2,
}
_SENTENCES = {
    GateState.OK: "A release may go.",
    GateState.CAUTION: "A release may go with care.",
    GateState.FREEZE: "No release may go.",
    GateState.UNKNOWN: "Whether a release may go is not known.",
}


@dataclass(frozen=True, slots=True)
class ReasonFacts:
    """One finding and what it means; `known` is false where it is that nobody knows."""

    state: str
    sentence: str
    slo: str | None
    known: bool


@dataclass(frozen=True, slots=True)
class OverrideFacts:
    """Somebody's word in the policy's place; `active` says whether it holds now."""

    id: str
    service: str
    slo: str | None
    state: str
    reason: str
    author: str
    created_at: datetime
    until: datetime
    ended_at: datetime | None
    active: bool


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """Who did what to it."""

    at: datetime
    by: str
    action: str


@dataclass(frozen=True, slots=True)
class OverrideDetail:
    override: OverrideFacts
    trail: tuple[AuditFacts, ...]


@dataclass(frozen=True, slots=True)
class GateFacts:
    """The decision: ok, caution, freeze or unknown. `reasons` are strictest first.

    `known` is false where anything was in doubt. `exit_code` is what `nines gate` ends with.
    """

    state: str
    sentence: str
    exit_code: int
    known: bool
    reasons: tuple[ReasonFacts, ...]
    override: OverrideFacts | None
    at: datetime


def gate_facts(decision: Decision, now: datetime) -> GateFacts:
    """The decision as it is told."""
    override = decision.override
    sentence = _SENTENCES[decision.state]
    if override is not None:
        sentence += f" {override.author} says so until {override.until:%Y-%m-%d %H:%M} UTC:"
        sentence += f" {override.reason}"
    return GateFacts(
        state=decision.state.value,
        sentence=sentence,
        exit_code=EXIT_CODES[decision.state],
        known=decision.known,
        reasons=tuple(
            ReasonFacts(one.state.value, one.sentence, one.slo_id, one.known)
            for one in decision.reasons
        ),
        override=None if override is None else override_facts(override, now),
        at=now,
    )


def override_facts(one: Override, now: datetime) -> OverrideFacts:
    """An override as it is told."""
    return OverrideFacts(
        id=one.id,
        service=one.service,
        slo=one.slo,
        state=one.state.value,
        reason=one.reason,
        author=one.author,
        created_at=one.created_at,
        until=one.until,
        ended_at=one.ended_at,
        active=one.holds(now),
    )


def override_detail(one: Override, trail: tuple[AuditEntry, ...], now: datetime) -> OverrideDetail:
    """An override with what was done to it."""
    return OverrideDetail(
        override_facts(one, now),
        tuple(AuditFacts(entry.at, entry.by, entry.action) for entry in trail),
    )
