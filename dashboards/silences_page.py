"""The pages of silences: who is muted, until when, why, who said so; and the form for another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.alert import Alert
from alerting.silence import Silence, SilencePlan, SilenceState, has_muted, read_plan
from dashboards import format as write
from dashboards import links
from dashboards.audit_facts import trail_words
from dashboards.form import Form
from dashboards.format import Moment
from dashboards.planned_row import PlannedRow, made_and_ended, planned_row
from dashboards.schedule_facts import NEXT, later_times, time_words, when, zone_of
from dashboards.source import ServiceCard, SilenceFile
from slo.exclusion import CONFIGURATION
from slo.planning import PlanError, read_schedule
from slo.recurrence import Once
from slo.units import format_duration

_WORDS = {
    SilenceState.ACTIVE: "Muting now",
    SilenceState.PENDING: "Planned",
    SilenceState.EXPIRED: "Over",
}
_ORDER = list(_WORDS)
_TIMES = ("start", "end", "duration", "rrule", "zone")
_TABS = {
    SilenceState.ACTIVE: "Active",
    SilenceState.PENDING: "Upcoming",
    SilenceState.EXPIRED: "Expired",
}
MOST_LISTED = 50  # the API tells of all
EXTENDED_BY = timedelta(hours=1)
_NONE = {
    SilenceState.PENDING: "No silence is planned",
    SilenceState.EXPIRED: "No silence is over",
}
_SOON = timedelta(minutes=30)
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class MutedRow:
    """One alert that a silence takes, and where to read of it."""

    words: str
    when: str
    url: str


@dataclass(frozen=True, slots=True)
class MutedView:
    """Alerts that a silence takes: a sentence, and the first of them."""

    sentence: str
    rows: tuple[MutedRow, ...]
    more: str | None


@dataclass(frozen=True, slots=True)
class SilencePreview:
    """What making it would do."""

    now: MutedView
    week: MutedView
    times: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to the silences in one state."""

    word: str
    count: int
    url: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class NoneHere:
    """Why a list is empty while silences in other states are there, and where those are."""

    title: str
    why: str
    url: str
    act: str


@dataclass(frozen=True, slots=True)
class ListedSilence:
    """One in a list, with what it takes; `soon`: it ends within half an hour."""

    row: PlannedRow
    takes: str
    soon: bool
    repeat_url: str | None


@dataclass(frozen=True, slots=True)
class SilencesView:
    """The list of those in one state, and the form."""

    tabs: tuple[Tab, ...]
    rows: tuple[ListedSilence, ...]
    none_here: NoneHere | None  # None also where nothing is silenced
    known: tuple[str, ...]  # matchers that would take something
    form: Form
    preview: SilencePreview | None
    remembered: str


@dataclass(frozen=True, slots=True)
class SilenceView:
    """One silence."""

    row: PlannedRow
    id: str
    facts: tuple[tuple[str, str], ...]
    times: tuple[str, ...]
    now: MutedView
    week: MutedView
    trail: tuple[tuple[Moment, str], ...]
    takes: str
    can_end: bool
    can_extend: bool
    repeat_url: str | None
    remembered: str
    notice: str | None


def listed(
    found: Sequence[Silence], state: SilenceState | None, now: datetime
) -> tuple[SilenceState, Mapping[SilenceState, Sequence[Silence]]]:
    """The state that is shown, and those in each. `found`: newest first.

    Without a wish it is the first in which there is any.
    """
    by_state: dict[SilenceState, list[Silence]] = {each: [] for each in _ORDER}
    for one in found:
        by_state[one.state(now)].append(one)
    shown = state or next((each for each in _ORDER if by_state[each]), SilenceState.ACTIVE)
    return shown, by_state


def silences_view(
    found: Sequence[Silence],
    *,
    services: Sequence[ServiceCard],
    form: Form,
    preview: SilenceFile | None,
    remembered: str,
    now: datetime,
    state: SilenceState | None = None,
    files: Mapping[str, SilenceFile] | None = None,
) -> SilencesView:
    """The list and the form, with a preview where one was asked for. `files` tell, by id, what
    those that are shown take.
    """
    shown, by_state = listed(found, state, now)
    return SilencesView(
        tabs=tuple(
            Tab(_TABS[each], len(by_state[each]), f"/silences?state={each.value}", each is shown)
            for each in _ORDER
        ),
        rows=tuple(
            _listed(one, (files or {}).get(one.id), now) for one in by_state[shown][:MOST_LISTED]
        ),
        none_here=_none_here(shown, by_state),
        known=tuple(_known(services)),
        form=form,
        preview=None if preview is None else _preview(preview, now),
        remembered=remembered,
    )


def _none_here(
    shown: SilenceState, by_state: Mapping[SilenceState, Sequence[Silence]]
) -> NoneHere | None:
    """Nobody reads that nothing is silenced under a tab that happens to be empty."""
    other = next((each for each in _ORDER if by_state[each]), None)
    if by_state[shown] or other is None or shown not in _NONE:
        return None
    there = (f"{write.count(len(by_state[each]))} {_TABS[each].lower()}" for each in _ORDER)
    return NoneHere(
        title=_NONE[shown],
        why=f"Of all silences there are {', '.join(there)}.",
        url=f"/silences?state={other.value}",
        act=f"Show those that are {_TABS[other].lower()}",
    )


def _listed(one: Silence, file: SilenceFile | None, now: datetime) -> ListedSilence:
    stretch = one.stretch(now)
    return ListedSilence(
        row=silence_row(one, now),
        takes="" if file is None else takes(file, now),
        soon=stretch is not None and stretch.end - now < _SOON,
        repeat_url=repeat_url(one),
    )


def takes(file: SilenceFile, now: datetime) -> str:
    """What it matches now, and what it held back, in a line."""
    found = []
    if file.silence.state(now) is not SilenceState.EXPIRED:
        found.append(f"{_alerts(len(file.now))} now")
    if isinstance(file.silence.schedule, Once):
        held = len(has_muted(file.silence, file.week, now))
        found.append(f"muted {_alerts(held)} in seven days")
    return "; ".join(found)


def _alerts(number: int) -> str:
    return write.plural(number, "alert") if number else "nothing"


def repeat_url(one: Silence) -> str | None:
    """The form, filled in for the same again from now; None for one that recurs by itself."""
    if not isinstance(one.schedule, Once):
        return None
    length = one.schedule.end - one.schedule.start
    # An hour from when it was asked for is a breath less from when it was made.
    seconds = timedelta(seconds=max(1, round(length.total_seconds())))
    told = {"matchers": one.label, "duration": format_duration(seconds), "reason": one.reason}
    return links.with_query("/silences", **told) + "#silence"


def silence_view(
    file: SilenceFile, *, remembered: str, notice: str | None, now: datetime
) -> SilenceView:
    """One silence with what it mutes, and its trail."""
    one = file.silence
    expired = one.state(now) is SilenceState.EXPIRED
    return SilenceView(
        row=silence_row(one, now),
        id=one.id,
        facts=tuple(_facts(file, now)),
        times=later_times(one.next(now, NEXT), one.schedule, now),
        now=_muted(file.now, "fires now and fits", "fire now and fit", now),
        week=_muted(file.week, "of the last seven days fits", "of the last seven days fit", now),
        trail=trail_words(file.trail, now),
        takes=takes(file, now),
        can_end=not expired and one.origin != CONFIGURATION,
        can_extend=not expired and one.origin != CONFIGURATION and isinstance(one.schedule, Once),
        repeat_url=repeat_url(one),
        remembered=remembered,
        notice=notice,
    )


def silence_row(one: Silence, now: datetime) -> PlannedRow:
    """One line of a list."""
    state = one.state(now)
    word, stretch = _WORDS[state], one.stretch(now)
    if stretch is not None:
        word = f"{word}, ends {write.ago(stretch.end, now)}"
    return planned_row("silence", one, one.label, state.value, word, now)


def read_form(form: Form, by: str, now: datetime, *, only_preview: bool) -> SilencePlan:
    """The plan that was filled in; of a preview, who and why may be missing. Raises PlanError."""
    reason = form.value("reason")
    if not only_preview and not reason:
        raise PlanError("reason", "say why, for whoever waits for a message")
    if not only_preview and not by:
        raise PlanError("name", "say who you are first, so that the others know whom to ask")
    schedule = read_schedule(**{name: form.value(name) or None for name in _TIMES}, now=now)
    return read_plan(
        [form.value("matchers")],
        schedule,
        reason=reason,
        author=by,
        until_resolved=bool(form.value("until_resolved")),
    )


def _known(services: Sequence[ServiceCard]) -> Iterable[str]:
    for card in services:
        yield f'service="{card.name}"'
        for slo_id in card.slo_ids:
            name = slo_id.partition("/")[2].partition("@")[0]
            yield f'service="{card.name}", slo="{name}"'


def _preview(file: SilenceFile, now: datetime) -> SilencePreview:
    one, few = "that fires now", "that fire now"
    begins = "mute" if file.silence.stretch(now) else "mute, once it begins, if it still fires,"
    week = "of the last seven days"
    if not isinstance(file.silence.schedule, Once):
        week += " at its times of the week"
    return SilencePreview(
        now=_muted(file.now, one, few, now, f"This would {begins} "),
        week=_muted(file.week, week, week, now, "It would have muted "),
        times=_times(file.silence, now),
    )


def _muted(
    alerts: Sequence[Alert], one: str, several: str, now: datetime, begin: str = ""
) -> MutedView:
    number = write.plural(len(alerts), "alert") if alerts else "no alert"
    sentence = f"{begin}{number} {several if len(alerts) > 1 else one}."
    more = len(alerts) - _MOST_NAMED
    return MutedView(
        sentence=sentence[:1].upper() + sentence[1:],
        rows=tuple(_muted_row(alert, now) for alert in alerts[:_MOST_NAMED]),
        more=f"and {write.count(more)} more" if more > 0 else None,
    )


def _muted_row(alert: Alert, now: datetime) -> MutedRow:
    ended = alert.ended_at
    lasted = (
        f"since {write.stamp(alert.started_at, now)}"
        if ended is None
        else write.between(alert.started_at, ended, now)
    )
    return MutedRow(
        f"{alert.service}/{alert.slo}, {alert.severity.value}",
        lasted,
        links.incident_url(alert.incident_id),
    )


def _facts(file: SilenceFile, now: datetime) -> Iterable[tuple[str, str]]:
    one = file.silence
    yield "What", one.label
    yield "Why", one.reason
    yield "When", when(one.schedule, one.ended_at, now)
    if one.until_resolved:
        yield "Ends early", "as soon as nothing that it mutes fires any more"
    # Who changed it last speaks for it; who made it is in its trail.
    maker = next((entry.by for entry in file.trail if entry.action == "created"), one.author)
    yield from made_and_ended(one, now, maker)


def _times(one: Silence, now: datetime) -> tuple[str, ...]:
    return tuple(time_words(time, zone_of(one.schedule), now) for time in one.next(now, NEXT))
