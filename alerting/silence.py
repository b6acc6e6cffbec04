"""A silence: alerts of which nobody is newly told for a while, why, and who said so. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from alerting.alert import Alert
from alerting.suppressor import Suppressor, SuppressorKind
from slo.planning import PlanError
from slo.recurrence import (
    Interval,
    Once,
    Recurring,
    Schedule,
    following,
    local_to_utc,
    over_by,
    upcoming,
)
from slo.selector import Matcher, matcher, parse_matchers

WARNING = timedelta(minutes=30)  # before one ends that still mutes something, people hear of it
WEEK = timedelta(days=7)  # as far back as a preview looks
_LOOKED_AHEAD = 5  # occurrences that may overlap
# As people type it in a shell: severity=page.
_BARE = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*([^\s\"'`,{}]+)\s*")


class SilenceState(StrEnum):
    """Alertmanager's words. One that recurs is pending between two times."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class SilencePlan:
    """What somebody wants silenced, when, why, and who it is. Raises PlanError.

    `until_resolved`: it is over as soon as nothing that it mutes fires any more.
    """

    matchers: tuple[Matcher, ...]
    schedule: Schedule
    reason: str
    author: str
    until_resolved: bool = False

    def __post_init__(self) -> None:
        # As Alertmanager has it: an alert without any label would be muted, so everything may be.
        if all(one.matches({}) for one in self.matchers):
            raise PlanError(
                "matchers",
                'write at least one matcher that does not match everything, such as service="shop"',
            )
        if self.until_resolved and not isinstance(self.schedule, Once):
            raise PlanError(
                "until_resolved", "one that recurs does not end when something resolves"
            )


@dataclass(frozen=True, slots=True)
class Silence:
    """A plan that somebody made: it mutes the alerts whose labels meet every matcher.

    `ended_at`: it is over since then, whatever its schedule says. `warned_of`: the end of which
    people were warned last.
    """

    id: str
    matchers: tuple[Matcher, ...]
    schedule: Schedule
    reason: str
    author: str
    origin: str  # api, or the configuration
    created_at: datetime
    until_resolved: bool = False
    ended_at: datetime | None = None
    warned_of: datetime | None = None

    @property
    def label(self) -> str:
        """What it is for, as people read it."""
        return ", ".join(map(str, self.matchers))

    @property
    def over_by(self) -> datetime | None:
        """By when it mutes nothing more; None when it goes on and on."""
        ends = [end for end in (over_by(self.schedule), self.ended_at) if end is not None]
        return min(ends, default=None)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is muted by it while it is active."""
        return all(one.matches(labels) for one in self.matchers)

    def next(self, now: datetime, count: int) -> list[Interval]:
        """The next times that it mutes, the running one first."""
        return upcoming(self.schedule, self.ended_at, now, count)

    def stretch(self, now: datetime) -> Interval | None:
        """Since when and until when it mutes, while it is active; times that touch are one."""
        times = self.next(now, _LOOKED_AHEAD)
        if not times or times[0].start > now:
            return None
        end = times[0].end
        for one in times[1:]:
            if one.start <= end:
                end = max(end, one.end)
        return Interval(times[0].start, end)

    def state(self, now: datetime) -> SilenceState:
        """Where it stands."""
        times = self.next(now, 1)
        if not times:
            return SilenceState.EXPIRED
        return SilenceState.ACTIVE if times[0].start <= now else SilenceState.PENDING

    def ended(self, at: datetime) -> "Silence":
        """The same, but over at `at`. Raises ValueError when it is over already."""
        if self.state(at) is SilenceState.EXPIRED:
            raise ValueError("it has expired already")
        return replace(self, ended_at=at)

    def suppressor(self, until: datetime) -> Suppressor:
        """Why nobody is told of what it mutes."""
        words = f"{self.author}: {self.reason}"
        return Suppressor(SuppressorKind.SILENCE, self.id, words, until)


def read_matchers(texts: Iterable[str]) -> tuple[Matcher, ...]:
    """Read `severity="page", env!="dev"` or, alone, `severity=page`. Raises ValueError."""
    found: list[Matcher] = []
    for text in texts:
        bare = _BARE.fullmatch(text)
        if bare is not None:
            found.append(matcher(bare[1], bare[2], bare[3]))
        else:
            found.extend(parse_matchers(text))
    return tuple(found)


def read_plan(
    texts: Iterable[str],
    schedule: Schedule,
    *,
    reason: str,
    author: str,
    until_resolved: bool = False,
) -> SilencePlan:
    """A plan with its matchers as they were typed. Raises PlanError."""
    try:
        matchers = read_matchers(texts)
    except ValueError as error:
        raise PlanError("matchers", str(error)) from None
    return SilencePlan(matchers, schedule, reason, author, until_resolved)


@dataclass(frozen=True, slots=True)
class Labelled:
    """An alert with the labels that matchers see."""

    alert: Alert
    labels: Mapping[str, str]


def extended(silence: Silence, by: str, length: timedelta, now: datetime) -> SilencePlan:
    """The same for longer, as somebody wants it. Raises PlanError."""
    if not isinstance(silence.schedule, Once):
        raise PlanError("rrule", "it recurs, so that there is no end to put off: make another")
    if silence.state(now) is SilenceState.EXPIRED:
        raise PlanError("end", "it is over already: repeat it")
    until = Once(silence.schedule.start, silence.schedule.end + length)
    return SilencePlan(silence.matchers, until, silence.reason, by, silence.until_resolved)


def has_muted(silence: Silence, alerts: Iterable[Alert], now: datetime) -> list[Alert]:
    """Of alerts that it takes those that fired while it was active; of one that recurs, none."""
    if not isinstance(silence.schedule, Once):
        return []
    begun, end = silence.schedule.start, min(silence.over_by or now, now)
    fired = (one for one in alerts if one.started_at < end)
    return [one for one in fired if one.ended_at is None or one.ended_at > begun]


def muted(silence: Silence, alerts: Iterable[Labelled]) -> tuple[Alert, ...]:
    """Those of these alerts that its matchers take."""
    return tuple(one.alert for one in alerts if silence.matches(one.labels))


def would_have_muted(silence: Silence, alerts: Iterable[Labelled]) -> tuple[Alert, ...]:
    """Of last week's alerts those that its matchers take.

    Of one that recurs, those that began at its times, or at those of the coming week.
    """
    taken = muted(silence, alerts)
    if isinstance(silence.schedule, Once):
        return taken
    return tuple(alert for alert in taken if _fits(silence.schedule, alert.started_at))


def _fits(schedule: Recurring, at: datetime) -> bool:
    """Whether it lies in a time of the rule, or its time of the week does in the coming one."""
    local = at.astimezone(schedule.zone).replace(tzinfo=None)
    return any(
        one.start <= moment
        for moment in (at, local_to_utc(local + WEEK, schedule.zone))
        for one in following(schedule, moment, 1)
    )


def is_resolved(silence: Silence, since: datetime, alerts: Iterable[Labelled]) -> bool:
    """Whether it has muted something since then, of which nothing fires any more."""
    taken = [
        alert
        for alert in muted(silence, alerts)
        if alert.ended_at is None or alert.ended_at > since
    ]
    return bool(taken) and not any(alert.firing for alert in taken)


def wants_warning(silence: Silence, stretch: Interval, now: datetime) -> bool:
    """Whether its end is so near that people should hear of it, and have not heard yet.

    Of one that lasts no longer than the warning's time ahead everybody knows.
    """
    return (
        silence.warned_of != stretch.end
        and stretch.end - WARNING <= now
        and max(stretch.start, silence.created_at) < stretch.end - WARNING
    )
