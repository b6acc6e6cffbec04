"""One SLO at one moment: budget, burn rates, tiers, alert states. Pure; `now` is an argument."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

from slo import figures
from slo.alert_state import AlertState, Phase, step
from slo.counts import Counts, WindowCounts
from slo.definition import SLO
from slo.evidence import LIMITS, enough_bad, tail
from slo.exclusion import NOTHING, Overlay, planned_slices
from slo.forecast import forecast
from slo.ledger import Ledger
from slo.severity import Severity
from slo.slices import SliceCounts
from slo.status import (
    Budget,
    BudgetState,
    Burn,
    Forecast,
    NowState,
    Raw,
    SLOStatus,
    TierReading,
    Verdict,
)
from slo.tiers import Tier
from slo.units import format_duration
from slo.window import Calendar

NO_DATA = "no_data"  # the rule's key beside the tiers' keys
_SHOWN_LOOKBACKS = (timedelta(minutes=5), timedelta(hours=1))
AT_RISK_BELOW = Fraction(1, 4)
_LEARNING_BELOW = Fraction(1, 10)
_LEARNING_BELOW_OF_A_PERIOD = Fraction(1, 20)
_NONE = timedelta(0)


def evaluate(
    slo: SLO,
    ledger: Ledger,
    now: datetime,
    states: Mapping[str, AlertState],
    awake_since: datetime,
    raw: Ledger | None = None,
) -> tuple[SLOStatus, dict[str, AlertState]]:
    """The SLO's status at `now`, and its rules' states after this look.

    `states` are the former states by tier key and NO_DATA; `awake_since` is when this process
    began to watch, so that our own absence is not taken for the target's silence. `raw` is a ledger
    of the same counts with nothing excluded, where something is.
    """
    readings = tuple(
        read_tier(slo, tier, ledger, now, firing=_firing(states.get(tier.key)))
        for tier in slo.tiers
    )
    after = {
        reading.tier.key: step(
            states.get(reading.tier.key, AlertState()),
            reading.verdict,
            now,
            for_=reading.tier.for_,
            keep_firing_for=reading.tier.keep_firing_for,
        )
        for reading in readings
    }
    if not slo.variant:  # what is silent to one is silent to all
        after[NO_DATA] = step(
            states.get(NO_DATA, AlertState()),
            silence(slo, ledger.last_observation, now, awake_since, ledger.overlay),
            now,
            for_=timedelta(0),
            keep_firing_for=timedelta(0),
        )
    window, slices = _whole(slo, ledger, now)
    budget = _budget(slo, window, slices, now, ledger.overlay)
    outlook = forecast(slo, ledger, now)
    status = SLOStatus(
        slo=slo,
        at=now,
        window=window,
        sli=_sli(window, slices),
        sli_bounds=_bounds(window.counts) if slices is None else slices.bounds,
        budget=budget,
        burns=tuple(read_burn(slo, ledger, lookback, now) for lookback in lookbacks(slo)),
        tiers=readings,
        forecast=outlook,
        budget_state=_budget_state(slo, window, budget, outlook, now, ledger.overlay),
        now_state=_now_state(slo, readings, after, ledger, now),
        lifetime=ledger.lifetime,
        last_observation=ledger.last_observation,
        watched_since=ledger.watched_since,
        causes=ledger.causes(now - slo.window.start(now), now),
        slices=slices,
        raw=None if raw is None else _raw(slo, raw, now),
        excluded_now=ledger.overlay.at(now),
    )
    return status, after


def _raw(slo: SLO, ledger: Ledger, now: datetime) -> Raw:
    window, slices = _whole(slo, ledger, now)
    budget = _budget(slo, window, slices, now, ledger.overlay)
    return Raw(window, _sli(window, slices), budget, slices)


def _sli(window: WindowCounts, slices: SliceCounts | None) -> Fraction | None:
    if slices is None:
        return window.counts.good_ratio
    return None if slices.bad_ratio is None else 1 - slices.bad_ratio


def _whole(slo: SLO, ledger: Ledger, now: datetime) -> tuple[WindowCounts, SliceCounts | None]:
    """The SLO's own window: its sums, and its slices where they are what counts."""
    if isinstance(slo.window, Calendar):
        start = slo.window.start(now)
        slices = ledger.slices_since(start, now) if slo.slicing is not None else None
        return ledger.since(start, now), slices
    slices = ledger.slices(slo.window.length, now) if slo.slicing is not None else None
    return ledger.window(slo.window.length, now), slices


def _budget(
    slo: SLO, window: WindowCounts, slices: SliceCounts | None, now: datetime, overlay: Overlay
) -> Budget | None:
    if slices is None or slo.slicing is None:
        weight = window.counts.total
        return Budget(slo.objective.budget_share * weight, window.counts.bad) if weight else None
    if not slices.observed:
        return None
    weight = slices.observed
    if isinstance(slo.window, Calendar):
        # What a period allows is known from its first day: so many slices it has.
        start, end = slo.window.start(now), slo.window.end(now)
        weight = planned_slices(start, end, slo.slicing.length, overlay)
        if not weight:
            return None
    return Budget(slo.objective.budget_share * weight, slices.cost)


def standing(slo: SLO, ledger: Ledger, now: datetime) -> tuple[Budget | None, bool]:
    """The budget at `now`, as in the status, and whether it is still being learnt."""
    window, slices = _whole(slo, ledger, now)
    overlay = ledger.overlay
    budget = _budget(slo, window, slices, now, overlay)
    return budget, is_learning(slo, window, now, overlay)


def told_at(
    slo: SLO,
    ledger: Ledger,
    at: datetime,
    recorded: Mapping[str, AlertState],
    raw: Ledger | None = None,
) -> SLOStatus:
    """The status at a moment that is over, when the rules stood as `recorded`.

    The ledger holds nothing after `at`. What fired then stays as it was recorded, whatever the
    counts, which may have come late, would have it be.
    """
    status, _ = evaluate(slo, ledger, at, recorded, at, raw)
    return replace(status, now_state=_now_state(slo, status.tiers, recorded, ledger, at))


def silence(
    slo: SLO,
    last_observation: datetime | None,
    now: datetime,
    awake_since: datetime,
    overlay: Overlay = NOTHING,
) -> Verdict:
    """Whether observations stopped coming; FROZEN while we have not been awake long enough to say.

    Only an observation ends a silence: a restart of ours is no sign of life of the target. Excluded
    time has none, and what was silent within it is given as long again.
    """
    return silent(slo.no_data_after, last_observation, now, awake_since, overlay)


def silent(
    after: timedelta,
    last_observation: datetime | None,
    now: datetime,
    awake_since: datetime,
    overlay: Overlay = NOTHING,
) -> Verdict:
    """As `silence`, which lasts so long before it is one."""
    if overlay:
        if overlay.at(now) is not None:
            return Verdict.FALSE
        awake_since = max(awake_since, overlay.last_end(now) or awake_since)
    if last_observation is not None and now - last_observation < after:
        return Verdict.FALSE
    if now - max(last_observation or awake_since, awake_since) >= after:
        return Verdict.TRUE
    return Verdict.FROZEN


def lookbacks(slo: SLO) -> tuple[timedelta, ...]:
    """The stretches that burn rates are kept for, shortest first."""
    wanted = {*_SHOWN_LOOKBACKS}
    for tier in slo.tiers:
        wanted |= {tier.long, tier.short}
    step = timedelta(microseconds=1) if slo.slicing is None else slo.slicing.length
    return tuple(
        sorted(
            lookback for lookback in wanted if lookback <= slo.window.length and not lookback % step
        )
    )


def burn_rate(slo: SLO, counts: Counts, seen: int, excluded: timedelta = _NONE) -> Fraction | None:
    """How fast the budget is spent: 1 is exactly on budget. Idle and excluded time burns 0."""
    if counts.total:
        share = slo.objective.budget_share  # one fraction made, not three
        return Fraction(counts.bad * share.denominator, counts.total * share.numerator)
    return Fraction(0) if seen or excluded else None


def read_burn(slo: SLO, ledger: Ledger, lookback: timedelta, now: datetime) -> Burn:
    """The burn rate over the last `lookback`, every event counted."""
    window = ledger.window(lookback, now)
    if slo.slicing is None:
        excluded = ledger.excluded(lookback, now)
        return Burn(lookback, window, burn_rate(slo, window.counts, window.seen, excluded))
    return _slice_burn(slo, ledger, ledger.slices(lookback, now), lookback, now)


def _read_short(slo: SLO, ledger: Ledger, lookback: timedelta, now: datetime) -> Burn:
    """As `read_burn`, of what was seen in its own time: smeared events may be hours old."""
    window = ledger.window(lookback, now)
    if slo.slicing is None:
        excluded = ledger.excluded(lookback, now)
        return Burn(lookback, window, burn_rate(slo, window.observed, window.seen, excluded))
    return _slice_burn(slo, ledger, ledger.slices(lookback, now, own=True), lookback, now)


def _slice_burn(
    slo: SLO, ledger: Ledger, slices: SliceCounts, lookback: timedelta, now: datetime
) -> Burn:
    window, ratio = ledger.window(lookback, now), slices.bad_ratio
    if ratio is None:
        calm = window.seen or ledger.excluded(lookback, now)
        return Burn(lookback, window, Fraction(0) if calm else None, slices)
    return Burn(lookback, window, ratio / slo.objective.budget_share, slices)


def read_tier(slo: SLO, tier: Tier, ledger: Ledger, now: datetime, *, firing: bool) -> TierReading:
    """What a tier says now. A firing one needs no evidence against chance to stay true."""
    long = read_burn(slo, ledger, tier.long, now)
    short = _read_short(slo, ledger, tier.short, now)
    window = short.window
    expected = tier.short - ledger.excluded(tier.short, now)
    due = Fraction(expected // timedelta(microseconds=1), slo.interval // timedelta(microseconds=1))
    if window.seen * 2 < due:
        return TierReading(
            tier,
            long,
            short,
            Verdict.FROZEN,
            f"only {window.seen} of about {float(due):.0f} observations of the last "
            f"{format_duration(tier.short)} came: too few to judge",
        )
    if long.rate is None or short.rate is None or not _above(tier, long.rate, short.rate):
        return TierReading(tier, long, short, Verdict.FALSE, _below_reason(tier, long, short))
    what, counts = evidence_of(slo, long)
    if firing:
        return TierReading(tier, long, short, Verdict.TRUE, _above_reason(tier, long, short))
    limit = LIMITS[tier.severity]
    likelihood = tail(counts.bad, counts.total, slo.objective.budget_share)
    if likelihood >= limit:
        needed = enough_bad(counts.total, slo.objective.budget_share, limit)
        wanted = f"{needed} bad {what} would be" if needed else "none would be yet"
        return TierReading(
            tier,
            long,
            short,
            Verdict.FALSE,
            f"{counts.bad} bad of {counts.total} {what} in {format_duration(tier.long)} are too "
            f"little evidence (chance {likelihood:.2g}, limit {limit:g}); {wanted}",
            likelihood,
            needed,
        )
    return TierReading(
        tier, long, short, Verdict.TRUE, _above_reason(tier, long, short), likelihood
    )


def evidence_of(slo: SLO, long: Burn) -> tuple[str, Counts]:
    """What is held against chance, and how much of it: slices that are good or bad as a whole are
    the events of their method.
    """
    if long.slices is None or slo.slicing is None or slo.slicing.target is None:
        return "events", long.window.counts
    bad = int(long.slices.cost)
    return "slices", Counts(long.slices.observed - bad, bad)


def _above(tier: Tier, long: Fraction, short: Fraction) -> bool:
    return long > tier.factor and short > tier.factor


def _above_reason(tier: Tier, long: Burn, short: Burn) -> str:
    return (
        f"burning {_times(long, tier)} over {format_duration(tier.long)} and "
        f"{_times(short, tier)} over {format_duration(tier.short)}, "
        f"both above {figures.factor(tier.factor)}"
    )


def _below_reason(tier: Tier, long: Burn, short: Burn) -> str:
    limit = figures.factor(tier.factor)
    for burn, length in ((long, tier.long), (short, tier.short)):
        if burn.rate is None:
            return f"no events over {format_duration(length)}"
        if burn.rate <= tier.factor:
            return f"burning {_times(burn, tier)} over {format_duration(length)}, not above {limit}"
    return f"not above {limit}"


def _times(burn: Burn, tier: Tier) -> str:
    return "nothing" if burn.rate is None else figures.burn_beside(burn.rate, tier.factor)


def _firing(state: AlertState | None) -> bool:
    return state is not None and state.phase is Phase.FIRING


def _bounds(counts: Counts) -> tuple[Fraction, Fraction] | None:
    everything = counts.total + counts.unknown
    if not everything:
        return None
    return (
        Fraction(counts.good, everything),
        Fraction(counts.good + counts.unknown, everything),
    )


def _budget_state(
    slo: SLO,
    window: WindowCounts,
    budget: Budget | None,
    outlook: Forecast,
    now: datetime,
    overlay: Overlay,
) -> BudgetState:
    if budget is None:
        return BudgetState.NO_DATA
    if is_learning(slo, window, now, overlay):
        return BudgetState.LEARNING
    if budget.remaining <= 0:
        return BudgetState.EXHAUSTED
    if budget.remaining < AT_RISK_BELOW or outlook.at is not None:
        return BudgetState.AT_RISK
    return BudgetState.HEALTHY


def is_learning(slo: SLO, window: WindowCounts, now: datetime, overlay: Overlay) -> bool:
    """Whether too little of the SLO's own window was observed for its budget to mean something."""
    observed = window.seen * (slo.interval // timedelta(microseconds=1))
    return observed < learnt_after(slo, now, overlay) // timedelta(microseconds=1)


def learnt_after(slo: SLO, now: datetime, overlay: Overlay = NOTHING) -> timedelta:
    """How much has to be observed before a budget means something; of what is not excluded."""
    start, end, share = slo.window.start(now), now, _LEARNING_BELOW
    if isinstance(slo.window, Calendar):
        end, share = slo.window.end(now), _LEARNING_BELOW_OF_A_PERIOD
    whole = end - start - overlay.between(start, end)
    return whole * share.numerator / share.denominator


def _now_state(
    slo: SLO,
    readings: tuple[TierReading, ...],
    states: Mapping[str, AlertState],
    ledger: Ledger,
    now: datetime,
) -> NowState:
    firing = {
        reading.tier.severity for reading in readings if _firing(states.get(reading.tier.key))
    }
    if Severity.PAGE in firing:
        return NowState.BURNING_FAST
    if firing:
        return NowState.BURNING
    heard, overlay = ledger.last_observation, ledger.overlay
    if overlay and heard is not None:
        # What is silent while it is excluded, is none the worse for it.
        heard = max(heard, now if overlay.at(now) else overlay.last_end(now) or heard)
    if heard is None or now - heard > slo.stale_after:
        return NowState.STALE
    if _failing(slo, readings, states):
        return NowState.FAILING
    for reading in readings:
        long, short, factor = reading.long.rate, reading.short.rate, reading.tier.factor
        if long is not None and long > factor and (short is None or short <= factor):
            return NowState.RECOVERING
    return NowState.OK


def _failing(slo: SLO, readings: tuple[TierReading, ...], states: Mapping[str, AlertState]) -> bool:
    """Does it look like an outage that no rule may call one yet?

    Half of what the shortest window saw was bad; or some of it was, and only the observations that
    are missing, or its `for`, keep a page rule from firing.
    """
    if not readings:
        return False
    seen = min(readings, key=lambda reading: reading.tier.short).short.window.observed
    if seen.bad and seen.bad * 2 >= seen.total:
        return True
    if seen.total and not seen.bad:
        return False
    return any(
        _almost_firing(slo, reading, states.get(reading.tier.key))
        for reading in readings
        if reading.tier.severity is Severity.PAGE
    )


def _almost_firing(slo: SLO, reading: TierReading, state: AlertState | None) -> bool:
    tier, long, short = reading.tier, reading.long, reading.short
    if reading.verdict is Verdict.TRUE:
        return state is not None and state.phase is Phase.PENDING
    if reading.verdict is not Verdict.FROZEN or long.rate is None or short.rate is None:
        return False
    counts = long.window.counts
    return (
        _above(tier, long.rate, short.rate)
        and tail(counts.bad, counts.total, slo.objective.budget_share) < LIMITS[tier.severity]
    )
