"""The evidence of one alert as short rows, for receivers that can show a table."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from alerting import wording
from alerting.alert import AlertKind, Facts
from alerting.notification import AlertLine, Message


def rows(line: AlertLine) -> tuple[tuple[str, str], ...]:
    """(what, how much), what matters most first; what is not known is left out."""
    return tuple(_rows(line))


def firing(message: Message) -> tuple[AlertLine, ...]:
    """What fires for this receiver: nothing any more once it is told that it is over."""
    if message.kind.over:
        return ()
    return tuple(line for line in message.alerts if line.ended_at is None)


def ended_at(message: Message, line: AlertLine) -> datetime | None:
    """When this alert was over for this receiver; None while it fires."""
    if message.kind.over:
        return line.ended_at or message.resolved_at or message.decided_at
    return line.ended_at


def is_over(message: Message, line: AlertLine) -> bool:
    """Whether to show it as past; a notice is none that could be over."""
    return line.kind is not AlertKind.BUDGET and ended_at(message, line) is not None


def links(message: Message) -> tuple[tuple[str, str], ...]:
    """What can be followed by a click: (words, address). A runbook may be a path in a wiki."""
    found = wording.links(message)
    return tuple(link for link in found if link[1].startswith(("https://", "http://")))


def another_try(attempt: int) -> str:
    """What a message says that may be a copy; nothing at the first try."""
    return f"try {attempt}: an earlier one may have arrived too" if attempt > 1 else ""


def _rows(line: AlertLine) -> Iterator[tuple[str, str]]:
    yield from _of_budget(line.facts)
    yield from _of_burning(line)
    yield from _of_threshold(line.facts)
    if line.facts.objective:
        yield "Promised", f"{line.facts.objective} % over {line.facts.window}"
    if line.kind is AlertKind.BUDGET:
        yield "Noticed", wording.moment(line.started_at)
        return
    yield "Since", wording.moment(line.started_at)
    if line.ended_at is not None:
        yield "Until", wording.moment(line.ended_at)


def _of_threshold(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.measured:
        yield "Measured", facts.measured
    if facts.limit:
        yield "Limit", facts.limit
    if facts.series:
        yield "Worst", facts.series


def _of_budget(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.learning:
        yield "Budget", facts.learning
    elif facts.budget_left_ratio is not None and facts.budget_left_seconds is not None:
        left = timedelta(seconds=facts.budget_left_seconds)
        yield "Budget", wording.budget_left(facts.budget_left_ratio, left, facts.window)
    if facts.learning:
        pass  # what is left is not known, so neither is how long it lasts
    elif facts.exhausts_at is not None:
        yield "Runs out", f"{wording.moment(facts.exhausts_at)}, at this pace"
    elif facts.lasts:
        yield "Runs out", "not at this pace"
    if facts.spent_most:
        yield "Spent", facts.spent_most


def _of_burning(line: AlertLine) -> Iterator[tuple[str, str]]:
    facts = line.facts
    if facts.burn_long is not None and facts.long:
        burning = f"{wording.burn(facts.burn_long)} over {facts.long}"
        if facts.burn_short is not None and facts.short:
            burning += f", {wording.burn(facts.burn_short)} over {facts.short}"
        if facts.factor is not None:
            burning += f" ({line.severity} above {wording.factor(facts.factor)})"
        yield "Burning", burning
    if facts.bad is not None and facts.total and facts.long:
        yield "Failed", f"{facts.bad:,} of {facts.total:,} events in {facts.long}"
    if facts.top_cause:
        yield "Mostly", facts.top_cause
    if facts.found:
        yield "Looked again", wording.capital(facts.found)
