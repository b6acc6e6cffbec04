"""What many look for and the configuration does not hold: refused by name."""

from collections.abc import Mapping

from nines.config.document import Path

_ANY = "*"
_LATER: Mapping[tuple[str, ...], frozenset[str]] = {
    ("services", _ANY, "slos", _ANY): frozenset({"evidence"}),
    ("services", _ANY, "slos", _ANY, "sli"): frozenset(
        {"gauge", "json", "query", "push", "log", "value"}
    ),
    ("alerting", "receivers", _ANY): frozenset({"telegram", "opsgenie"}),
}
_OTHERWISE = {"gauge": "`gauge` is not a key here: write `metric`, and `below` or `above`"}


def is_later(container: Path, key: str) -> bool:
    """Whether `key` inside `container` belongs to a later version, or is written otherwise."""
    return any(
        key in keys
        and len(pattern) == len(container)
        and all(want in (_ANY, have) for want, have in zip(pattern, container, strict=True))
        for pattern, keys in _LATER.items()
    )


def not_yet(key: str) -> str:
    """The sentence for it."""
    return _OTHERWISE.get(key, f"`{key}` is not supported by this version")
