"""Burn-rate tiers: pairs of a long and a short window that must both burn faster than a factor.

Source of the default shares and windows: The Site Reliability Workbook, chapter 5,
"6: Multiwindow, Multi-Burn-Rate Alerts".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from slo.objective import Objective
from slo.severity import Severity
from slo.units import format_duration

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
# (severity, share of the budget spent within the long window, long, short)
_DEFAULTS = (
    (Severity.PAGE, Fraction(2, 100), _HOUR, timedelta(minutes=5)),
    (Severity.PAGE, Fraction(5, 100), 6 * _HOUR, timedelta(minutes=30)),
    (Severity.TICKET, Fraction(10, 100), _DAY, 2 * _HOUR),
    (Severity.TICKET, Fraction(10, 100), 3 * _DAY, 6 * _HOUR),
)
DEFAULT_KEEP_FIRING_FOR = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Tier:
    """Fires while burn(long) > factor and burn(short) > factor, both strictly."""

    severity: Severity
    factor: Fraction
    long: timedelta
    short: timedelta
    for_: timedelta = timedelta(0)
    keep_firing_for: timedelta = DEFAULT_KEEP_FIRING_FOR
    note: str | None = None  # why the factor is not the one that was asked for

    @property
    def key(self) -> str:
        """What tells this tier from the SLO's others, stable over restarts: `page:1h:5m`."""
        return f"{self.severity}:{format_duration(self.long)}:{format_duration(self.short)}"

    def share(self, period: timedelta) -> Fraction:
        """The share of the budget that burning at the factor spends within the long window."""
        return self.factor * _seconds(self.long) / _seconds(period)


def factor_of_share(share: Fraction, period: timedelta, long: timedelta) -> Fraction:
    """The burn rate that spends `share` of the budget within `long`, at uniform traffic."""
    return share * _seconds(period) / _seconds(long)


def default_tiers(objective: Objective, period: timedelta) -> tuple[Tier, ...]:
    """The Workbook's tiers scaled to `period`; see semantics: raised to 1, lowered to 0.9/(1-T).

    Tiers longer than the period are dropped and equal ones merge.
    """
    tiers: dict[tuple[Severity, timedelta, timedelta], Tier] = {}
    ceiling = objective.max_burn
    for severity, share, long, short in _DEFAULTS:
        if long > period:
            continue
        factor, note = factor_of_share(share, period, long), None
        if factor < 1:
            factor = Fraction(1)
            note = "raised to 1: a slower pace, held for the whole window, stays within the budget"
        if factor >= ceiling:
            factor = Fraction(9, 10) * ceiling
            note = f"lowered to 0.9 of the {float(ceiling):g}x that a full outage burns"
        tiers.setdefault((severity, long, short), Tier(severity, factor, long, short, note=note))
    return tuple(tiers.values())


def impossible(tiers: Sequence[Tier], objective: Objective) -> list[Tier]:
    """The tiers that can never fire: a full outage burns no faster than their factor."""
    return [tier for tier in tiers if tier.factor >= objective.max_burn]


def _seconds(value: timedelta) -> Fraction:
    return Fraction(value // timedelta(microseconds=1), 1_000_000)
