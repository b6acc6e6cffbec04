"""The definitions that an SLO has had: as text that is the same for the same promise, and in words
what an edit changed. Pure.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slo.config import SLOConfig, build_slos
from slo.definition import SLO
from slo.fingerprint import fingerprint
from slo.surroundings import Surroundings
from slo.window import Calendar

# Whom it tells, and of what beside alerts, changes no number; exclusions have a trail of their own.
_NO_NUMBERS = {"shadow", "notices", "exclude"}
_UNSAID = {"method": "occurrences", "no_data": "ignore"}  # what is meant where nothing stands
_TIER = ("severity", "long", "short")
_WAITS = ("for", "keep_firing_for")
Written = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of an SLO: `text` is its canonical JSON, `mark` the fingerprint of its SLI.

    The counts of equal marks are the same.
    """

    sli_id: str  # service/name
    number: int
    text: str
    mark: str
    valid_from: datetime

    def slos(self, around: Surroundings) -> tuple[SLO, ...]:
        """The SLOs that it defined. Raises ValueError where this version cannot read it."""
        config = SLOConfig.model_validate(json.loads(self.text))
        return build_slos(self.sli_id.partition("/")[2], config, around)


@dataclass(frozen=True, slots=True)
class Version:
    """A definition among those before and after it: what it changed, and until when it was valid.

    `counts_of`: the earliest version over the same counts; itself where they began empty.
    """

    definition: Definition
    until: datetime | None
    changes: tuple[str, ...]
    counts_of: int


def define(config: SLOConfig, slo: SLO, window: timedelta | Calendar, at: datetime) -> Definition:
    """The definition of a configured SLO, as the first that it has.

    `slo` is any that was built of it; `window` is what it takes when it names none.
    """
    filled = config if config.window else config.model_copy(update={"window": (window,)})
    written = filled.model_dump(
        mode="json", by_alias=True, exclude=_NO_NUMBERS, exclude_none=True, exclude_defaults=True
    )
    text = json.dumps(written, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Definition(slo.sli_id, 1, text, fingerprint(slo), at)


def history(definitions: Sequence[Definition]) -> tuple[Version, ...]:
    """The versions of one SLO, oldest first, as `definitions` are."""
    first_of: dict[str, int] = {}
    found = []
    for place, one in enumerate(definitions):
        first_of.setdefault(one.mark, one.number)
        after = definitions[place + 1] if place + 1 < len(definitions) else None
        before = definitions[place - 1] if place else None
        found.append(
            Version(
                definition=one,
                until=None if after is None else after.valid_from,
                changes=() if before is None else changes(before, one),
                counts_of=first_of[one.mark],
            )
        )
    return tuple(found)


def in_force(versions: Sequence[Version], at: datetime) -> Version | None:
    """The version of a moment; None before the first."""
    valid = [version for version in versions if version.definition.valid_from <= at]
    return valid[-1] if valid else None


def changes(before: Definition, after: Definition) -> tuple[str, ...]:
    """What an edit changed, a clause each: `objective 99.9% -> 99.95%`."""
    old, new = json.loads(before.text), json.loads(after.text)
    said = list(_key_changes("", {**_UNSAID, **old}, {**_UNSAID, **new}))
    said += _sli_changes(old["sli"], new["sli"])
    said += _tier_changes(old.get("tiers"), new.get("tiers"))
    if not said and before.mark != after.mark:
        said.append("what it is derived from was edited")
    return tuple(said)


def _key_changes(of: str, old: Written, new: Written) -> Iterator[str]:
    """The keys whose values differ, in the order that a person would write them."""
    first = ["objective", "window", "method"]
    for key in [*first, *sorted((old.keys() | new.keys()) - {*first, "sli", "tiers"})]:
        was, is_now = old.get(key), new.get(key)
        name = of + key.replace("_", " ")
        if was == is_now:
            continue
        if was is None:
            yield f"{name} {_value(is_now)} added"
        elif is_now is None:
            yield f"{name} {_value(was)} removed"
        else:
            yield f"{name} {_value(was)} -> {_value(is_now)}"


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _sli_changes(old: Written, new: Written) -> Iterator[str]:
    """Key by key while it is of the same kind, else the whole of it."""
    if old.keys() - {"by"} == new.keys() - {"by"}:
        yield from _key_changes("SLI ", old, new)
    elif old != new:
        yield f"SLI {_sli(old)} -> {_sli(new)}"


def _sli(sli: Written) -> str:
    return ", ".join(f"{key} {_value(value)}" for key, value in sli.items())


def _tier_changes(old: Sequence[Written] | None, new: Sequence[Written] | None) -> Iterator[str]:
    if old is None or new is None:
        if old is not new:
            yield f"tiers: {_tiers(old)} -> {_tiers(new)}"
        return
    was, is_now = ({tuple(str(t[key]) for key in _TIER): t for t in tiers} for tiers in (old, new))
    for key in sorted(was.keys() | is_now.keys()):
        if key not in is_now:
            yield f"tier {_tier_name(was[key])} removed"
        elif key not in was:
            yield f"tier {_tier_name(is_now[key])} added: {_tier_rest(is_now[key])}"
        elif was[key] != is_now[key]:
            before, after = _tier_rest(was[key]), _tier_rest(is_now[key])
            yield f"tier {_tier_name(was[key])}: {before} -> {after}"


def _tiers(tiers: Sequence[Written] | None) -> str:
    if tiers is None:
        return "the default ones"
    return "; ".join(f"{_tier_name(tier)} {_tier_rest(tier)}" for tier in tiers)


def _tier_name(tier: Written) -> str:
    return f"{tier['severity']} {tier['long']}/{tier['short']}"


def _tier_rest(tier: Written) -> str:
    """What it waits for: `factor 14.4`, `2% spent, for 5m`."""
    limit = f"factor {tier['factor']:g}" if "factor" in tier else f"{tier['spent']} spent"
    waits = (f"{key.replace('_', ' ')} {tier[key]}" for key in _WAITS if key in tier)
    return ", ".join([limit, *waits])
