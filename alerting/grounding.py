"""How the grounds of one decision come about, alert by alert. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from alerting import wording
from alerting.grounds import KNOWN_ALREADY, Course, Grounds
from alerting.hearing import Later, Placed, Say, Scene
from alerting.routes import Hit
from alerting.suppressor import Suppressor
from slo.units import format_duration


def course_of(hit: Hit, labels: Mapping[str, str], held_by: tuple[Suppressor, ...] = ()) -> Course:
    """A route's part in it."""
    return Course(
        route=str(hit),
        receivers=hit.receivers,
        group=hit.group(labels),
        group_wait=format_duration(hit.wait),
        group_interval=format_duration(hit.interval),
        repeat_interval=format_duration(hit.repeat) if hit.repeat else None,
        failover=hit.failover,
        escalate=tuple(
            f"{format_duration(step.after)}: {', '.join(step.receivers)}" for step in hit.escalate
        ),
        held_by=held_by,
    )


def grounds_of(
    one: Placed,
    labels: Mapping[str, str],
    scene: Scene,
    said: Sequence[Say],
    later: Sequence[Later],
) -> Grounds:
    """Why each receiver that one alert is routed to is told of it now, or is not."""
    named = dict.fromkeys(name for hit, _ in one.hits for name in hit.receivers)
    named.update(dict.fromkeys(say.receiver for say in said if one.alert in say.alerts))
    steps = [step for hit, _ in one.hits for step in hit.escalate]
    named.update(dict.fromkeys(name for step in steps for name in step.receivers))
    news = scene.changed.get(one.alert.id, "")
    if news and one.alert.firing:
        news = wording.sentences(news, wording.capital(one.alert.facts.reason))
    return Grounds(
        incident_id=scene.incident.id,
        alert_id=one.alert.id,
        at=scene.now,
        labels=labels,
        courses=tuple(course_of(hit, labels, held_by) for hit, held_by in one.hits),
        words={name: _word(name, one, scene, said, later) for name in named},
        what=news,
    )


def _word(name: str, one: Placed, scene: Scene, said: Sequence[Say], later: Sequence[Later]) -> str:
    alert = one.alert
    for say in said:
        if say.receiver == name and alert in say.alerts:
            why = f", as {say.why}" if say.why else ""
            return f"told now: {say.kind}{why}"
    known = scene.said.get(name)
    told_at = None if known is None else known.firing.get(alert.id)
    held_by = _holders(name, one)
    if held_by and alert.firing:
        told = f"; it was told before, at {_clock(told_at)}" if told_at else ""
        return f"told nothing new: held back by {'; '.join(map(str, held_by))}{told}"
    taken = scene.incident.acknowledged_by
    if told_at is not None and alert.firing:
        repeats = f"; {taken} has it, so it is not repeated" if taken else ""
        waits = "".join(f"; {wait}" for wait in _waits(name, later))
        return f"{KNOWN_ALREADY} {_clock(told_at)}{repeats or waits}"
    if alert.firing and (waiting := _waits(name, later)):
        return " and ".join(waiting)
    if not alert.firing:
        return "told nothing: it ended before there was anything to tell"
    if taken:
        return f"told nothing: {taken} has taken the incident"
    steps = (step for hit, _ in one.hits for step in hit.escalate)
    for step in steps:
        if name in step.receivers:
            after = wording.duration(step.after)
            return f"told nothing yet: it is told if nobody acknowledges within {after}"
    return "told nothing yet"


def _waits(name: str, later: Sequence[Later]) -> list[str]:
    return [f"waits until {_clock(one.at)} for {one.what}" for one in later if one.receiver == name]


def _holders(name: str, one: Placed) -> tuple[Suppressor, ...]:
    """Who holds it back from a receiver on every route that leads there."""
    ways = [held_by for hit, held_by in one.hits if name in hit.receivers]
    if not ways or not all(ways):
        return ()
    return tuple(dict.fromkeys(holder for held_by in ways for holder in held_by))


def _clock(at: datetime | None) -> str:
    return "" if at is None else f"{at:%H:%M:%S} UTC"
