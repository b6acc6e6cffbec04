"""All silences together: who is muted now, and how somebody may change them. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from alerting.silence import Silence, SilencePlan, SilenceState
from alerting.suppressor import Suppressor
from nines.planned import as_written, done, not_written
from nines.storage.silences import entry_of
from slo.audit import AuditEntry
from slo.exclusion import CONFIGURATION
from slo.planning import PlanError
from slo.recurrence import Interval, Once, Schedule

MOST = 10_000  # that have not expired at the same time
Change = tuple[Silence, AuditEntry]  # how it is from now on, and the entry of its trail
_NINES = "Nines"
_FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found of a silence at `looked`, which holds before `edge`."""

    looked: datetime
    edge: datetime
    stretch: Interval | None


@dataclass(frozen=True, slots=True)
class Silences:
    """Every silence that is remembered, by id, oldest first."""

    by_id: Mapping[str, Silence] = field(default_factory=dict)
    _known: dict[str, _Known] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, found: Iterable[Silence]) -> "Silences":
        return cls({one.id: one for one in found})

    def after(self, changes: Sequence[Change]) -> "Silences":
        """With these changes."""
        changed = {one.id: one for one, _ in changes}
        known = {key: value for key, value in self._known.items() if key not in changed}
        return Silences({**self.by_id, **changed}, known)

    def active(self, now: datetime) -> Iterator[tuple[Silence, Interval]]:
        """Those that mute now, each with the stretch of time in which it does."""
        for silence in self.by_id.values():
            stretch = self._look(silence, now).stretch
            if stretch is not None:
                yield silence, stretch

    def suppressors(self, now: datetime) -> Callable[[Mapping[str, str]], tuple[Suppressor, ...]]:
        """Who mutes an alert with some labels at this moment."""
        active = list(self.active(now))

        def of(labels: Mapping[str, str]) -> tuple[Suppressor, ...]:
            return tuple(
                silence.suppressor(stretch.end)
                for silence, stretch in active
                if silence.matches(labels)
            )

        return of

    def _look(self, silence: Silence, now: datetime) -> _Known:
        """Rules of the calendar are looked up once for each of their times."""
        known = self._known.get(silence.id)
        if known is None or not known.looked <= now < known.edge:
            known = self._known[silence.id] = _found(silence, now)
        return known


def _found(silence: Silence, now: datetime) -> _Known:
    stretch = silence.stretch(now)
    if stretch is not None:
        return _Known(now, stretch.end, stretch)
    coming = silence.next(now, 1)
    return _Known(now, coming[0].start if coming else _FOREVER, None)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a change rests on."""

    now: datetime
    new_id: Callable[[], str]


def made(plan: SilencePlan, terms: Terms, known: Silences, origin: str = "api") -> Change:
    """A new one; what lies before now of it is left out. Raises PlanError."""
    unexpired = sum(
        1 for one in known.by_id.values() if one.over_by is None or one.over_by > terms.now
    )
    if unexpired >= MOST:
        raise PlanError("", f"there are {MOST:,} silences already: end some first")
    silence = Silence(
        id=terms.new_id(),
        matchers=plan.matchers,
        schedule=_from(plan.schedule, terms.now),
        reason=plan.reason,
        author=plan.author,
        origin=origin,
        created_at=terms.now,
        until_resolved=plan.until_resolved,
    )
    if origin != CONFIGURATION and silence.state(terms.now) is SilenceState.EXPIRED:
        raise PlanError("rrule", "it never occurs again")
    return silence, entry_of(None, silence, at=terms.now, by=plan.author, action="created")


def _from(schedule: Schedule, now: datetime) -> Schedule:
    """History is not rewritten: nothing is muted before it is said."""
    if not isinstance(schedule, Once) or schedule.start >= now:
        return schedule
    if schedule.end <= now:
        raise PlanError("end", "it ends before now, so it would mute nothing")
    return Once(now, schedule.end)


def changed(before: Silence, plan: SilencePlan, terms: Terms, known: Silences) -> list[Change]:
    """It is to be like `plan` from now on. Raises PlanError.

    In place, where that rewrites no history; otherwise the old one ends, and a new one begins.
    """
    not_written("silence", before, "changed")
    if _keeps_history(before, plan, terms.now):
        after = replace(
            before,
            schedule=plan.schedule,
            reason=plan.reason,
            author=plan.author,
            until_resolved=plan.until_resolved,
        )
        entry = entry_of(before, after, at=terms.now, by=plan.author, action="changed")
        return [(after, entry)]
    new = made(plan, terms, known)
    if before.state(terms.now) is SilenceState.EXPIRED:
        return [new]
    return [new, ended(before, plan.author, terms.now)]


def _keeps_history(before: Silence, plan: SilencePlan, now: datetime) -> bool:
    state = before.state(now)
    if plan.matchers != before.matchers or state is SilenceState.EXPIRED:
        return False
    old, new = before.schedule, plan.schedule
    if not isinstance(old, Once) or not isinstance(new, Once):
        return old == new
    if state is SilenceState.ACTIVE:
        return new.start == old.start and new.end > now
    return new.start >= now


def ended(silence: Silence, by: str, now: datetime) -> Change:
    """It mutes nothing from now on. Raises PlanError."""
    not_written("silence", silence, "ended")
    return _ended(silence, by, now)


def ended_by_itself(silence: Silence, now: datetime) -> Change:
    """It was made until what it mutes resolves, which it has."""
    return _ended(silence, _NINES, now)


def _ended(silence: Silence, by: str, now: datetime) -> Change:
    return done("silence", silence, "ended", silence.ended, entry_of, by, now)


def warned(silence: Silence, of: datetime, now: datetime) -> Change:
    """People were warned that it ends at `of`."""
    after = replace(silence, warned_of=of)
    return after, entry_of(silence, after, at=now, by=_NINES, action="warned")


def configured(
    known: Silences, plans: Sequence[SilencePlan], terms: Terms, kept: timedelta
) -> list[Change]:
    """What changes so that those of the configuration are exactly `plans`.

    They are told apart by what they mute and when. Those that are over for longer than anything is
    `kept` are passed over: they are forgotten, and are not to come back.
    """

    def drop(one: Silence) -> list[Change]:
        is_over = one.state(terms.now) is SilenceState.EXPIRED
        return [] if is_over else [_ended(one, one.author, terms.now)]

    written = (
        one for one in known.by_id.values() if one.origin == CONFIGURATION and one.ended_at is None
    )
    return as_written(
        {(one.matchers, one.schedule): one for one in written},
        (((plan.matchers, plan.schedule), plan) for plan in plans),
        make=lambda plan: _written(plan, terms, kept),
        drop=drop,
        entry_of=entry_of,
        now=terms.now,
    )


def _written(plan: SilencePlan, terms: Terms, kept: timedelta) -> list[Change]:
    silence = Silence(
        id=terms.new_id(),
        matchers=plan.matchers,
        schedule=plan.schedule,
        reason=plan.reason,
        author=plan.author,
        origin=CONFIGURATION,
        created_at=terms.now,
        until_resolved=plan.until_resolved,
    )
    if silence.over_by is not None and silence.over_by < terms.now - kept:
        return []
    return [(silence, entry_of(None, silence, at=terms.now, by=plan.author, action="created"))]
