"""Time zones by their names in the IANA database."""

import difflib
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


def parse_zone(name: str) -> ZoneInfo:
    """Read `Europe/Berlin`. Raises ValueError, with the nearest name there is."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = difflib.get_close_matches(name, available_timezones(), n=1, cutoff=0.6)
        hint = f"; did you mean {close[0]}?" if close else ", such as Europe/Berlin or UTC"
        raise ValueError(f"{name!r} is not a time zone of the IANA database{hint}") from None
