"""May a release go? Decided by a written policy from what is known; every reason a sentence. Pure.

A budget that is spent is no reason by itself to fear a release, but the promise says what is done
about it: that is the policy, and it is written down before it hurts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from slo.comparison import Comparison, Finding
from slo.planning import PlanError
from slo.severity import Severity
from slo.units import format_duration, format_percent

LONGEST_OVERRIDE = timedelta(days=7)


class GateState(StrEnum):
    """What a release is told: go, go with care, do not go; or that nobody knows."""

    OK = "ok"
    CAUTION = "caution"
    UNKNOWN = "unknown"
    FREEZE = "freeze"

    @property
    def rank(self) -> int:
        """0 lets the most through."""
        return list(GateState).index(self)


def _loud() -> Mapping[Severity, GateState]:
    return {Severity.PAGE: GateState.FREEZE, Severity.TICKET: GateState.CAUTION}


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What each finding means. Shares are of the whole budget, or of what was due to be observed.

    `unknown` is what our own illness and missing data mean. `owners` may override; all, if empty.
    """

    freeze_at: Fraction = Fraction(0)
    caution_below: Fraction = Fraction(1, 4)
    min_observed: Fraction = Fraction(1, 2)
    burning: Mapping[Severity, GateState] = field(default_factory=_loud)
    incidents: Mapping[Severity, GateState] = field(default_factory=_loud)
    unknown: GateState = GateState.CAUTION
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """One SLO as the gate sees it. `remaining` None: no data; `learning`: too little of it.

    `firing` are the severities of its rules that fire; `silent`: no observation comes any more.
    `period`: which period the budget is of, where that is not the one of now.
    """

    slo_id: str
    remaining: Fraction | None
    observed: Fraction | None
    firing: tuple[Severity, ...] = ()
    silent: bool = False
    learning: bool = False
    period: str | None = None
    canary: Comparison | None = None


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An incident of the service that nobody has resolved."""

    id: str
    title: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Reason:
    """One finding: what it means by the policy. `known` is False where it is that we do not know.

    `slo_id` None: it is about the service, or about Nines.
    """

    state: GateState
    sentence: str
    slo_id: str | None = None
    known: bool = True


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody's word in the policy's place: for a service, or one SLO of it, until it expires."""

    id: str
    service: str
    slo: str | None
    state: GateState
    reason: str
    author: str
    created_at: datetime
    until: datetime
    ended_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        return self.created_at <= now < self.until and self.ended_at is None

    def ended(self, now: datetime) -> "Override":
        """The same, but over now. Raises PlanError."""
        if self.ended_at is not None or self.until <= now:
            over = min(self.ended_at or self.until, self.until)
            raise PlanError("", f"this override is over since {over:%Y-%m-%d %H:%M} UTC")
        return replace(self, ended_at=now)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a release is told, and why: reasons strictest first. `known`: no reason is a doubt."""

    state: GateState
    reasons: tuple[Reason, ...]
    override: Override | None = None

    @property
    def known(self) -> bool:
        return all(reason.known for reason in self.reasons)


def decide(
    policy: GatePolicy,
    seen: Sequence[Seen],
    *,
    incidents: Sequence[OpenIncident] = (),
    illness: Sequence[str] = (),
    override: Override | None = None,
) -> Decision:
    """May it go? The strictest reason decides, unless somebody overrides them all.

    `illness` are sentences on what ails Nines itself. Nothing to look at at all is unknown.
    """
    found = [Reason(policy.unknown, sentence, known=False) for sentence in illness]
    if not seen:
        found.append(Reason(policy.unknown, "There is no SLO to go by.", known=False))
    found += [_of_incident(policy, one) for one in incidents]
    for one in seen:
        found += _of_slo(policy, one)
    ordered = tuple(sorted(found, key=lambda reason: -reason.state.rank))
    state = ordered[0].state
    if override is not None:
        state = override.state
    return Decision(state, ordered, override)


def _of_incident(policy: GatePolicy, one: OpenIncident) -> Reason:
    state = policy.incidents.get(one.severity, GateState.OK)
    return Reason(state, f"Incident {one.id} is open ({one.severity}): {one.title}")


def _of_slo(policy: GatePolicy, seen: Seen) -> list[Reason]:
    def reason(state: GateState, sentence: str, *, known: bool = True) -> Reason:
        return Reason(state, sentence, seen.slo_id, known)

    found = []
    for severity in sorted(set(seen.firing), key=lambda one: one.rank):
        state = policy.burning.get(severity, GateState.OK)
        found.append(reason(state, f"{seen.slo_id} burns so fast that its {severity} rule fires."))
    if seen.canary is not None:
        found.append(_of_canary(policy, seen.slo_id, seen.canary))
    doubt = _doubt(policy, seen)
    if doubt is not None:
        return [*found, reason(policy.unknown, doubt, known=False)]
    assert seen.remaining is not None  # noqa: S101 - that would be a doubt
    of = "" if seen.period is None else f" of {seen.period}"
    left = f"{format_percent(seen.remaining)} of the error budget{of} of {seen.slo_id} is left"
    if seen.remaining <= policy.freeze_at:
        limit = f"; releases stop at {format_percent(policy.freeze_at)}"
        found.append(reason(GateState.FREEZE, f"{left}{limit}."))
    elif seen.remaining < policy.caution_below:
        limit = f", less than {format_percent(policy.caution_below)}"
        found.append(reason(GateState.CAUTION, f"{left}{limit}."))
    else:
        found.append(reason(GateState.OK, f"{left}."))
    return found


def _doubt(policy: GatePolicy, seen: Seen) -> str | None:
    """Why the budget of an SLO says nothing."""
    if seen.remaining is None:
        return f"{seen.slo_id} has no data."
    if seen.silent:
        return f"Observations of {seen.slo_id} do not come any more."
    if seen.learning:
        return f"Too little of the window of {seen.slo_id} was observed: it is still being learnt."
    if seen.observed is None or seen.observed < policy.min_observed:
        had = "nothing" if seen.observed is None else f"only {format_percent(seen.observed)}"
        return (
            f"Of what was due to be observed of {seen.slo_id}, {had} was; the policy asks for"
            f" {format_percent(policy.min_observed)}."
        )
    return None


_CANARY = {
    Finding.NO_WORSE: GateState.OK,
    Finding.MAYBE_WORSE: GateState.CAUTION,
    Finding.WORSE: GateState.FREEZE,
}


def _of_canary(policy: GatePolicy, slo_id: str, one: Comparison) -> Reason:
    counts = (
        f"{one.after.bad:,} of {one.after.total:,} events were bad since, before it"
        f" {one.before.bad:,} of {one.before.total:,}"
    )
    if one.chance is None:
        words = f"{slo_id}: {counts}; that is too little to compare."
        return Reason(policy.unknown, words, slo_id, known=False)
    word = {
        Finding.NO_WORSE: "no worse than before",
        Finding.MAYBE_WORSE: "perhaps worse than before",
        Finding.WORSE: "worse than before",
    }[one.finding]
    words = f"{slo_id} is {word}: {counts} (by chance: {one.chance:.2g})."
    return Reason(_CANARY[one.finding], words, slo_id)


def overridden(made: Override, policy: GatePolicy, now: datetime, slos: Sequence[str]) -> Override:
    """The same, where somebody may say it. Raises PlanError. `slos` are the service's, by name."""
    if made.slo is not None and made.slo not in slos:
        raise PlanError("slo", f"{made.service} has no SLO {made.slo[:400]!r}")
    if made.state is GateState.UNKNOWN:
        raise PlanError("state", "an override is ok, caution or freeze")
    if policy.owners and made.author not in policy.owners:
        raise PlanError("by", f"{made.author} may not override: gate.owners does not name them")
    if made.until <= now:
        raise PlanError("until", "it would be over before it began")
    if made.until > now + LONGEST_OVERRIDE:
        longest = format_duration(LONGEST_OVERRIDE)
        raise PlanError("until", f"it lasts longer than {longest}: change the policy instead")
    return made
