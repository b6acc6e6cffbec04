"""Read moments and steps from a query: ISO 8601, epoch seconds, `now`, `now-6h`; `5m`."""

import math
import re
from datetime import UTC, datetime, timedelta

from slo.relative import NOW, parse_relative
from slo.units import parse_duration
from web.problem import bad_request

MOST_SIGNS = 100  # of a moment or a step as it is written
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
# Seconds beyond this are milliseconds, as JavaScript and Grafana count: it is the year 5138.
_MILLISECONDS_FROM = 1e11
_NUMBER = re.compile(r"\d{1,16}(\.\d{1,9})?")
_LOST_PLUS = re.compile(r" (\d\d:?\d\d)$")  # an unescaped `+` in a query arrives as a space


def read_moment(text: str, now: datetime) -> datetime:
    """An aware UTC time; one without a zone is taken as UTC. Raises ValueError."""
    text = text.strip()
    moment = parse_relative(text, now) if text.startswith(NOW) else _absolute(text)
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError(f"{text[:40]!r} lies outside the years 2000 to 2199")
    return moment


def asked_moment(name: str, text: str | None, now: datetime) -> datetime | None:
    """The moment in the query's `name`, None where there is none. Raises ProblemError, a 400."""
    if text is None:
        return None
    try:
        return read_moment(text, now)
    except ValueError as error:
        raise bad_request(f"query.{name}", str(error)) from None


def read_step(text: str) -> timedelta:
    """A duration such as `5m`, or a number of seconds. Raises ValueError."""
    if _NUMBER.fullmatch(text):
        seconds = float(text)
        if seconds > 36_525 * 86_400:
            raise ValueError(f"{text!r} seconds are longer than a century")
        return timedelta(seconds=seconds)
    return parse_duration(text)


def _absolute(text: str) -> datetime:
    if _NUMBER.fullmatch(text):
        seconds = float(text)
        if seconds >= _MILLISECONDS_FROM:
            seconds /= 1000
        if not math.isfinite(seconds) or seconds >= _LATEST.timestamp():
            raise ValueError(f"{text[:40]!r} lies outside the years 2000 to 2199")
        return datetime.fromtimestamp(seconds, UTC)
    try:
        moment = datetime.fromisoformat(_LOST_PLUS.sub(r"+\1", text))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text[:40]!r} is not a time: write ISO 8601 such as 2026-11-21T14:00:00Z, epoch "
            "seconds, or now-6h"
        ) from None
