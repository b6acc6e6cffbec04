"""The status page as it is printed: for customers, without a name from inside."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from alerting.status_incident import ComponentState, StatusIncident
from dashboards import status_words as words
from dashboards.status_page import (
    DAYS,
    HISTORY,
    ComponentFacts,
    Day,
    Maintenance,
    StatusFacts,
    StatusPage,
    overall,
)

_STEP, _WIDTH, _TALL = 4, 3, 32
# How tall a day's bar is, so that states differ by more than their colour.
_HEIGHTS = {
    None: 8,
    ComponentState.OPERATIONAL: _TALL,
    ComponentState.UNDER_MAINTENANCE: 20,
    ComponentState.DEGRADED_PERFORMANCE: _TALL,
    ComponentState.PARTIAL_OUTAGE: _TALL,
    ComponentState.MAJOR_OUTAGE: _TALL,
}
_TONES = {
    None: "unknown",
    ComponentState.OPERATIONAL: "good",
    ComponentState.UNDER_MAINTENANCE: "maintenance",
    ComponentState.DEGRADED_PERFORMANCE: "minor",
    ComponentState.PARTIAL_OUTAGE: "major",
    ComponentState.MAJOR_OUTAGE: "critical",
}


@dataclass(frozen=True, slots=True)
class Bar:
    x: int
    y: int
    height: int
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class ComponentRow:
    title: str
    description: str
    url: str
    tone: str
    word: str
    bars: tuple[Bar, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class GroupView:
    title: str
    rows: tuple[ComponentRow, ...]


@dataclass(frozen=True, slots=True)
class UpdateRow:
    word: str
    text: str
    iso: str
    when: str


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """`updates` are newest first."""

    title: str
    url: str
    tone: str
    impact: str
    word: str
    is_over: bool
    touched: str
    since: str
    since_iso: str
    updates: tuple[UpdateRow, ...]


@dataclass(frozen=True, slots=True)
class MaintenanceRow:
    words: str
    when: str
    touched: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Head:
    """What stands around every page."""

    name: str
    title: str  # of the browser's tab
    public: bool
    support: str | None
    feed: str
    zone: str
    made: str
    made_iso: str


@dataclass(frozen=True, slots=True)
class StatusView:
    head: Head
    tone: str
    sentence: str
    incidents: tuple[IncidentRow, ...]
    groups: tuple[GroupView, ...]
    maintenances: tuple[MaintenanceRow, ...]
    history: tuple[tuple[str, tuple[IncidentRow, ...]], ...]  # by day, newest first
    past: str  # a sentence on the rest of the history


@dataclass(frozen=True, slots=True)
class DayRow:
    date: str
    tone: str
    word: str
    good: str


@dataclass(frozen=True, slots=True)
class ComponentView:
    head: Head
    row: ComponentRow
    days: tuple[DayRow, ...]  # newest first
    incidents: tuple[IncidentRow, ...]


@dataclass(frozen=True, slots=True)
class IncidentView:
    head: Head
    incident: IncidentRow


def status_view(facts: StatusFacts) -> StatusView:
    """The page itself."""
    page, now, whole = facts.page, facts.made_at, overall(facts)
    past = [
        one
        for one in facts.incidents
        if one.is_over and (one.resolved_at or one.created_at) > now - HISTORY
    ]
    return StatusView(
        head=_head(page, f"{whole.sentence} · {page.title}", now),
        tone=whole.tone,
        sentence=whole.sentence,
        incidents=tuple(_incident(one, page) for one in facts.open_incidents),
        groups=tuple(
            GroupView(rows[0].component.group, tuple(map(component_row, rows)))
            for rows in _by_group(facts.components)
        ),
        maintenances=tuple(
            _maintenance(one, page, now) for one in facts.maintenances if one.end > now
        ),
        history=tuple(
            (day, tuple(_incident(one, page) for one in found))
            for day, found in groupby(past, key=lambda one: _day(one.created_at, page.zone))
        ),
        past=f"No {'other ' if past else ''}incident in the last {words.days(HISTORY.days)}.",
    )


def component_view(facts: StatusFacts, key: str) -> ComponentView | None:
    """One component, day by day; None: there is none."""
    one = next((each for each in facts.components if each.component.key == key), None)
    if one is None:
        return None
    page = facts.page
    return ComponentView(
        head=_head(page, f"{one.component.title} · {page.title}", facts.made_at),
        row=component_row(one),
        days=tuple(
            DayRow(
                _date(day),
                _TONES[day.state],
                words.state_word(day.state),
                "" if day.good is None else words.percent(day.good),
            )
            for day in reversed(one.days)
        ),
        incidents=tuple(
            _incident(each, page) for each in facts.incidents if key in each.components
        ),
    )


def incident_view(facts: StatusFacts, incident_id: str) -> IncidentView | None:
    """One incident with all that was told of it; None: there is none."""
    one = next((each for each in facts.incidents if each.id == incident_id), None)
    if one is None:
        return None
    title = f"{one.title} · {facts.page.title}"
    return IncidentView(_head(facts.page, title, facts.made_at), _incident(one, facts.page))


def component_row(one: ComponentFacts) -> ComponentRow:
    """A component with its bars, and what they say."""
    return ComponentRow(
        title=one.component.title,
        description=one.component.description,
        url=words.component_path(one.component.key),
        tone=_TONES[one.state],
        word=words.state_word(one.state),
        bars=tuple(
            Bar(
                number * _STEP,
                _TALL - _HEIGHTS[day.state],
                _HEIGHTS[day.state],
                _TONES[day.state],
                _title(day),
            )
            for number, day in enumerate(one.days)
        ),
        summary=summary(one),
    )


def summary(one: ComponentFacts) -> str:
    """What the bars say: `99.97 % in 90 days, 2 incidents`."""
    seen = sum(day.good is not None for day in one.days)
    incidents = (
        "no incident"
        if not one.incidents
        else f"{one.incidents} incident{'' if one.incidents == 1 else 's'}"
    )
    if not seen:
        return f"No data in {words.days(DAYS)}, {incidents}"
    blind = f", no data of {words.days(DAYS - seen)}" if seen < DAYS else ""
    return f"{words.percent(one.good)} in {words.days(seen)}, {incidents}{blind}"


def _title(day: Day) -> str:
    good = "" if day.good is None else f", {words.percent(day.good)}"
    return f"{_date(day)}: {words.state_word(day.state)}{good}"


def _date(day: Day) -> str:
    return f"{day.date:%a} {day.date.day} {day.date:%b %Y}"


def _day(at: datetime, zone: ZoneInfo) -> str:
    there = at.astimezone(zone)
    return f"{there:%A} {there.day} {there:%B %Y}"


def _by_group(components: Iterable[ComponentFacts]) -> list[list[ComponentFacts]]:
    return [
        list(found) for _, found in groupby(components, key=lambda one: one.component.group_key)
    ]


def _incident(one: StatusIncident, page: StatusPage) -> IncidentRow:
    return IncidentRow(
        title=one.title,
        url=words.incident_path(one.id),
        tone="minor" if one.impact == "none" else one.impact,
        impact=words.IMPACTS[one.impact],
        word=words.STAGES[one.stage],
        is_over=one.is_over,
        touched=_titles(one.components, page),
        since=words.local(one.created_at, page.zone),
        since_iso=one.created_at.isoformat(timespec="seconds"),
        updates=tuple(
            UpdateRow(
                words.STAGES[update.stage],
                update.text,
                update.at.isoformat(timespec="seconds"),
                words.local(update.at, page.zone),
            )
            for update in reversed(one.updates)
        ),
    )


def _maintenance(one: Maintenance, page: StatusPage, now: datetime) -> MaintenanceRow:
    when = words.stretch(one.start, one.end, page.zone)
    return MaintenanceRow(one.words, when, _titles(one.components, page), one.is_on(now))


def _titles(keys: Iterable[str], page: StatusPage) -> str:
    """Those that are still on the page."""
    found = [one for key in keys if (one := page.component(key)) is not None]
    return ", ".join(one.title for one in found)


def _head(page: StatusPage, title: str, now: datetime) -> Head:
    return Head(
        name=page.title,
        title=title,
        public=page.public,
        support=page.support,
        feed=words.FEED,
        zone=page.zone.key,
        made=words.local(now, page.zone),
        made_iso=now.isoformat(timespec="seconds"),
    )
