"""All exclusions together: what they lay over each SLI, and how somebody may change them. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nines.planned import as_written, done, not_written
from nines.storage.exclusions import entry_of
from slo.audit import AuditEntry
from slo.definition import SLO
from slo.exclusion import CONFIGURATION, NOTHING, Exclusion, Overlay, Plan, Scope
from slo.planning import PlanError
from slo.recurrence import Once
from slo.rule import Rule
from slo.units import format_duration

MOST = 1_000  # that stand at the same time
Change = tuple[Exclusion, AuditEntry]  # how it is from now on, and the entry of its trail


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Every exclusion that is remembered, by id, oldest first."""

    by_id: Mapping[str, Exclusion] = field(default_factory=dict)
    _overlays: dict[tuple[str, ...], Overlay] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, found: Iterable[Exclusion]) -> "Exclusions":
        return cls({one.id: one for one in found})

    def after(self, changes: Sequence[Change]) -> "Exclusions":
        """With these changes."""
        return Exclusions({**self.by_id, **{one.id: one for one, _ in changes}})

    @property
    def standing(self) -> Iterator[Exclusion]:
        """Those that were not undone."""
        return (one for one in self.by_id.values() if one.undone_at is None)

    def over(self, slo: SLO | Rule, labels: Mapping[str, str], bucket_seconds: int) -> Overlay:
        """What is laid over this SLO or threshold rule, of a service with these labels."""
        return self.over_all([slo], {slo.service: labels}, bucket_seconds)

    def over_all(
        self,
        slos: Iterable[SLO | Rule],
        labels: Mapping[str, Mapping[str, str]],
        bucket_seconds: int,
    ) -> Overlay:
        """What is laid over any of these SLOs; `labels` are those of services, by name."""
        slos = list(slos)
        found = [one for one in self.standing if holds_for_any(one.scope, slos, labels)]
        if not found:
            return NOTHING
        key = tuple(one.id for one in found)
        if key not in self._overlays:  # SLOs that share it look up its rules once
            self._overlays[key] = Overlay(found, bucket_seconds)
        return self._overlays[key]


def holds_for_any(
    scope: Scope, slos: Iterable[SLO | Rule], labels: Mapping[str, Mapping[str, str]]
) -> bool:
    """Whether it is for one of these SLOs; `labels` are those of services, by name."""
    return any(scope.holds_for(slo.service, slo.name, labels.get(slo.service, {})) for slo in slos)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a change rests on. `detail`: how long counts finer than five minutes are kept."""

    now: datetime
    detail: timedelta
    new_id: Callable[[], str]


def made(plan: Plan, terms: Terms, known: Exclusions, origin: str = "api") -> Change:
    """A new one. Raises PlanError where it could not be exact, or is one too many."""
    since = terms.now - terms.detail
    schedule = plan.schedule
    begins = schedule.start if isinstance(schedule, Once) else None
    if begins is not None and begins < since:
        raise PlanError(
            "start",
            f"it begins before {since:%Y-%m-%d %H:%M} UTC: counts finer than 5m are kept for"
            f" {format_duration(terms.detail)} (server.retention.detail), and of older ones"
            " nothing can be excluded",
        )
    if sum(1 for _ in known.standing) >= MOST:
        raise PlanError("", f"there are {MOST:,} exclusions already: undo some first")
    return _made(plan, terms, origin)


def _made(plan: Plan, terms: Terms, origin: str) -> Change:
    exclusion = Exclusion(
        id=terms.new_id(),
        scope=plan.scope,
        schedule=plan.schedule,
        reason=plan.reason,
        author=plan.author,
        origin=origin,
        created_at=terms.now,
        since=terms.now - terms.detail,
        public=plan.public,
    )
    entry = entry_of(None, exclusion, at=terms.now, by=plan.author, action="created")
    return exclusion, entry


def ended(exclusion: Exclusion, by: str, now: datetime) -> Change:
    """It is over from now on. Raises PlanError."""
    not_written("exclusion", exclusion, "ended")
    return done("exclusion", exclusion, "ended", exclusion.ended, entry_of, by, now)


def undone(exclusion: Exclusion, by: str, now: datetime) -> Change:
    """As if it had never been. Raises PlanError."""
    not_written("exclusion", exclusion, "undone")
    return done("exclusion", exclusion, "undone", exclusion.undone, entry_of, by, now)


def configured(
    known: Exclusions, plans: Sequence[Plan], terms: Terms, kept: timedelta
) -> list[Change]:
    """What changes so that those of the configuration are exactly `plans`.

    They are told apart by what they exclude and when, and how that is announced. Those that are
    over for longer than anything is `kept` are passed over: they are forgotten, and are not to come
    back.
    """

    def make(plan: Plan) -> list[Change]:
        change = _made(plan, terms, CONFIGURATION)
        over = change[0].over_by
        return [change] if over is None or over >= terms.now - kept else []

    def drop(one: Exclusion) -> list[Change]:
        after = one.undone(terms.now)
        return [(after, entry_of(one, after, at=terms.now, by=one.author, action="undone"))]

    written = (one for one in known.standing if one.origin == CONFIGURATION)
    return as_written(
        {(one.scope, one.schedule, one.public): one for one in written},
        (((plan.scope, plan.schedule, plan.public), plan) for plan in plans),
        make=make,
        drop=drop,
        entry_of=entry_of,
        now=terms.now,
    )
