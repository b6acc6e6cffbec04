"""The page that answers "why was I (not) paged?": the question, and the answer in order of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dashboards import format as write
from dashboards import links
from dashboards.format import Moment
from dashboards.incident_page import Entry
from dashboards.why import AlertWhy, RouteFacts, StepFacts, SuppressorFacts, WhyFacts
from dashboards.why_not import RuleWhy
from slo.severity import Severity

_STEP_WORDS = {
    "decided": "Decided",
    "sent": "Outbox",
    "tried": "Delivery tried",
    "delivered": "Delivered",
    "incident": "Incident",
}
_STEP_TONES = {
    "decided": "accent",
    "sent": "plain",
    "tried": "warn",
    "delivered": "good",
    "incident": "plain",
}
# How an answer may begin that its verdict says already.
_SAID = ("told nothing new: ", "told nothing: ", "told nothing yet: ", "told ", "not told: ")


@dataclass(frozen=True, slots=True)
class HolderRow:
    """Who held it back; `url` is where it stands."""

    text: str
    url: str | None


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One route that took it."""

    route: str
    receivers: str
    terms: tuple[tuple[str, str], ...]
    held_by: tuple[HolderRow, ...]


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One receiver: told, perhaps, or not, and why."""

    receiver: str
    word: str
    tone: str  # of an outcome
    words: str


@dataclass(frozen=True, slots=True)
class AlertSection:
    """One alert's whole story."""

    anchor: str
    name: str
    severity: str
    severity_word: str
    answer: str
    incident_url: str
    page_url: str
    began: Moment
    ended: Moment | None
    receivers: tuple[AnswerRow, ...]
    routes: tuple[RouteRow, ...]
    labels: tuple[tuple[str, str], ...]
    steps: tuple[Entry, ...]
    since: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConditionRow:
    """One condition of a rule."""

    what: str
    seen: str
    wanted: str
    word: str
    tone: str


@dataclass(frozen=True, slots=True)
class RuleSection:
    """One rule at the moment."""

    rule: str
    state: str
    state_word: str
    severity: str
    severity_word: str
    answer: str
    conditions: tuple[ConditionRow, ...]
    why_url: str | None


@dataclass(frozen=True, slots=True)
class WhyView:
    """The question and, where it was asked, the answer. `missing`: why there is none."""

    of: str
    asked_at: str
    missing: str
    asked: bool
    at: str | None
    alerts: tuple[AlertSection, ...]
    rules: tuple[RuleSection, ...]
    notes: tuple[str, ...]
    steps: tuple[Entry, ...]  # that several of the alerts share


def why_view(found: WhyFacts | None, *, of: str, at: str, missing: str, now: datetime) -> WhyView:
    """The page; without anything `found`, the form alone."""
    return WhyView(
        of=of,
        asked_at=at,
        missing=missing,
        asked=found is not None,
        at=write.stamp(found.at, now, seconds=True) if found and found.at else None,
        alerts=tuple(_section(one, now) for one in found.alerts) if found else (),
        rules=tuple(map(_rule, found.rules)) if found else (),
        notes=found.notes if found else (),
        steps=tuple(_step(one, now) for one in found.steps) if found else (),
    )


def _section(one: AlertWhy, now: datetime) -> AlertSection:
    return AlertSection(
        anchor=f"alert-{one.alert_id}",
        name=one.name,
        severity=one.severity,
        severity_word=Severity(one.severity).value.capitalize(),
        answer=one.answer,
        incident_url=links.incident_url(one.incident_id),
        page_url=links.alert_page_url(one.service, one.slo, one.rule, one.origin_url or ""),
        began=write.moment(one.started_at, now),
        ended=write.moment(one.ended_at, now) if one.ended_at else None,
        receivers=tuple(
            AnswerRow(
                answer.receiver,
                {True: "told", False: "not told", None: "perhaps told"}[answer.told],
                {True: "passed", False: "failed", None: "unknown"}[answer.told],
                _without_verdict(answer.words),
            )
            for answer in one.receivers
        ),
        routes=tuple(_route(route, now) for route in one.routes),
        labels=tuple(sorted(one.labels.items())),
        steps=tuple(_step(step, now) for step in one.steps),
        since=one.since,
    )


def _without_verdict(words: str) -> str:
    return next((words.removeprefix(said) for said in _SAID if words.startswith(said)), words)


def _route(route: RouteFacts, now: datetime) -> RouteRow:
    terms: Mapping[str, str | None] = {
        "group_wait": route.group_wait,
        "group_interval": route.group_interval,
        "repeat_interval": route.repeat_interval,
        "group": ", ".join(f"{name}={value}" for name, value in route.group.items()),
        "failover": ", then ".join(route.failover),
        "not acknowledged in": "; ".join(route.escalate),
    }
    return RouteRow(
        route=route.route,
        receivers=", ".join(route.receivers) or "nobody",
        terms=tuple((name, text) for name, text in terms.items() if text),
        held_by=tuple(_holder(one, now) for one in route.held_by),
    )


def _holder(one: SuppressorFacts, now: datetime) -> HolderRow:
    until = f", until {write.stamp(one.until, now)}" if one.until else ""
    words = f" ({one.words})" if one.words else ""
    url = links.planned_url("silence", one.id) if one.kind == "silence" else None
    return HolderRow(f"{one.kind} {one.id}{words}{until}", url)


def _step(step: StepFacts, now: datetime) -> Entry:
    return Entry(
        at=write.moment(step.at, now),
        time=write.stamp(step.at, now, seconds=True),
        word=_STEP_WORDS[step.kind],
        text=step.words,
        tone=_STEP_TONES[step.kind],
    )


def _rule(one: RuleWhy) -> RuleSection:
    return RuleSection(
        rule=one.rule,
        state=one.state,
        state_word=one.state.capitalize(),
        severity=one.severity,
        severity_word=one.severity.capitalize(),
        answer=one.answer,
        conditions=tuple(
            ConditionRow(
                each.what,
                each.seen,
                each.wanted,
                {True: "met", False: "not met", None: "not known"}[each.met],
                {True: "passed", False: "failed", None: "unknown"}[each.met],
            )
            for each in one.conditions
        ),
        why_url=links.why_url(one.alert_id) if one.alert_id else None,
    )
