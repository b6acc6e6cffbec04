"""Read a moment that is told from now: `now`, `now-6h`."""

from datetime import datetime

from slo.units import parse_duration

NOW = "now"  # what such a moment begins with


def parse_relative(text: str, now: datetime) -> datetime:
    """Read `now` or `now-6h`. Raises ValueError."""
    rest = text.removeprefix(NOW).strip()
    if not rest:
        return now
    if not rest.startswith("-"):
        raise ValueError(f"{text[:40]!r} is not a time: write `now` or `now-6h`")
    return now - parse_duration(rest[1:].strip())
