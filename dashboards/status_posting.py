"""The pages on which people write what customers read: the list with its form, and one incident."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerting.incident import Incident
from alerting.routes import join
from alerting.status_incident import ComponentState, Impact, Stage, StatusIncident
from dashboards import format as write
from dashboards import links
from dashboards import status_words as words
from dashboards.format import Moment
from dashboards.status_page import StatusPage
from slo.severity import Severity

URL = "/status-incidents"
NOT_TOUCHED, BY_RULE = "", "by_rule"
_UNNAMED = "part of our service"


@dataclass(frozen=True, slots=True)
class PostingRow:
    title: str
    url: str
    word: str
    impact: str
    is_over: bool
    updated: Moment


@dataclass(frozen=True, slots=True)
class ComponentChoice:
    """A component, and what may be said of it: value, words, whether it is chosen."""

    key: str
    title: str
    options: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, slots=True)
class PostingForm:
    """The form as it is filled in; `key` makes two clicks one post; `problem` is a sentence."""

    key: str
    remembered: str
    stages: tuple[tuple[str, str, bool], ...]
    impacts: tuple[tuple[str, str, bool], ...]
    components: tuple[ComponentChoice, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None
    drafted_from: str | None = None  # the incident that a draft was made from
    seen: str = ""  # the newest update when the form was opened

    @property
    def drafted_url(self) -> str | None:
        """Where that incident stands."""
        return None if self.drafted_from is None else links.incident_url(self.drafted_from)

    def value(self, name: str) -> str:
        return self.values.get(name, "")


@dataclass(frozen=True, slots=True)
class PostingListView:
    """`configured` is false where there is no status page; `public` says who reads it."""

    configured: bool
    public: bool
    rows: tuple[PostingRow, ...]
    form: PostingForm


@dataclass(frozen=True, slots=True)
class PostedUpdate:
    word: str
    text: str
    by: str
    at: Moment


@dataclass(frozen=True, slots=True)
class PostingView:
    """One incident; `updates` are newest first."""

    row: PostingRow
    public_url: str
    touched: str
    updates: tuple[PostedUpdate, ...]
    form: PostingForm


def posting_form(
    page: StatusPage | None,
    *,
    key: str,
    remembered: str,
    values: Mapping[str, str],
    of: StatusIncident | None = None,
    problem: str | None = None,
    drafted_from: str | None = None,
) -> PostingForm:
    """The form for a new incident, or for the next update `of` one."""
    stage = values.get("status") or (of.stage if of is not None else Stage.INVESTIGATING)
    impact = values.get("impact") or (of.impact if of is not None else Impact.MINOR)
    told = of.components if of is not None else {}
    stages = [one for one in Stage if of is not None or one is not Stage.POSTMORTEM]
    return PostingForm(
        key=key,
        remembered=remembered,
        stages=tuple((one.value, words.STAGES[one], one == stage) for one in stages),
        impacts=tuple((one.value, words.IMPACTS[one], one == impact) for one in Impact),
        components=tuple(
            ComponentChoice(
                one.key,
                one.title,
                _options(values.get(f"component.{one.key}", _said(one.key, told))),
            )
            for one in (page.components if page is not None else ())
        ),
        values=values,
        problem=problem,
        drafted_from=drafted_from,
        seen=of.updates[-1].id if of is not None else "",
    )


def meanwhile(of: StatusIncident, sent: Mapping[str, str]) -> str | None:
    """What others told customers since this form was opened; its own second click is no other."""
    ids = [one.id for one in of.updates]
    if sent.get("seen") not in ids:
        return None
    since = of.updates[ids.index(sent["seen"]) + 1 :]
    news = [one for one in since if one.text != sent.get("text", "").strip()]
    if not news:
        return None
    said = f"{news[-1].by} told them “{words.STAGES[news[-1].stage]}”"
    return (
        f"Nothing was published now: meanwhile {said}, as stands above. If customers are to read "
        "this after it, publish again."
    )


def drafting_url(incident_id: str) -> str:
    """The form, filled in for what customers may feel of an incident of ours."""
    return links.with_query(URL, incident=incident_id) + "#post"


def drafted(page: StatusPage, incident: Incident, slos: Sequence[str]) -> Mapping[str, str]:
    """The fields of a first draft, in nobody's words but those that customers know already.

    `slos`: the names of those of its service that stand in the incident.
    """
    ids = {f"{incident.service}/{name}" for name in slos}
    felt = [one for one in page.components if ids.intersection(one.every)]
    named = join([one.title for one in felt]) if felt else _UNNAMED
    began = _clock(incident.opened_at, page)
    told = {f"component.{one.key}": BY_RULE for one in felt}
    if not incident.open:
        over = _clock(incident.resolved_at or incident.opened_at, page)
        text = f"There was trouble with {named} from {began} to {over}. It is over."
    else:
        text = f"There is trouble with {named} since {began}. We are looking into it."
    return told | {
        "title": f"Trouble with {named}",
        "status": (Stage.INVESTIGATING if incident.open else Stage.RESOLVED).value,
        "impact": (Impact.MAJOR if incident.worst is Severity.PAGE else Impact.MINOR).value,
        "text": text,
    }


def _clock(at: datetime, page: StatusPage) -> str:
    return f"{at.astimezone(page.zone):%H:%M %Z}"


def _said(key: str, told: Mapping[str, ComponentState | None]) -> str:
    if key not in told:
        return NOT_TOUCHED
    return told[key] or BY_RULE


def _options(chosen: str) -> tuple[tuple[str, str, bool], ...]:
    choices = [
        (NOT_TOUCHED, "not touched"),
        (BY_RULE, "touched; its SLOs say how it does"),
        *((one.value, words.STATES[one].lower()) for one in ComponentState),
    ]
    return tuple((value, text, value == chosen) for value, text in choices)


def posting_list(
    page: StatusPage | None, found: Sequence[StatusIncident], form: PostingForm, now: datetime
) -> PostingListView:
    """All that customers were told, newest first."""
    rows = tuple(_row(one, now) for one in found)
    return PostingListView(page is not None, page is not None and page.public, rows, form)


def posting_view(
    page: StatusPage | None, one: StatusIncident, form: PostingForm, now: datetime
) -> PostingView:
    """One of them."""
    titles = [
        known.title
        for key in one.components
        if page is not None and (known := page.component(key)) is not None
    ]
    return PostingView(
        row=_row(one, now),
        public_url=words.incident_path(one.id),
        touched=", ".join(titles) or "nothing named",
        updates=tuple(
            PostedUpdate(
                words.STAGES[update.stage], update.text, update.by, write.moment(update.at, now)
            )
            for update in reversed(one.updates)
        ),
        form=form,
    )


def _row(one: StatusIncident, now: datetime) -> PostingRow:
    return PostingRow(
        one.title,
        f"{URL}/{one.id}",
        words.STAGES[one.stage],
        words.IMPACTS[one.impact],
        one.is_over,
        write.moment(one.updated_at, now),
    )
