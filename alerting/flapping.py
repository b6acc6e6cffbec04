"""Flapping: a rule that fires and clears again and again is told of less often. Pure.

First beginnings are told at once, as ever. One that is the rule's fourth or later within half an
hour is told only once it has fired for five minutes; whoever was told the third hears so. All is
counted and recorded, what was told firing is told resolved, and what fires on is told when its five
minutes are over.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from alerting import wording
from alerting.alert import Alert, AlertKind
from alerting.suppressor import Suppressor, SuppressorKind

TOLD = 3  # beginnings that are told at once
WITHIN = timedelta(minutes=30)
HOLD = timedelta(minutes=5)
REACH = WITHIN + HOLD  # how far back beginnings have to be known
Recent = Mapping[str, Sequence[datetime]]  # by rule, when its newest episodes began


def flapping(alert: Alert, recent: Recent, now: datetime) -> Suppressor | None:
    """What holds back one that flaps; None once it has fired for long enough, or does not flap."""
    times, until = starts(alert, recent), alert.started_at + HOLD
    if len(times) <= TOLD or now >= until or alert.kind is AlertKind.BUDGET:
        return None
    return Suppressor(SuppressorKind.FLAPPING, alert.rule, said(alert, times), until)


def warning(alert: Alert, recent: Recent) -> str:
    """What whoever is told the last one that is told at once has to know; else nothing."""
    times = starts(alert, recent)
    if len(times) != TOLD:
        return ""
    rule = f"from now on it is told only once it has fired for {wording.duration(HOLD)}"
    return f"Flapping: {said(alert, times)}; {rule}"


def starts(alert: Alert, recent: Recent) -> list[datetime]:
    """When its rule began to fire within the half hour up to this beginning, which is the last."""
    since = alert.started_at - WITHIN
    known = {at for at in recent.get(alert.rule, ()) if since < at < alert.started_at}
    return [*sorted(known), alert.started_at]


def said(alert: Alert, times: Sequence[datetime]) -> str:
    """`it began 4 times in 12 min`."""
    return f"it began {len(times)} times in {wording.duration(alert.started_at - times[0])}"
