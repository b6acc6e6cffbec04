"""The draft of a post-mortem in Markdown: every fact that is known, and room for what is not.

Its sections are those of an incident's handling: detect, contain, eradicate, recover, lessons.
Source of the names: NIST SP 800-61 revision 2, section 3.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from alerting import wording
from alerting.alert import Alert, AlertKind, Facts
from alerting.notification import Notification, NotificationKind
from dashboards import format as write
from dashboards.aftermath import bad_and_total, causes_of, lost
from dashboards.aftermath_page import spent_words
from dashboards.source import Aftermath, IncidentDetail, ServiceCard
from slo.budget_ledger import BudgetLedger

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")
_UNKNOWN = "not known"
_MOST_CAUSES = 5
_TELLS = (NotificationKind.TRIGGER, NotificationKind.UPDATE, NotificationKind.MISSED)


def postmortem(
    detail: IncidentDetail,
    aftermath: Aftermath,
    card: ServiceCard | None,
    external_url: str,
    now: datetime,
) -> str:
    """The whole draft; of an incident that is still open, as it stands at `now`."""
    parts = [
        _head(detail, card, external_url, now),
        _impact(aftermath),
        _detect(detail, aftermath),
        _contain(detail, aftermath),
        _eradicate(detail, aftermath),
        _recover(detail, aftermath),
        _lessons(aftermath),
        _timeline(detail),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(
    detail: IncidentDetail, card: ServiceCard | None, external_url: str, now: datetime
) -> Iterator[str]:
    incident = detail.incident
    lasted = wording.duration((incident.resolved_at or now) - incident.opened_at)
    yield f"# Post-mortem: {_plain(incident.title)}"
    yield ""
    if incident.open:
        yield f"> The incident is still open: this is how it stood at {write.full(now)}."
        yield ""
    yield "| | |"
    yield "| --- | --- |"
    yield f"| Incident | [{incident.id}]({external_url.rstrip('/')}/incidents/{incident.id}) |"
    yield f"| Service | {_plain(incident.service)} |"
    if card is not None and card.owner:
        yield f"| Owner | {_plain(card.owner)} |"
    yield f"| Severity | {incident.worst} |"
    yield f"| Opened | {write.full(incident.opened_at)} |"
    taken = (
        f"{write.full(incident.acknowledged_at)} by {_plain(incident.acknowledged_by or '')}"
        if incident.acknowledged_at
        else "by nobody"
    )
    yield f"| Acknowledged | {taken} |"
    over = write.full(incident.resolved_at) if incident.resolved_at else "not yet"
    yield f"| Resolved | {over} |"
    yield f"| Lasted | {lasted}{' so far' if incident.open else ''} |"


def _impact(aftermath: Aftermath) -> Iterator[str]:
    yield "## Impact"
    yield ""
    if not aftermath.costs:
        yield "No error budget is known to have been spent."
    else:
        yield from _costs(aftermath)
    if aftermath.excluded:
        yield ""
    for slo_id, stretches in aftermath.excluded:
        times = ", ".join(f"{write.full(start)} to {write.full(end)}" for start, end in stretches)
        yield f"- Of {_plain(slo_id)} this time was excluded and counts for nothing: {times}."


def _costs(aftermath: Aftermath) -> Iterator[str]:
    since = write.full(aftermath.since)
    yield f"From {since} on, by the ledger of each budget:"
    yield ""
    yield "| SLO | Bad events | Of all | Budget spent |"
    yield "| --- | ---: | ---: | ---: |"
    for slo_id, ledger in aftermath.costs:
        bad, total = bad_and_total(ledger)
        spent = spent_words(aftermath, slo_id, ledger)
        yield f"| {_plain(slo_id)} | {bad:,} | {total:,} | {spent} |"


def _detect(detail: IncidentDetail, aftermath: Aftermath) -> Iterator[str]:
    yield "## Detect"
    yield ""
    first = min(detail.alerts, key=lambda one: (one.started_at, one.id), default=None)
    if aftermath.began is not None:
        yield f"- Harm began at {write.full(aftermath.began)}."
    if first is not None:
        name = wording.name(first.slo, first.severity, first.facts)
        yield f"- First noticed by {_plain(name)} at {write.full(first.started_at)}."
    yield f"- Time to detect: {_length(aftermath.times.detect)}."
    told = list(_first_told(detail.notifications))
    for name, at in told:
        yield f"- {_plain(name)} was told at {write.full(at)}."
    if not told:
        yield "- Nobody was told."
    yield "- _Who noticed it before the alert did, and how?_"


def _first_told(notifications: Sequence[Notification]) -> Iterator[tuple[str, datetime]]:
    """Each receiver that heard of the incident, by itself or in a digest, and when first."""
    first: dict[str, datetime] = {}
    for one in notifications:
        if one.arrived and one.kind in _TELLS:
            at = one.finished_at or one.created_at
            first[one.receiver] = min(at, first.get(one.receiver, at))
    yield from sorted(first.items(), key=lambda item: item[1])


def _contain(detail: IncidentDetail, aftermath: Aftermath) -> Iterator[str]:
    incident = detail.incident
    yield "## Contain"
    yield ""
    if incident.acknowledged_at:
        by, at = _plain(incident.acknowledged_by or ""), write.full(incident.acknowledged_at)
        yield f"- {by} acknowledged at {at}."
    else:
        yield "- Nobody acknowledged it."
    yield f"- Time to acknowledge: {_length(aftermath.times.acknowledge)}."
    yield "- _What was done to stop the harm, and when?_"


def _eradicate(detail: IncidentDetail, aftermath: Aftermath) -> Iterator[str]:
    yield "## Eradicate"
    yield ""
    for slo_id, ledger in aftermath.costs:
        causes = list(causes_of(ledger).items())[:_MOST_CAUSES]
        if causes:
            said = ", ".join(f"{_plain(cause)} ({count:,})" for cause, count in causes)
            yield f"- What failed in {_plain(slo_id)}: {said}.{_untold(ledger)}"
    for alert in _real(detail.alerts):
        facts = _when_it_fired(alert, detail.notifications)
        if facts is not None and facts.measured:
            yield f"- {_plain(alert.slo)}, when it fired: {_plain(facts.headline)}."
    yield "- _The cause behind these, and how it was removed:_"


def _untold(ledger: BudgetLedger) -> str:
    """Causes are told of what outpaced the budget: of how many bad events they are not."""
    bad, _ = bad_and_total(ledger)
    told = lost(ledger)
    if told == bad:
        return ""
    return (
        f" That is of the {told:,} of {bad:,} bad events that came faster than the budget allows;"
        " causes of the others are not told apart."
    )


def _recover(detail: IncidentDetail, aftermath: Aftermath) -> Iterator[str]:
    yield "## Recover"
    yield ""
    for alert in sorted(_real(detail.alerts), key=lambda one: (one.started_at, one.id)):
        if alert.ended_at is not None:
            name = wording.name(alert.slo, alert.severity, alert.facts)
            why = wording.capital(alert.facts.reason.rstrip("."))
            yield f"- {_plain(name)} ended at {write.full(alert.ended_at)}: {_plain(why)}."
    yield f"- Time to resolve: {_length(aftermath.times.resolve)}."
    yield "- _How was it made sure that it was over?_"


def _lessons(aftermath: Aftermath) -> Iterator[str]:
    yield "## Lessons"
    yield ""
    if aftermath.similar:
        yield "It happened before:"
        yield ""
        for one in aftermath.similar:
            sketch = one.sketch
            lasted = (
                f"lasted {wording.duration(sketch.resolved_at - sketch.opened_at)}"
                if sketch.resolved_at
                else "is open still"
            )
            ended = f"; {_plain(sketch.ended_by.rstrip('.'))}" if sketch.ended_by else ""
            common = _plain("; ".join(one.common))
            at = write.full(sketch.opened_at)
            yield f"- {sketch.incident_id} at {at}: {lasted}{ended} ({common})."
        yield ""
    yield "- _What went well?_"
    yield "- _What went badly, and where were we lucky?_"
    yield "- _What will be done, by whom, and until when?_"


def _timeline(detail: IncidentDetail) -> Iterator[str]:
    yield "## Timeline"
    yield ""
    yield "All times are UTC."
    yield ""
    yield "| When | What | |"
    yield "| --- | --- | --- |"
    for event in detail.events:
        kind = event.kind.value.replace("_", " ")
        yield f"| {event.at:%Y-%m-%d %H:%M:%S} | {kind} | {_plain(event.text)} |"


def _real(alerts: Sequence[Alert]) -> list[Alert]:
    return [one for one in alerts if one.kind is not AlertKind.BUDGET]


def _when_it_fired(alert: Alert, told: Sequence[Notification]) -> Facts | None:
    """The evidence that it fired on: once it has ended, its own is that of its end."""
    if alert.firing:
        return alert.facts
    return next(
        (
            line.facts
            for one in told
            for line in one.message.alerts
            if (line.rule, line.started_at) == (alert.rule, alert.started_at)
            and line.ended_at is None
        ),
        None,
    )


def _length(length: timedelta | None) -> str:
    return _UNKNOWN if length is None else write.span(length)


def _plain(text: str) -> str:
    """One line that Markdown takes as it stands, whatever signs are in it."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
