"""The status page's words, times and figures, the same on its pages, in its feed and its JSON."""

from datetime import datetime
from decimal import ROUND_FLOOR
from fractions import Fraction
from zoneinfo import ZoneInfo

from alerting.figures import NBSP, plural
from alerting.status_incident import ComponentState, Impact, Stage
from slo.figures import places_of

UNKNOWN = "No data"
STATES = {
    ComponentState.OPERATIONAL: "Operational",
    ComponentState.UNDER_MAINTENANCE: "Under maintenance",
    ComponentState.DEGRADED_PERFORMANCE: "Degraded performance",
    ComponentState.PARTIAL_OUTAGE: "Partial outage",
    ComponentState.MAJOR_OUTAGE: "Major outage",
}
STAGES = {
    Stage.INVESTIGATING: "Investigating",
    Stage.IDENTIFIED: "Identified",
    Stage.MONITORING: "Monitoring",
    Stage.RESOLVED: "Resolved",
    Stage.POSTMORTEM: "Post-mortem",
}
IMPACTS = {
    Impact.NONE: "No impact",
    Impact.MINOR: "Minor impact",
    Impact.MAJOR: "Major impact",
    Impact.CRITICAL: "Critical impact",
}
HOME = "/status"
FEED = f"{HOME}/feed.atom"


def state_word(state: ComponentState | None) -> str:
    return UNKNOWN if state is None else STATES[state]


def incident_path(incident_id: str) -> str:
    return f"{HOME}/incidents/{incident_id}"


def component_path(key: str) -> str:
    return f"{HOME}/components/{key}"


def local(at: datetime, zone: ZoneInfo) -> str:
    """By the page's clock: `Fri 27 Nov 2026, 14:02 CET`."""
    there = at.astimezone(zone)
    return f"{there:%a} {there.day} {there:%b %Y, %H:%M %Z}"


def stretch(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """`Fri 27 Nov 2026, 14:02 to 16:00 CET`."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    if first.date() != last.date():
        return f"{local(start, zone)} to {local(end, zone)}"
    begins = local(start, zone)
    if first.tzname() == last.tzname():
        begins = begins.removesuffix(f" {first:%Z}")
    return f"{begins} to {last:%H:%M %Z}"


def percent(good: Fraction | None) -> str:
    """In two decimals, cut: what is not all does not look like it."""
    if good is None:
        return UNKNOWN.lower()
    return f"{places_of(good * 100, 0 if good == 1 else 2, ROUND_FLOOR)}{NBSP}%"


def days(count: int) -> str:
    return plural(count, "day")
