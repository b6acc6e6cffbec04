"""What contradicts itself in an SLO that is well formed."""

import math
from dataclasses import dataclass
from datetime import timedelta

from slo.config import SLOConfig
from slo.definition import SLO, DerivedSLI
from slo.derived import LONGEST_SLICE, slice_misfit
from slo.grid import unit_seconds
from slo.slices import Slicing
from slo.surroundings import Surroundings
from slo.tiers import impossible
from slo.units import format_duration
from slo.window import Calendar

_SLICES_OF_A_PERIOD = timedelta(minutes=15)  # what divides every zone's offset from UTC
_LONGEST_TIMEOUT = timedelta(minutes=5)
_MOST_OVERLAP = 30  # runs of one probe at the same time


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an SLO that is well formed; `where` is the way to it inside the SLO."""

    where: tuple[str | int, ...]
    sentence: str


def faults(slo: SLO, config: SLOConfig, around: Surroundings) -> list[Fault]:
    """Everything that contradicts itself in a well-formed SLO."""
    window = slo.window.length
    at_window = place_of_window(slo, config)
    found = []
    if not _fits(window, around.bucket):
        found.append(Fault(at_window, _misfit("window", window, around.bucket)))
    if slo.interval > window:
        found.append(
            Fault(
                at_window,
                f"the window of {slo.window.label} is shorter than {_interval_of(slo)}, "
                f"{format_duration(slo.interval)}",
            )
        )
    if config.no_data_after is not None and config.no_data_after < 2 * slo.interval:
        found.append(
            Fault(
                ("no_data_after",),
                f"{format_duration(config.no_data_after)} without data is normal for "
                f"{_what_runs(slo)} every {format_duration(slo.interval)}; write at least "
                f"{format_duration(2 * slo.interval)}",
            )
        )
    if isinstance(slo.sli, DerivedSLI):
        found += _derived_faults(slo.sli, around)
    if slo.slicing is not None:
        found += _slice_faults(slo, slo.slicing, around)
    if config.tiers is not None:
        found += _tier_faults(slo, around.bucket)
    return found


def _interval_of(slo: SLO) -> str:
    return "its slice" if slo.collector_id is None else "the interval of its collector"


def _what_runs(slo: SLO) -> str:
    return "a slice" if slo.collector_id is None else "a collector that runs"


def place_of_window(slo: SLO, config: SLOConfig) -> tuple[str | int, ...]:
    """Where, inside the SLO, its window is written; the SLO itself where it names none."""
    if config.window is None:
        return ()
    own = slo.window if isinstance(slo.window, Calendar) else slo.window.length
    return ("window",) if len(config.window) == 1 else ("window", config.window.index(own))


def _derived_faults(sli: DerivedSLI, around: Surroundings) -> list[Fault]:
    """Slices that cannot be cut, or that what they are made of does not fill."""
    length = format_duration(sli.slice)
    if around.interval > LONGEST_SLICE:
        words = (
            f"it is made of what is observed every {format_duration(around.interval)}, and a slice "
            f"is at most {format_duration(LONGEST_SLICE)}"
        )
        return [Fault(("sli",), words)]
    said = slice_misfit(sli.slice, around.bucket)
    if said is None and sli.slice < around.interval:
        said = (
            "must be no shorter than the longest interval of what it is made of, "
            f"{format_duration(around.interval)}"
        )
    if said is None:
        odd = next(
            (
                slo
                for slo in around.components.values()
                if isinstance(slo.sli, DerivedSLI) and sli.slice % slo.sli.slice
            ),
            None,
        )
        if odd is not None:
            said = f"must hold whole slices of {odd.id}, which are {format_duration(odd.interval)}"
    return [] if said is None else [Fault(("sli", "slice"), f"a slice of {length} {said}")]


def _slice_faults(slo: SLO, slicing: Slicing, around: Surroundings) -> list[Fault]:
    """Slices that no window can be made of; one sentence is enough to mend them."""
    length, where = slicing.length, ("slice",)
    said = None
    if length % around.bucket:
        said = f"must be a multiple of the bucket, {format_duration(around.bucket)}"
    elif isinstance(slo.window, Calendar) and _SLICES_OF_A_PERIOD % length:
        said = "must divide 15m, as periods of the calendar begin by the quarter of an hour"
    elif slo.window.length % length:
        said = f"must divide the window, {slo.window.label}"
    elif isinstance(slo.sli, DerivedSLI) and length % slo.interval:
        said = f"must hold whole slices of its `sli`, which are {format_duration(slo.interval)}"
    elif length < slo.interval:
        interval = format_duration(slo.interval)
        said = f"must be no shorter than the interval of its collector, {interval}"
    else:
        windows = sorted({window for tier in slo.tiers for window in (tier.short, tier.long)})
        odd = next((window for window in windows if window % length), None)
        if odd is not None:
            said = (
                f"must divide every window of the tiers, and does not divide {format_duration(odd)}"
            )
    return [] if said is None else [Fault(where, f"a slice of {slicing.label} {said}")]


def timing_fault(interval: timedelta, timeout: timedelta) -> str | None:
    """Why a collector cannot run every `interval` with this `timeout`; None when it can."""
    if interval < timedelta(seconds=1):
        return f"an interval of {format_duration(interval)} is too short; write at least 1s"
    if interval > timedelta(days=1):
        return f"an interval of {format_duration(interval)} is too long; write at most 1d"
    if timeout <= timedelta(0):
        return "a timeout of 0 leaves no time for an answer"
    if timeout > _LONGEST_TIMEOUT:
        return f"a timeout of {format_duration(timeout)} is too long; write at most 5m"
    runs = math.ceil(timeout / interval)
    if runs > _MOST_OVERLAP:
        return (
            f"a timeout of {format_duration(timeout)} with an interval of "
            f"{format_duration(interval)} lets {runs} runs wait at once; "
            f"at most {_MOST_OVERLAP} may"
        )
    return None


def _tier_faults(slo: SLO, bucket: timedelta) -> list[Fault]:
    found: list[Fault] = []
    can_never_fire = impossible(slo.tiers, slo.objective)
    keys: dict[str, int] = {}
    for at, tier in enumerate(slo.tiers):
        where = ("tiers", at)
        if tier.key in keys:
            found.append(
                Fault(where, f"tier {keys[tier.key] + 1} has this severity and these windows too")
            )
        keys.setdefault(tier.key, at)
        if tier.short >= tier.long:
            found.append(
                Fault(
                    (*where, "short"),
                    f"the short window, {format_duration(tier.short)}, must be shorter than the "
                    f"long one, {format_duration(tier.long)}",
                )
            )
        if tier.long > slo.window.length:
            found.append(
                Fault(
                    (*where, "long"),
                    f"a tier over {format_duration(tier.long)} is longer than the SLO's window, "
                    f"{slo.window.label}",
                )
            )
        for key, length in (("long", tier.long), ("short", tier.short)):
            if not _fits(length, bucket):
                found.append(Fault((*where, key), _misfit(key, length, bucket)))
        if tier in can_never_fire:
            found.append(
                Fault(
                    where,
                    f"this tier can never fire: a full outage of a {slo.objective.label}% "
                    f"objective burns {float(slo.objective.max_burn):g}x, and the tier waits for "
                    f"more than {float(tier.factor):g}x",
                )
            )
    return found


def unit_of(window: timedelta, bucket: timedelta) -> timedelta:
    """The step that the edges of a window move in; see semantics, "Windows"."""
    second = timedelta(seconds=1)
    return timedelta(seconds=unit_seconds(window // second, bucket // second))


def _fits(window: timedelta, bucket: timedelta) -> bool:
    return window % unit_of(window, bucket) == timedelta(0)


def _misfit(key: str, window: timedelta, bucket: timedelta) -> str:
    unit = format_duration(unit_of(window, bucket))
    return (
        f"`{key}` must be a multiple of {unit}, the step in which windows of this length move; "
        f"{format_duration(window)} is none"
    )
