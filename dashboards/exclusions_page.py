"""The pages of exclusions: what does not count, why, who said so; and the form for another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards import format as write
from dashboards import links
from dashboards.audit_facts import trail_words
from dashboards.exclusion_facts import ACTIVE, OVER, PLANNED, UNDONE, next_of, state_of
from dashboards.form import Form
from dashboards.format import Moment
from dashboards.planned_row import PlannedRow, made_and_ended, planned_row
from dashboards.schedule_facts import later_times, time_words, when, zone_of
from dashboards.source import ExclusionFile
from slo.exclusion import CONFIGURATION, Exclusion, Plan, Scope
from slo.planning import PlanError, read_schedule
from slo.recurrence import Interval, Once

_WORDS = {ACTIVE: "Excluding now", PLANNED: "Planned", OVER: "Over", UNDONE: "Undone"}
_FIELDS = ("what", "start", "end", "duration", "rrule", "zone", "reason", "public")
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class PreviewView:
    """What making it would do."""

    sentence: str
    times: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExclusionsView:
    """The list, what is in effect first, and the form."""

    rows: tuple[PlannedRow, ...]
    known: tuple[str, ...]  # what may be excluded: services and SLOs
    form: Form
    preview: PreviewView | None
    remembered: str


@dataclass(frozen=True, slots=True)
class ExclusionView:
    """One exclusion."""

    row: PlannedRow
    id: str
    facts: tuple[tuple[str, str], ...]
    times: tuple[str, ...]
    slos: tuple[tuple[str, str], ...]  # id, address
    trail: tuple[tuple[Moment, str], ...]
    can_end: bool
    can_undo: bool
    remembered: str
    notice: str | None


def exclusions_view(
    found: Sequence[Exclusion],
    *,
    known: Sequence[str],
    form: Form,
    preview: ExclusionFile | None,
    remembered: str,
    now: datetime,
) -> ExclusionsView:
    """The list and the form, with a preview where one was asked for."""
    places = [ACTIVE, PLANNED, OVER, UNDONE]
    rows = sorted(
        (exclusion_row(one, now) for one in found), key=lambda row: places.index(row.state)
    )
    return ExclusionsView(
        rows=tuple(rows),
        known=tuple(known),
        form=form,
        preview=None if preview is None else _preview(preview, now),
        remembered=remembered,
    )


def exclusion_view(
    file: ExclusionFile, *, remembered: str, notice: str | None, now: datetime
) -> ExclusionView:
    """One exclusion with its trail."""
    one = file.exclusion
    row = exclusion_row(one, now)
    written = one.origin == CONFIGURATION
    return ExclusionView(
        row=row,
        id=one.id,
        facts=tuple(_facts(one, now)),
        times=later_times(next_of(one, now), one.schedule, now),
        slos=tuple((slo, links.slo_url(slo)) for slo in file.slo_ids),
        trail=trail_words(file.trail, now),
        can_end=not written
        and (row.state == ACTIVE or (row.state == PLANNED and not isinstance(one.schedule, Once))),
        can_undo=not written and row.state != UNDONE,
        remembered=remembered,
        notice=notice,
    )


def exclusion_row(one: Exclusion, now: datetime) -> PlannedRow:
    """One line of a list."""
    state = state_of(one, now)
    return planned_row("exclusion", one, one.scope.label, state, _WORDS[state], now)


def read_form(form: Form, by: str, now: datetime) -> Plan:
    """The plan that was filled in. Raises PlanError."""
    said = {name: form.value(name)[:_LONGEST] or None for name in _FIELDS}
    what, reason, public = said.pop("what"), said.pop("reason"), said.pop("public")
    if what is None:
        raise PlanError("what", "say what is excluded: a service, service/slo, or label=value")
    if reason is None:
        raise PlanError("reason", "say why, for whoever reads the numbers")
    if not by:
        raise PlanError("name", "say who you are first, so that the others know whom to ask")
    schedule = read_schedule(**said, now=now)
    return Plan(read_scope(what), schedule, reason, by, public)


def read_scope(what: str) -> Scope:
    """Read `shop`, `shop/availability` or `env=prod, tier=1`. Raises PlanError."""
    if "=" not in what:
        service, _, slo = what.strip().partition("/")
        return Scope(service.strip(), slo.strip() or None)
    labels = {}
    for part in what.split(","):
        key, equals, value = part.partition("=")
        if not key.strip() or not equals:
            raise PlanError("what", f"{part.strip()!r} is no label: write key=value")
        labels[key.strip()] = value.strip()
    return Scope(labels=tuple(sorted(labels.items())))


def _preview(file: ExclusionFile, now: datetime) -> PreviewView:
    one = file.exclusion
    times = next_of(one, now)
    if not times and isinstance(one.schedule, Once):  # it lies in the past
        times = [Interval(one.schedule.start, one.schedule.end)]
    slos = write.plural(len(file.slo_ids), "SLO")
    return PreviewView(
        f"This would exclude {slos}: {', '.join(file.slo_ids[:5])}"
        f"{' and others' if len(file.slo_ids) > 5 else ''}.",
        tuple(time_words(time, zone_of(one.schedule), now) for time in times),
    )


def _facts(one: Exclusion, now: datetime) -> list[tuple[str, str]]:
    schedule = one.schedule
    facts = [
        ("What", one.scope.label),
        ("Why", one.reason),
        ("When", when(one.schedule, one.ended_at, now)),
    ]
    if one.public is not None:
        facts.append(("On the status page", one.public))
    if not isinstance(schedule, Once):
        facts.append(("First possible", f"{schedule.first:%Y-%m-%d %H:%M} {schedule.zone.key}"))
    facts += made_and_ended(one, now)
    if one.undone_at is not None:
        facts.append(("Undone", write.stamp(one.undone_at, now)))
    facts.append(("Reaches back to", write.stamp(one.since, now)))
    return facts
