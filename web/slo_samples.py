"""One SLO's samples: lines prepared once for a configuration, which then get their values."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from dashboards.facts import STATES, remaining_ratio
from dashboards.flow import FlowState
from dashboards.plain import ratio
from dashboards.source import ServiceCard
from slo.alert_state import AlertState, Phase
from slo.counts import Counts
from slo.definition import SLO, QuorumSLI
from slo.digest import Digest
from slo.evaluate import lookbacks
from slo.status import BudgetState, NowState, SLOStatus
from slo.units import format_duration
from web.exposition import Family, Labels, counter, gauge, info, numbers

_INFO = info("slo", "What the SLO is and whose; always 1.")
_OBJECTIVE = gauge("slo_objective_ratio", "The promised share of good events.")
_WINDOW = gauge("slo_window_seconds", "The stretch of time that the SLO is judged over.")
_SLI = gauge("slo_sli_ratio", "The share of good events over the window; absent without events.")
_EVENTS = counter(
    "slo_events",
    "Events since the SLO was first watched; unknown ones are neither good nor bad.",
)
_BUDGET = gauge(
    "slo_error_budget_remaining_ratio",
    "What is left of the window's error budget; negative once overspent, absent without events.",
)
_BURN = gauge(
    "slo_burn_rate",
    "How fast the budget is spent over the lookback: 1, held, spends exactly the budget.",
)
_COVERAGE = gauge(
    "slo_coverage_ratio", "The share of the observations due over the window that came."
)
_BELOW_QUORUM = gauge(
    "slo_below_quorum_slices",
    "Slices of the window in which vantages of a quorum failed, and too few to make them bad.",
)
_ALERTS = gauge("slo_alert_firing", "Whether a burn-rate tier fires: 1 or 0.")
_STATUS = gauge(
    "slo_status",
    "1 for the state that the budget is in and for the one that the SLO is in now, else 0.",
)
_BOUNDS = gauge(
    "slo_sli_bound_ratio",
    "What the SLI would be, were all unknown events bad (lowest), or good (highest).",
)
_FLOW = gauge(
    "slo_flow_status",
    "1 for what comes to be counted: flowing, idle, or why nothing does; else 0.",
)
_EVALUATION = gauge("slo_last_evaluation_timestamp_seconds", "When the SLO was last evaluated.")

FAMILIES: tuple[Family, ...] = (
    _INFO,
    _OBJECTIVE,
    _WINDOW,
    _SLI,
    _EVENTS,
    _BUDGET,
    _BURN,
    _COVERAGE,
    _BELOW_QUORUM,
    _ALERTS,
    _STATUS,
    _EVALUATION,
    _BOUNDS,
    _FLOW,
)


def promise_of(slo: SLO) -> Labels:
    """What tells the samples of one promise from those of any other."""
    return (
        ("service", slo.service),
        ("slo", slo.name),
        ("objective", slo.objective.label),
        ("window", slo.window.label),
    )


class SLOSamples:
    """The lines of one SLO, for as long as its definition and its service's card stay.

    `texts` are what was last told, one for each of FAMILIES. A fact that is not known is left out,
    never 0.
    """

    def __init__(self, slo: SLO, card: ServiceCard | None) -> None:
        self.slo, self.card = slo, card
        self.texts: tuple[bytes, ...] = (b"",) * len(FAMILIES)
        self._told: tuple[SLOStatus | None, frozenset[str], FlowState | None] = (
            None,
            frozenset(),
            None,
        )
        of_slo: Labels = (("service", slo.service), ("slo", slo.name))
        self._promise = promise_of(slo)
        self._fixed = self._configured()
        self._sli, self._budget, self._coverage = (
            family.prepared(self._promise) for family in (_SLI, _BUDGET, _COVERAGE)
        )
        self._below = b""
        if isinstance(slo.sli, QuorumSLI):
            self._below = _BELOW_QUORUM.prepared(self._promise)
        self._evaluation = self._events = b""
        if not slo.variant:  # variants share the labels, and what they count
            self._evaluation = _EVALUATION.prepared(of_slo)
            self._events = b"".join(
                _EVENTS.prepared((*of_slo, ("result", result)))
                for result in ("good", "bad", "unknown")
            )
        self._below_quorum = b""
        self._lookbacks: Sequence[timedelta] = ()
        self._burns: list[bytes] = []
        self._all_burns = b""
        self._bounds = b"".join(
            _BOUNDS.prepared((*self._promise, ("bound", bound))) for bound in ("lowest", "highest")
        )
        self._flows: dict[FlowState, bytes] = {}
        self._alerts: dict[frozenset[str], bytes] = {}
        self._states: dict[tuple[BudgetState, NowState], bytes] = {}

    def tell(self, status: SLOStatus, rules: Mapping[str, AlertState], flow: FlowState) -> None:
        """Say what `status` says, while the rules stand as in `rules` and such events come."""
        firing = frozenset([key for key, state in rules.items() if state.phase is Phase.FIRING])
        told, fired, flowed = self._told
        if status is told and firing == fired and flow is flowed:
            return
        self._told = status, firing, flow
        self._below_quorum = self._below and self._below % (b"%d" % status.beside)
        budget = status.budget
        lowest, highest = status.sli_bounds or (None, None)
        if not self._lookbacks:
            self._lookbacks = [burn.lookback for burn in status.burns]
        self._say(
            (
                ratio(status.sli),
                remaining_ratio(budget) if budget else None,
                ratio(status.window.coverage),
                status.at.timestamp(),
                ratio(lowest),
                ratio(highest),
                *[ratio(burn.rate) for burn in status.burns],
            ),
            status.lifetime,
            firing,
            self._state(status.budget_state, status.now_state),
            self._flow(flow),
        )

    def tell_at_rest(self, digest: Digest) -> None:
        """Say what `digest` says."""
        self._told = (None, frozenset(), None)
        if not self._lookbacks:
            self._lookbacks = lookbacks(digest.slo)
        _, state, flow = self.at_rest(digest.budget_state, idle=digest.idle)
        self._say(
            (
                digest.sli,
                digest.remaining,
                digest.coverage,
                digest.at.timestamp(),
                *digest.bounds,
                *digest.rates,
            ),
            digest.lifetime,
            frozenset(),
            state,
            flow,
        )

    def at_rest(self, budget: BudgetState, *, idle: bool) -> tuple[bytes, bytes, bytes]:
        """The lines of its rules, its states and what comes, while it is at rest."""
        flow = self._flow(FlowState.IDLE if idle else FlowState.FLOWING)
        return self._firing(frozenset()), self._state(budget, NowState.OK), flow

    def blank(self) -> Sequence[bytes]:
        """One for each of FAMILIES: its lines, with `%b` for each value that changes at rest."""
        if not self._lookbacks:
            self._lookbacks = lookbacks(self.slo)
        self._prepare_burns()
        return (
            *self._fixed,
            self._sli,
            self._events,
            self._budget,
            self._all_burns,
            self._coverage,
            b"",
            b"",
            b"",
            self._evaluation,
            self._bounds,
            b"",
        )

    def _say(
        self,
        values: Sequence[float | None],
        life: Counts,
        firing: frozenset[str],
        state: bytes,
        flow: bytes,
    ) -> None:
        sli, left, coverage, at, low, high, *rates = numbers(*values)
        counted = b"%d" % life.good, b"%d" % life.bad, b"%d" % life.unknown
        self.texts = (
            *self._fixed,
            self._sli % sli if sli else b"",
            self._events and self._events % counted,
            self._budget % left if left else b"",
            self._burn_rates(rates),
            self._coverage % coverage if coverage else b"",
            self._below_quorum,
            self._firing(firing),
            state,
            self._evaluation and self._evaluation % at,
            self._bounds % (low, high) if low else b"",
            flow,
        )

    def _configured(self) -> tuple[bytes, ...]:
        told: Labels = (
            ("owner", (self.card.owner if self.card else None) or ""),
            ("service_title", self.card.title if self.card else ""),
            ("collector", (self.slo.collector_id or "").rpartition("/")[2]),
        )
        return (
            _INFO.line((*self._promise, *told), 1),
            _OBJECTIVE.line(self._promise, float(self.slo.objective.share)),
            _WINDOW.line(self._promise, self.slo.window.seconds),
        )

    def _prepare_burns(self) -> None:
        if not self._burns:  # the lookbacks belong to the definition, so these stay as they are
            self._burns = [
                _BURN.prepared((*self._promise, ("lookback", format_duration(lookback))))
                for lookback in self._lookbacks
            ]
            self._all_burns = b"".join(self._burns)

    def _burn_rates(self, rates: Sequence[bytes | None]) -> bytes:
        self._prepare_burns()
        if None not in rates:
            return self._all_burns % tuple(rates)
        return b"".join(
            line % rate for line, rate in zip(self._burns, rates, strict=True) if rate is not None
        )

    def _firing(self, firing: frozenset[str]) -> bytes:
        have = self._alerts.get(firing)
        if have is not None:
            return have
        # Tiers that differ in their short window alone share their labels: any of them counts.
        now: dict[tuple[str, str], bool] = {}
        for tier in self.slo.tiers:
            key = (tier.severity.value, format_duration(tier.long))
            now[key] = now.get(key, False) or tier.key in firing
        lines = _ALERTS.lines(
            ((*self._promise, ("severity", severity), ("long_window", long)), int(value))
            for (severity, long), value in now.items()
        )
        self._alerts = {firing: lines}  # the newest alone: there are many ways to fire
        return lines

    def _flow(self, flow: FlowState) -> bytes:
        have = self._flows.get(flow)
        if have is not None:
            return have
        lines = _FLOW.lines(
            ((*self._promise, ("state", state.value)), int(state is flow)) for state in FlowState
        )
        self._flows = {flow: lines}
        return lines

    def _state(self, budget: BudgetState, now: NowState) -> bytes:
        have = self._states.get((budget, now))
        if have is not None:
            return have
        lines = _STATUS.lines(
            ((*self._promise, ("state", state.value)), int(state in (budget, now)))
            for state in STATES
        )
        self._states = {(budget, now): lines}
        return lines
