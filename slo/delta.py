"""What one series counted since the page before."""

import math
from dataclasses import dataclass

from slo.counter_memory import exact, is_count
from slo.counter_state import TargetState
from slo.exposition import Sample, Series
from slo.increment import Exact
from slo.process import Switch, is_newer


@dataclass(frozen=True, slots=True)
class Delta:
    """What a series counted since the previous page; exactly one of the first four is not None.

    `known`: that much. `fresh`: that much, if it began at 0 in this process. `baseline`: nothing
    that could be known, and a sentence where that is worth one. `broken`: the page has no count.
    `own`: as far as its own process's last page can tell, whichever process answered since.
    """

    names: frozenset[str]
    known: Exact | None = None
    fresh: Exact | None = None
    baseline: str | None = None
    broken: str | None = None
    own: Exact = 0


def delta_of(
    state: TargetState, series: Series, sample: Sample, names: frozenset[str], switch: Switch
) -> Delta:
    """What a series of the page counted, as far as can be known."""
    if not is_count(sample.value):
        # Without its value: a counter that goes on falling is one anomaly, not one for each page.
        what = "negative" if math.isfinite(sample.value) else f"{sample.value:g}"
        said = f"{series} is {what}, which is no count: it is left out"
        return Delta(names, broken=said)
    value, before = exact(sample.value), state.series.get(series)
    if switch is Switch.FIRST:
        return Delta(names, baseline="")
    if switch is Switch.RESTART:
        watched = before is not None or not names.isdisjoint(state.selectors)
        if before is not None and not before.vanished:
            return Delta(names, known=value)
        return Delta(names, fresh=value) if watched else Delta(names, baseline="")
    if before is None:
        return _first_value(state, series, sample, names)
    was = exact(before.base(sample.value))
    if switch in (Switch.OTHER, Switch.FELL, Switch.LEAP):
        base = before.other_value
        own = value - exact(base) if base is not None and value >= base else 0
    else:
        own = value - was if value >= was else value
    if value < was or is_newer(sample, before):
        return Delta(names, known=value, own=own)
    return Delta(names, known=value - was, own=own)


def _first_value(
    state: TargetState, series: Series, sample: Sample, names: frozenset[str]
) -> Delta:
    """A series that this process of the target never showed: it began at 0, with exceptions."""
    if names.isdisjoint(state.selectors):
        return Delta(names, baseline="")  # newly selected: its past is not ours
    if state.forgot:
        said = f"{series} is new, but too many series come and go to be sure: counted from now on"
        return Delta(names, baseline=said)
    if sample.created is not None and state.at and sample.created < state.at.timestamp():
        said = f"{series} is new, but was created before the last page: counted from now on"
        return Delta(names, baseline=said)
    return Delta(names, fresh=exact(sample.value))
