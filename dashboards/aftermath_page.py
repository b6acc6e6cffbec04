"""What incidents came to, as pages show it: impact, times, similar ones, and medians."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting import wording
from dashboards import format as write
from dashboards import learning, links
from dashboards.aftermath import GroupTimes, MedianFacts, TimesFacts, bad_and_total, causes_of
from dashboards.format import Moment
from dashboards.source import Aftermath
from slo.budget_ledger import BudgetLedger

NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class ImpactRow:
    """What one SLO lost."""

    slo: str
    url: str
    spent: str
    bad: str
    cause: str


@dataclass(frozen=True, slots=True)
class SimilarRow:
    """One incident that resembles it."""

    url: str
    title: str
    opened: Moment
    lasted: str
    ended: str
    common: str


@dataclass(frozen=True, slots=True)
class AftermathView:
    """The sections of an incident's page about what it came to."""

    impact: tuple[ImpactRow, ...]
    times: tuple[tuple[str, str], ...]
    similar: tuple[SimilarRow, ...]
    postmortem_url: str


@dataclass(frozen=True, slots=True)
class TimesRow:
    """One service's or owner's medians."""

    name: str
    incidents: str
    detect: str
    acknowledge: str
    resolve: str


@dataclass(frozen=True, slots=True)
class TimesView:
    """How long incidents take; None of one that there are no incidents of."""

    days: int
    all: TimesRow
    services: tuple[TimesRow, ...]
    owners: tuple[TimesRow, ...]
    note: str


def aftermath_view(incident_id: str, found: Aftermath, now: datetime) -> AftermathView:
    """What one incident came to."""
    rows = []
    for slo_id, ledger in found.costs:
        bad, total = bad_and_total(ledger)
        causes = causes_of(ledger)
        rows.append(
            ImpactRow(
                slo=slo_id,
                url=links.slo_url(slo_id),
                spent=spent_words(found, slo_id, ledger),
                bad=f"{write.count(bad)} of {write.count(total)}",
                cause=_mostly(causes, bad),
            )
        )
    times = found.times
    return AftermathView(
        impact=tuple(rows),
        times=(
            ("Time to detect", _length(times.detect)),
            ("Time to acknowledge", _length(times.acknowledge, "nobody acknowledged it")),
            ("Time to resolve", _length(times.resolve, "it goes on")),
        ),
        similar=tuple(_similar(found, now)),
        postmortem_url=f"{links.incident_url(incident_id)}/postmortem",
    )


def _mostly(causes: Mapping[str, int], bad: int) -> str:
    """The most frequent cause; causes are told of what outpaced the budget, maybe not of most."""
    for cause, number in causes.items():
        return f"mostly {cause}" if 2 * number > bad else f"{write.count(number)} of them {cause}"
    return ""


def spent_words(found: Aftermath, slo_id: str, ledger: BudgetLedger) -> str:
    """The share of its budget that an SLO lost, or why there is none to tell."""
    spent = found.spent(slo_id, ledger)
    if spent is not None:
        return wording.share(spent)
    return learning.WORD if slo_id in found.learning else NOT_KNOWN


def times_view(facts: TimesFacts) -> TimesView:
    """The medians."""
    days = (facts.end - facts.start).days
    note = "" if facts.complete else f" Of the newest {facts.all.incidents} of more."
    return TimesView(
        days=days,
        all=_row(facts.all, "All"),
        services=_rows(facts.services),
        owners=_rows(facts.owners),
        note=f"Medians over incidents opened in the last {days} days; in brackets, of how many "
        f"it is known.{note}",
    )


def _rows(groups: Sequence[GroupTimes]) -> tuple[TimesRow, ...]:
    return tuple(_row(one, one.name or "without an") for one in groups)


def _row(one: GroupTimes, name: str) -> TimesRow:
    return TimesRow(
        name,
        write.count(one.incidents),
        _median(one.detect),
        _median(one.acknowledge),
        _median(one.resolve),
    )


def _median(one: MedianFacts) -> str:
    if one.median_seconds is None:
        return NOT_KNOWN
    return f"{write.span(timedelta(seconds=one.median_seconds))} ({write.count(one.known)})"


def _similar(found: Aftermath, now: datetime) -> list[SimilarRow]:
    return [
        SimilarRow(
            url=links.incident_url(one.sketch.incident_id),
            title=one.sketch.title,
            opened=write.moment(one.sketch.opened_at, now),
            lasted=f"lasted {write.span(one.sketch.resolved_at - one.sketch.opened_at)}"
            if one.sketch.resolved_at
            else "goes on",
            ended=wording.capital(one.sketch.ended_by.rstrip(".")),
            common="; ".join(one.common),
        )
        for one in found.similar
    ]


def _length(length: timedelta | None, without: str = NOT_KNOWN) -> str:
    return without if length is None else write.span(length)
