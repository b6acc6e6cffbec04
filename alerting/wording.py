"""The sentences about alerts that people read: titles, paragraphs, shares, durations."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from alerting import figures
from alerting.alert import AlertKind, Facts
from alerting.notification import AlertLine, Message, NotificationKind
from slo.budget_ledger import Loss
from slo.definition import DerivedSLI, ProbeSLI
from slo.status import BudgetState, SLOStatus, TierReading
from slo.units import format_duration

TITLE_LIMIT = 200
_WORD = re.compile(r"[a-z]+(?=[\s,;]|:\s|$)")


class NoDataCause(StrEnum):
    """Why observations stopped coming: each is another person's work."""

    TARGET_DOWN = "target_down"
    COLLECTOR_DOWN = "collector_down"
    SERIES_MISSING = "series_missing"
    WAITING = "waiting"  # nobody's: what is counted by slices has not had one yet


NO_DATA_WORDS = {
    NoDataCause.TARGET_DOWN: "the target does not answer",
    NoDataCause.COLLECTOR_DOWN: "our own collector does not run; the target may be well",
    NoDataCause.SERIES_MISSING: "the target answers, but without the series that are counted",
    NoDataCause.WAITING: "it is counted by slices, and the first is not over yet",
}


def facts_of(status: SLOStatus, reading: TierReading) -> Facts:
    """The evidence for (or against) one tier at one moment."""
    long, short, forecast = reading.long, reading.short, status.forecast
    counts = long.window.counts
    spent = long.cost / status.budget.allowed if status.budget else None
    pace = f"burning {burn(long.rate)}" if long.rate else "not burning"
    return replace(
        _facts(status, pace, reading.reason),
        long=format_duration(long.lookback),
        short=format_duration(short.lookback),
        factor=float(reading.tier.factor),
        burn_long=_float(long.rate),
        burn_short=_float(short.rate),
        bad=counts.bad,
        total=counts.total,
        long_spent_ratio=_float(spent),
        exhausts_at=forecast.at,
        lasts=forecast.at is None if forecast.known else None,
    )


def no_data_facts(status: SLOStatus, cause: NoDataCause, detail: str = "") -> Facts:
    """Observations stopped coming. `detail` is the collector's own sentence about it."""
    last = status.last_observation
    since = last or status.watched_since
    waited = f" for {duration(status.at - since)}" if since else ""
    seen = f"the last observation came at {moment(last)}" if last else "no observation ever came"
    words = NO_DATA_WORDS[cause]
    return _facts(
        status,
        f"no data{waited}: {words}",
        sentences(capital(words), capital(seen), capital(detail)),
    )


def data_again_facts(status: SLOStatus) -> Facts:
    """Observations come again."""
    return _facts(status, "data comes again", "Observations come again.")


def notice_facts(status: SLOStatus, mark: Decimal) -> Facts:
    """The budget passed one of its marks, such as 0.25."""
    below, forecast = f"below {(mark * 100).normalize():f} %", status.forecast
    facts = _facts(status, "", f"the remaining error budget is {below}, a mark to be told of")
    return replace(
        facts,
        headline=f"{facts.headline.removeprefix(', ')}, {below}",
        exhausts_at=forecast.at,
        lasts=forecast.at is None if forecast.known else None,
    )


def spent_most(loss: Loss) -> str:
    """What took most of a budget: `Most went in 30 min from ...: 61.2 % of the whole`."""
    ran = f"{duration(loss.end - loss.start)} from {moment(loss.start)}"
    took = f"{share(loss.share)} of the whole" if loss.share is not None else "most of it"
    cause = next(iter(loss.causes), None)
    why = f", mostly {cause}" if cause else ""
    return f"Most went in {ran}: {took}{why}"


def title(service_title: str, lines: Sequence[AlertLine]) -> str:
    """One line about what fires (or, when nothing does, what fired), loudest first."""
    firing = [line for line in lines if line.ended_at is None]
    lead = (firing or lines)[0]
    return _title(service_title, lead, lead.facts.headline, others(firing))


def resolved_title(service_title: str, lines: Sequence[AlertLine], lasted: timedelta) -> str:
    """One line about what is over for this receiver, and what it left of the budget."""
    lead = _newest(lines)
    text = "no longer routed here" if fires_on(lines) else f"resolved after {duration(lasted)}"
    left = _left(lead.facts)
    return _title(service_title, lead, f"{text}, {left}" if left else text, others(lines))


def fires_on(lines: Sequence[AlertLine]) -> bool:
    """Whether any of it still fires; where it is over for a receiver, it is not routed there."""
    return _newest(lines).ended_at is None


def others(lines: Sequence[AlertLine]) -> str:
    """` (and 2 more)`, or nothing."""
    return f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""


def paragraph(message: Message) -> str:
    """What happens, how fast, since when, what is left and until when, and the top cause."""
    if message.story:
        return message.story
    if message.kind.over:
        return _resolution(message)
    if message.kind in (NotificationKind.REPORT, NotificationKind.CANARY):
        return message.what_changed
    lead, *rest = message.alerts
    if message.kind is NotificationKind.NOTICE:
        more = "; ".join(line_text(line) for line in rest)
        return sentences(
            *_notice(message.service_title, lead, message.decided_at),
            f"Also: {more}" if more else "",
        )
    opening = ""
    if message.kind is not NotificationKind.TRIGGER:
        opening = message.what_changed
    elif message.linked_to:
        opening = (
            f"This began while incident {message.linked_to} was acknowledged already, "
            "so it is an incident of its own"
        )
    more = "; ".join(line_text(line) for line in rest if line.ended_at is None)
    return sentences(
        opening,
        *_story(message.service_title, lead, message.decided_at),
        f"Also firing: {more}" if more else "",
    )


def links(message: Message) -> tuple[tuple[str, str], ...]:
    """What to open next, in this order: (words, address)."""
    if message.kind is NotificationKind.DIGEST:  # its text has the address of each
        return (("Incidents", message.incident_url),)
    runbook = (("Runbook", message.runbook),) if message.runbook else ()
    boards = dict.fromkeys(
        (line.slo, line.dashboard_url)
        for line in message.alerts
        if line.dashboard_url != message.incident_url  # of one from outside without its own
    )
    return (
        *runbook,
        ("Incident", message.incident_url),
        ("Why you were told", why_url(message)),
        *((f"Dashboard of {slo}", url) for slo, url in boards),
    )


def why_url(message: Message) -> str:
    """Where it is explained who was told of it, who was not, and on which grounds."""
    base, _, _ = message.incident_url.rpartition("/incidents/")
    return f"{base}/why?of={message.incident_id}"


def letter(message: Message) -> str:
    """The paragraph with the links below it, as plain text."""
    return "\n".join(
        [paragraph(message), "", *(f"{words}: {address}" for words, address in links(message))]
    )


def line_text(line: AlertLine) -> str:
    """One alert in a list: `availability (page, 1h and 5m): burning 14.6x, ...`."""
    if line.kind is AlertKind.BUDGET:
        return f"{line.slo}: {line.facts.headline}"
    return f"{name(line.slo, line.severity, line.facts)}: {line.facts.headline}"


def sentences(*texts: str) -> str:
    """Sentences one after the other, each with its full stop; empty ones are left out."""
    ended = (text.strip() for text in texts)
    return " ".join(text if text[-1] in ".!?…" else f"{text}." for text in ended if text)


def capital(clause: str) -> str:
    """A clause as the beginning of a sentence; never for names, which stay as they are."""
    # An address or an expression such as `$.database` is no word.
    return clause[:1].upper() + clause[1:] if _WORD.match(clause) else clause


def state(message: Message) -> str:
    """The state that a message tells, as its first word."""
    match message.kind:
        case NotificationKind.RESOLVE | NotificationKind.MISSED:
            return "RESOLVED"
        case NotificationKind.ACKNOWLEDGE:
            return "ACKNOWLEDGED"
        case NotificationKind.NOTICE | NotificationKind.REPORT:
            return "NOTICE"
        case NotificationKind.CANARY:
            return "CANARY"
        case _:
            return "FIRING"


def name(slo: str, severity: str, facts: Facts) -> str:
    """An alert in a sentence: `availability (page, 1h and 5m)`."""
    windows = f", {facts.long} and {facts.short}" if facts.long and facts.short else ""
    return f"{slo} ({severity}{windows})"


def burn(rate: Fraction | float) -> str:
    """`14.6x`."""
    return _plain(figures.burn(rate))


def factor(value: Fraction | float) -> str:
    """`14.4x`: a tier's, with every digit that it has, at most two decimals."""
    return figures.factor(value)


def share(ratio: Fraction | float) -> str:
    """`12 %`."""
    return _plain(figures.share(ratio))


def duration(value: timedelta) -> str:
    """`42 s`, `4 min 19 s`, `43 min`, `3 h 43 min`, `2 d 5 h`; rounded down, its sign dropped."""
    return _plain(figures.span(value))


def _plain(figure: str) -> str:
    """With spaces that any receiver shows as one."""
    return figure.replace(figures.NBSP, " ")


def soon(wait: timedelta) -> str:
    """`in 31 s`; below a second, `at once`."""
    return "at once" if wait < timedelta(seconds=1) else f"in {duration(wait)}"


def budget_left(ratio: Fraction | float, left: timedelta, window: str) -> str:
    """`12 % of the 30d budget left (3 h 43 min)`; overspent, `-12 % of the 30d budget, 5 min over`.

    `left` is time of a full outage; its sign does not matter.
    """
    share_left = _plain(figures.budget(ratio))
    if ratio < 0:
        return f"{share_left} of the {window} budget, {duration(left)} over"
    return f"{share_left} of the {window} budget left ({duration(left)})"


def moment(at: datetime) -> str:
    """`2026-11-20 14:00 UTC`."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def clip(text: str, limit: int) -> str:
    """At most `limit` characters; what was cut ends in an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _facts(status: SLOStatus, headline: str, reason: str) -> Facts:
    """What every kind of alert says: the promise, and how its budget stands."""
    window, budget = status.slo.window.label, status.budget
    left = budget.remaining_time(status.slo) if budget else None
    learning = _learning(status)
    if learning:
        headline = f"{headline}, {learning}"
    elif budget and left is not None:
        headline = f"{headline}, {budget_left(budget.remaining, left, window)}"
    return Facts(
        headline=headline,
        reason=reason,
        objective=status.slo.objective.label,
        window=window,
        budget_left_ratio=float(budget.remaining) if budget else None,
        budget_left_seconds=left.total_seconds() if left is not None else None,
        learning=learning,
        top_cause=_top_cause(status),
    )


def _learning(status: SLOStatus) -> str | None:
    """What is known of a budget whose window is mostly empty: a share of it would be nonsense."""
    if status.budget_state is not BudgetState.LEARNING:
        return None
    slo, counts = status.slo, status.window.counts
    events = "probes" if isinstance(slo.sli, ProbeSLI) else "events"
    if isinstance(slo.sli, DerivedSLI):
        events = "slices"
    whole = timedelta(seconds=float(slo.objective.budget_share * slo.window.seconds))
    return (
        f"{counts.bad:,} of {counts.total:,} {events} failed; "
        f"the whole {slo.window.label} budget is {duration(whole)}"
    )


def _top_cause(status: SLOStatus) -> str | None:
    failures = sum(status.causes.values())
    if not failures:
        return None
    cause, count = max(status.causes.items(), key=lambda item: (item[1], item[0]))
    return f"{cause}: {count} of {failures} {'failure' if failures == 1 else 'failures'}"


def _title(service_title: str, lead: AlertLine, text: str, more: str) -> str:
    """The numbers matter most: a long name is cut before they are."""
    tail = f" {clip(lead.slo, 60)}: {text}{more}"
    room = max(TITLE_LIMIT - len(tail), 20)
    return clip(f"{clip(service_title, room)}{tail}", TITLE_LIMIT)


def _story(service_title: str, line: AlertLine, now: datetime) -> list[str]:
    facts = line.facts
    since = f"since {moment(line.started_at)}"
    if line.kind is AlertKind.NO_DATA or facts.burn_long is None:
        return [
            f"{service_title} {line.slo}, {since}: {facts.headline}",
            capital(facts.reason),
            capital(facts.found or ""),
        ]
    return [
        _pace(service_title, line) + f", {since}",
        _counted(facts),
        _left(facts),
        _runs_out(facts, now),
        f"Mostly {facts.top_cause}" if facts.top_cause else "",
        capital(facts.found or ""),
    ]


def _notice(service_title: str, line: AlertLine, now: datetime) -> list[str]:
    facts = line.facts
    promise = f"(promised: {facts.objective} % over {facts.window})"
    return [
        f"{service_title} {line.slo} {promise} has {facts.headline}",
        facts.spent_most or "",
        _runs_out(facts, now),
        "Nothing fires because of this, and nothing has to be resolved",
    ]


def _pace(service_title: str, line: AlertLine) -> str:
    facts = line.facts
    promised = f"(promised: {facts.objective} % over {facts.window})"
    speed = f"{burn(facts.burn_long or 0)} over {facts.long}"
    if facts.burn_short is not None:
        speed += f" and {burn(facts.burn_short)} over {facts.short}"
    limit = "" if facts.factor is None else f", above the {line.severity}'s {factor(facts.factor)}"
    return f"{service_title} {line.slo} {promised} burns its error budget at {speed}{limit}"


def _counted(facts: Facts) -> str:
    if facts.bad is None or not facts.total:
        return ""
    text = f"{facts.bad:,} of {facts.total:,} events failed in the last {facts.long}"
    if facts.long_spent_ratio is None or facts.learning:
        return text
    return f"{text}, which spent {share(facts.long_spent_ratio)} of the whole budget"


def _left(facts: Facts) -> str:
    if facts.learning:
        return facts.learning
    if facts.budget_left_ratio is None or facts.budget_left_seconds is None:
        return ""
    left = timedelta(seconds=facts.budget_left_seconds)
    return budget_left(facts.budget_left_ratio, left, facts.window)


def _runs_out(facts: Facts, now: datetime) -> str:
    if facts.learning:
        return ""
    if facts.budget_left_ratio is not None and facts.budget_left_ratio <= 0:
        return "The budget is exhausted"
    if facts.exhausts_at is not None:
        away = max(facts.exhausts_at - now, timedelta(0))
        return f"At this pace it is gone at {moment(facts.exhausts_at)}, in {duration(away)}"
    return "At this pace it lasts" if facts.lasts else ""


def _resolution(message: Message) -> str:
    lead = _newest(message.alerts)
    lasted = duration((message.resolved_at or message.decided_at) - message.opened_at)
    began = f"The incident began at {moment(message.opened_at)}, {lasted} before"
    return sentences(message.what_changed, began, capital(lead.facts.reason), _left(lead.facts))


def _newest(lines: Sequence[AlertLine]) -> AlertLine:
    """What still fires, else what ended last: its facts are the newest. A notice never fired."""
    lines = [line for line in lines if line.kind is not AlertKind.BUDGET] or lines
    newest = [line for line in lines if line.ended_at is None]
    return newest[0] if newest else max(lines, key=lambda line: line.ended_at or line.started_at)


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
