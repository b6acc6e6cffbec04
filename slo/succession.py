"""Which tier goes on in the place of one that an edit of the configuration took away. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

from slo.alert_state import AlertState, Phase
from slo.tiers import Tier
from slo.units import parse_duration


@dataclass(frozen=True, slots=True)
class Succession:
    """The rules' states after an edit, by key, and who took whose place: old key to new key."""

    states: Mapping[str, AlertState]
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Key:
    """A tier's key, read again: `page:1h:5m`."""

    text: str
    severity: str
    long: timedelta
    short: timedelta


def succeed(
    states: Mapping[str, AlertState], tiers: Sequence[Tier], others: Sequence[str]
) -> Succession:
    """Keep the states of rules that stay (`others` are no tiers), and pass on what goes on.

    A tier that is gone while it was pending or firing hands its state to a new one of the same
    severity, that with the most similar windows; it does not have to become true again, and with a
    `for` to wait again, to tell of the same outage. A new one with the very same windows takes over
    from another severity too: it fires, which is another thing to be told of.
    """
    keys = {tier.key for tier in tiers}
    kept = {key: state for key, state in states.items() if key in keys or key in others}
    free = {tier.key: tier for tier in tiers if tier.key not in states}
    renamed: dict[str, str] = {}
    for old in _going_on(states, keys):
        fit = [tier for tier in free.values() if tier.severity == old.severity]
        same = [tier for tier in free.values() if (tier.long, tier.short) == (old.long, old.short)]
        heir = min(fit, key=lambda tier: _distance(old, tier)) if fit else next(iter(same), None)
        if heir is None:
            continue
        del free[heir.key]
        kept[heir.key] = states[old.text]
        if fit:
            renamed[old.text] = heir.key
    return Succession(kept, renamed)


def _going_on(states: Mapping[str, AlertState], keys: set[str]) -> list[_Key]:
    """The tiers that are gone and were not at rest; firing ones choose first."""
    found = [
        (state.phase is not Phase.FIRING, key)
        for text, state in states.items()
        if text not in keys and state.phase is not Phase.INACTIVE and (key := _key(text))
    ]
    return [key for _, key in sorted(found, key=lambda one: (one[0], one[1].text))]


def _key(text: str) -> _Key | None:
    parts = text.split(":")
    if len(parts) != 3:
        return None
    try:
        return _Key(text, parts[0], parse_duration(parts[1]), parse_duration(parts[2]))
    except ValueError:
        return None


def _distance(old: _Key, tier: Tier) -> tuple[Fraction, Fraction, str]:
    return _ratio(old.long, tier.long), _ratio(old.short, tier.short), tier.key


def _ratio(one: timedelta, other: timedelta) -> Fraction:
    """How many times longer the longer of both is."""
    long, short = max(one, other), min(one, other)
    micro = timedelta(microseconds=1)
    return Fraction(long // micro, max(short // micro, 1))
