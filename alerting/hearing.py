"""What each receiver is to hear of an incident now, and when there may be more to say. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting import wording
from alerting.alert import Alert, AlertKind
from alerting.incident import Incident
from alerting.notification import NotificationKind
from alerting.routes import NO_TIME, Hit
from alerting.store import Said
from alerting.suppressor import Suppressor
from slo.severity import Severity


@dataclass(frozen=True, slots=True)
class Placed:
    """An alert, each route that takes it, and who holds it back there."""

    alert: Alert
    hits: tuple[tuple[Hit, tuple[Suppressor, ...]], ...]

    @property
    def held_by(self) -> tuple[str, ...]:
        """Who holds it back: at every route, else for whom."""
        everywhere = [
            one for one in self._all() if all(one in suppressors for _, suppressors in self.hits)
        ]
        names = [str(one) for one in everywhere]
        for hit, suppressors in self.hits:
            names += [
                f"{one}, for {', '.join(hit.receivers) or 'nobody'}"
                for one in suppressors
                if one not in everywhere
            ]
        return tuple(dict.fromkeys(names))

    def _all(self) -> list[Suppressor]:
        return list(dict.fromkeys(one for _, suppressors in self.hits for one in suppressors))


@dataclass(frozen=True, slots=True)
class Scene:
    """All that what is said of one incident rests on.

    `placed` are the newest episodes of its rules, firing first; `said` is of who was told firing.
    `acknowledged`, `changed` and `edited` are news of this decision: somebody took it, the
    sentences about alerts by their id, and whether the configuration was edited; so is `remark`, of
    what happened elsewhere. The receiver `heard_from` told us of it, and is told nothing.
    `escalated_by`: somebody did not want to wait for the next step of an escalation.
    """

    now: datetime
    incident: Incident
    placed: Sequence[Placed]
    said: Mapping[str, Said]
    changed: Mapping[str, str]
    acknowledged: bool = False
    edited: bool = False
    remark: str = ""
    heard_from: str | None = None
    escalated_by: str = ""

    @property
    def hurried(self) -> timedelta | None:
        """The step of an escalation that does not wait: the first that reaches somebody new."""
        if not self.escalated_by:
            return None
        steps = (
            step
            for placed in self.placed
            if placed.alert.firing
            for hit, suppressors in placed.hits
            if not suppressors
            for step in hit.escalate
        )
        return min(
            (one.after for one in steps if not self.said.keys() >= {*one.receivers}), default=None
        )


@dataclass(frozen=True, slots=True)
class Say:
    """What one receiver is to hear. `why` is set when no alert's change explains it."""

    receiver: str
    kind: NotificationKind
    alerts: list[Alert]
    what_changed: str
    why: str = ""
    failover: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """What waits to be said: to whom, until when, and for what."""

    receiver: str
    at: datetime
    what: str


@dataclass(slots=True)
class _Ear:
    """One receiver's side of an incident."""

    receiver: str
    view: list[Alert] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)  # ids of the view
    heard: set[str] = field(default_factory=set)  # ids of those that nobody holds back
    failover: dict[str, None] = field(default_factory=dict)
    wait: timedelta | None = None
    interval: timedelta | None = None
    repeat: timedelta | None = None
    escalated: timedelta | None = None  # after which time without acknowledgement, if so

    def take(self, alert: Alert, hit: Hit, *, held: bool) -> None:
        if alert.id not in self.seen:
            self.seen.add(alert.id)
            self.view.append(alert)
        if not held:
            self.heard.add(alert.id)
        self.failover.update(dict.fromkeys(name for name in hit.failover if name != self.receiver))
        self.wait = _shorter(self.wait, hit.wait)
        self.interval = _shorter(self.interval, hit.interval)
        self.repeat = _shorter(self.repeat, hit.repeat)


def hear(scene: Scene) -> tuple[list[Say], list[Later]]:
    """Who has to hear what now, in the order of the routes, and what waits."""
    ears: dict[str, _Ear] = {}
    later: list[Later] = []
    for placed in scene.placed:
        for hit, suppressors in placed.hits:
            later.extend(_take(placed.alert, hit, bool(suppressors), scene, ears))
    for receiver in scene.said:
        ears.setdefault(receiver, _Ear(receiver))
    said: list[Say] = []
    for ear in ears.values():
        if ear.receiver == scene.heard_from:
            continue
        for one in (_say(ear, scene), _notice(ear, scene)):
            if isinstance(one, Later):
                later.append(one)
            elif one is not None:
                said.append(one)
    return said, later


def _take(
    alert: Alert, hit: Hit, held: bool, scene: Scene, ears: dict[str, _Ear]
) -> Iterator[Later]:
    """Give it to whom the route names, to whom it failed over, and to whom it escalates."""
    for name in hit.receivers:
        ears.setdefault(name, _Ear(name)).take(alert, hit, held=held)
    escalated = list(_escalated(alert, hit, scene))
    for name, at, after in escalated:
        if at > scene.now:
            if not held and scene.incident.acknowledged_at is None:
                yield Later(name, at, f"an acknowledgement, as it escalates after {_words(after)}")
            continue
        ear = ears.setdefault(name, _Ear(name))
        ear.take(alert, hit, held=held)
        ear.escalated = after
    for name in (*hit.failover, *(name for step in hit.escalate for name in step.receivers)):
        said = scene.said.get(name)
        if said is not None and alert.id in said.firing:
            ears.setdefault(name, _Ear(name)).take(alert, hit, held=held)


def _escalated(alert: Alert, hit: Hit, scene: Scene) -> Iterator[tuple[str, datetime, timedelta]]:
    """Whom it reaches if nobody acknowledges it: who, when, and after how long."""
    if not alert.firing:
        return
    told = [
        scene.said[name].firing[alert.id]
        for name in hit.receivers
        if name in scene.said and alert.id in scene.said[name].firing
    ]
    if hit.receivers and not told:
        return
    since = min(told, default=alert.started_at)
    taken, hurried = scene.incident.acknowledged_at, scene.hurried
    for step in hit.escalate:
        at = since + step.after
        if hurried is not None and step.after <= hurried:
            for name in step.receivers:
                yield name, scene.now, step.after
        elif taken is None or taken > at:
            for name in step.receivers:
                yield name, at, step.after


def _say(ear: _Ear, scene: Scene) -> Say | Later | None:
    """What this receiver has to hear of the alerts that are routed to it.

    What it was told to be firing keeps it told so, whoever holds that back by now; what it was
    not told is no news to it while somebody does.
    """
    said = scene.said.get(ear.receiver)
    known: Mapping[str, datetime] = {} if said is None else said.firing
    shown = [alert for alert in ear.view if alert.id in ear.heard or alert.id in known]
    firing = [alert for alert in shown if alert.firing]
    if said is None:
        return _trigger(ear, shown, firing, scene) if firing else None
    if not firing:
        return _resolve(ear, shown, scene)
    if scene.acknowledged:
        words = wording.sentences(
            f"{scene.incident.acknowledged_by} acknowledged",
            *(scene.changed[alert.id] for alert in shown if alert.id in scene.changed),
        )
        failover = tuple(ear.failover)
        return Say(ear.receiver, NotificationKind.ACKNOWLEDGE, shown, words, failover=failover)
    if scene.remark:
        news = (scene.changed[alert.id] for alert in shown if alert.id in scene.changed)
        words = wording.sentences(scene.remark, *news)
        failover = tuple(ear.failover)
        return Say(ear.receiver, NotificationKind.UPDATE, shown, words, failover=failover)
    return _update(ear, said, shown, scene)


def _trigger(ear: _Ear, shown: list[Alert], firing: list[Alert], scene: Scene) -> Say | Later:
    at = min(alert.started_at for alert in firing) + (ear.wait or NO_TIME)
    loud = any(alert.severity is Severity.PAGE for alert in firing)
    if at > scene.now and not loud and ear.escalated is None:
        return Later(ear.receiver, at, f"others to join it, as group_wait is {_words(ear.wait)}")
    news = [scene.changed[alert.id] for alert in shown if alert.id in scene.changed]
    why = _why(ear, firing, scene)
    if not news and not why:
        news = [fires(alert) for alert in firing]
    words = wording.sentences(*news, wording.capital(why))
    failover = tuple(ear.failover)
    return Say(ear.receiver, NotificationKind.TRIGGER, shown, words, why, failover)


def _why(ear: _Ear, firing: Sequence[Alert], scene: Scene) -> str:
    """Why it is told now of what began before."""
    if ear.escalated is not None and scene.escalated_by:
        return f"{scene.escalated_by} escalated this"
    if ear.escalated is not None:
        return f"nobody acknowledged this within {_words(ear.escalated)}"
    held_by = dict.fromkeys(name for alert in firing for name in alert.held_by)
    if held_by and not any(alert.id in scene.changed for alert in firing):
        return f"it fires on and is no longer held back by {'; '.join(held_by)}"
    if scene.edited and not any(alert.id in scene.changed for alert in firing):
        return f"the configuration now routes this to {ear.receiver}"
    return ""


def _update(ear: _Ear, said: Said, shown: list[Alert], scene: Scene) -> Say | Later | None:
    fresh = [a for a in shown if a.firing and a.id not in said.firing]
    over = [a for a in shown if not a.firing and a.id in said.firing and a.id in ear.heard]
    notices = [a for a in shown if a.kind is AlertKind.BUDGET and a.id in scene.changed]
    changed = {alert.id for alert in (*fresh, *over, *notices)}
    if not changed:
        return _repeat(ear, said, shown, scene)
    at = said.at + (ear.interval or NO_TIME)
    # A notice is news of this moment alone: there is no later in which it could be seen.
    urgent = notices or any(alert.severity is Severity.PAGE for alert in fresh)
    if at > scene.now and not urgent:
        return Later(ear.receiver, at, f"the next update, every {_words(ear.interval)} at most")
    sentences = [_became(alert, scene) for alert in shown if alert.id in changed]
    if shown[0].severity is not said.severity:
        sentences.append(severity_moved(said.severity, shown[0].severity))
    words, failover = wording.sentences(*sentences), tuple(ear.failover)
    return Say(ear.receiver, NotificationKind.UPDATE, shown, words, failover=failover)


def _repeat(ear: _Ear, said: Said, shown: list[Alert], scene: Scene) -> Say | Later | None:
    """Say it again while it fires, nobody has taken it and nobody holds it back."""
    firing = [alert for alert in shown if alert.firing and alert.id in ear.heard]
    if ear.repeat is None or not firing or scene.incident.acknowledged_at is not None:
        return None
    at = said.at + max(ear.repeat, ear.interval or NO_TIME)
    every = _words(ear.repeat)
    if at > scene.now:
        return Later(ear.receiver, at, f"the next repetition, every {every}")
    why = f"it still fires and nobody acknowledged it, which is repeated every {every}"
    words, failover = wording.sentences(wording.capital(why)), tuple(ear.failover)
    return Say(ear.receiver, NotificationKind.UPDATE, shown, words, why, failover)


def _resolve(ear: _Ear, shown: list[Alert], scene: Scene) -> Say:
    if not any(placed.alert.firing for placed in scene.placed):
        why = "nothing of this incident fires any more"
    elif any(alert.id in scene.changed for alert in shown):
        why = f"nothing that is routed to {ear.receiver} fires any more; the incident goes on"
    elif any(alert.firing for alert in ear.view):
        why = f"nothing that {ear.receiver} was told of fires any more; the incident goes on"
    else:
        why = (
            f"the configuration no longer routes what fires to {ear.receiver}; the incident goes on"
        )
    alerts = shown or ear.view or [placed.alert for placed in scene.placed]
    words, failover = wording.sentences(wording.capital(why)), tuple(ear.failover)
    return Say(ear.receiver, NotificationKind.RESOLVE, alerts, words, why, failover)


def _notice(ear: _Ear, scene: Scene) -> Say | None:
    """What a receiver for whom nothing fires has to hear all the same; others have it as news."""
    view = [alert for alert in ear.view if alert.id in ear.heard]
    news = [a for a in view if a.kind is AlertKind.BUDGET and a.id in scene.changed]
    if not news or any(alert.firing for alert in view):
        return None
    words = wording.sentences(*(scene.changed[alert.id] for alert in news))
    return Say(ear.receiver, NotificationKind.NOTICE, news, words, failover=tuple(ear.failover))


def fires(alert: Alert) -> str:
    """The sentence about an alert that began."""
    name = wording.name(alert.slo, alert.severity, alert.facts)
    return wording.sentences(f"{name} fires: {alert.facts.headline}")


def ended(alert: Alert) -> str:
    """The sentence about an alert that is over."""
    name = wording.name(alert.slo, alert.severity, alert.facts)
    lasted = wording.duration((alert.ended_at or alert.started_at) - alert.started_at)
    return wording.sentences(f"{name} ended after {lasted}", wording.capital(alert.facts.reason))


def severity_moved(was: Severity, now: Severity) -> str:
    """The sentence about an incident, or one receiver's side of it, that got louder or quieter."""
    return f"Severity went {'up' if now.rank < was.rank else 'down'} from {was} to {now}."


def _became(alert: Alert, scene: Scene) -> str:
    told = scene.changed.get(alert.id)
    return told or (fires(alert) if alert.firing else ended(alert))


def _shorter(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    known = [time for time in (one, other) if time is not None]
    return min(known, default=None)


def _words(time: timedelta | None) -> str:
    return wording.duration(time or NO_TIME)


def soonest(moments: Iterable[datetime | None]) -> datetime | None:
    """The first of them; None when there is none."""
    return min((at for at in moments if at is not None), default=None)
