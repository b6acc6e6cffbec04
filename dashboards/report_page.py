"""A report as a page, as a table for spreadsheets and as plain values."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alerting.incident_times import Median
from dashboards import format as write
from dashboards import links
from dashboards.plain import number, ratio, seconds
from dashboards.report import NIGHT, Group, Report, SLORecord
from dashboards.report_period import ReportPeriod

EXECUTIVE, TECHNICAL = "executive", "technical"
_NAMED = 3
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs a cell that begins so
_UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class GroupRow:
    name: str
    met: str
    missed: str
    no_data: str
    change: str


@dataclass(frozen=True, slots=True)
class SLORow:
    """`verdict`: met, missed or no data."""

    name: str
    url: str
    owner: str
    target: str
    sli: str
    before: str
    verdict: str
    spent: str
    allowance: str
    coverage: str


@dataclass(frozen=True, slots=True)
class LossRow:
    name: str
    url: str
    when: str
    lasted: str
    share: str
    bad: str
    causes: str


@dataclass(frozen=True, slots=True)
class IncidentRow:
    title: str
    url: str
    service: str
    severity: str
    opened: str
    detect: str
    acknowledge: str
    resolve: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One of 24 hours; `height` of 40."""

    hour: int
    count: int
    x: int
    y: int
    height: int
    night: bool


@dataclass(frozen=True, slots=True)
class ReportView:
    """Everything that the page prints."""

    title: str
    slug: str
    stretch: str
    unfinished: str | None
    summary: tuple[str, ...]
    technical: bool
    owner: str | None
    owners: tuple[tuple[str, str, bool], ...]  # name, address, chosen
    by_owner: tuple[GroupRow, ...]
    by_service: tuple[GroupRow, ...]
    slos: tuple[SLORow, ...]
    losses: tuple[LossRow, ...]
    more_losses: str | None
    incidents: tuple[IncidentRow, ...]
    more_incidents: str | None
    times: tuple[tuple[str, str, str], ...]
    pages: str
    bars: tuple[Bar, ...]
    hours: str  # what the bars say
    review: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    trends: tuple[tuple[str, str, str], ...]  # name, address, sentence
    excluded: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]  # words, address


def report_view(made: Report, view: str, owners: Sequence[str]) -> ReportView:
    """The page; `owners` may be chosen from."""
    facts = made.facts
    period, now = facts.period, facts.made_at
    following = period.following
    technical = view != EXECUTIVE
    at = f"/reports/{period.slug}"
    kept = {"owner": facts.owner, "view": None if technical else EXECUTIVE}
    url = links.with_query
    tops = max(made.paging.by_hour, default=0)
    peak = [hour for hour, pages in enumerate(made.paging.by_hour) if pages == tops and tops]
    return ReportView(
        title=period.title,
        slug=period.slug,
        stretch=(
            f"From {local(period.start, period)} to {local(facts.until, period)}, "
            f"{period.zone.key}."
        ),
        unfinished=None
        if made.is_over
        else f"This period is not over: it ends at {local(period.end, period)}. The numbers are "
        f"those until {local(facts.until, period)}, compared with as much of the one before.",
        summary=summary(made),
        technical=technical,
        owner=facts.owner,
        owners=tuple(
            (name, url(at, owner=name, view=kept["view"]), name == facts.owner) for name in owners
        ),
        by_owner=tuple(map(_group, made.owners)),
        by_service=tuple(map(_group, made.services)),
        slos=tuple(map(_slo, facts.slos)),
        losses=tuple(
            LossRow(
                name=one.slo.id,
                url=links.slo_url(one.slo.id),
                when=local(one.loss.start, period),
                lasted=write.span(one.loss.end - one.loss.start),
                share=write.share(one.loss.share),
                bad=write.cost(one.loss.cost),
                causes=", ".join(list(one.loss.causes)[:_NAMED]) or _UNKNOWN,
            )
            for one in made.losses
        ),
        more_losses=f"And {write.plural(made.more_losses, 'smaller one', 'smaller ones')}."
        if made.more_losses
        else None,
        incidents=tuple(
            IncidentRow(
                title=incident.title,
                url=links.incident_url(incident.id),
                service=incident.service,
                severity=str(incident.worst),
                opened=local(incident.opened_at, period),
                detect=_span(times.detect),
                acknowledge=_span(times.acknowledge),
                resolve=_span(times.resolve),
            )
            for incident, times in facts.incidents
        ),
        more_incidents=None
        if facts.complete
        else "There were more incidents than a report looks at: these are the newest.",
        times=tuple(
            (name, _span(median.value), _known(median, made.times.incidents))
            for name, median in (
                ("Time to detect", made.times.detect),
                ("Time to acknowledge", made.times.acknowledge),
                ("Time to resolve", made.times.resolve),
            )
        ),
        pages=_pages(made),
        bars=tuple(
            Bar(
                hour,
                pages,
                x=hour * 10,
                y=40 - (height := pages * 40 // tops if tops else 0),
                height=height,
                night=hour >= NIGHT[0] or hour < NIGHT[1],
            )
            for hour, pages in enumerate(made.paging.by_hour)
        ),
        hours=f"Pages by hour of the day in {period.zone.key}: most, "
        f"{write.plural(tops, 'page')}, from {peak[0]}:00 on."
        if peak
        else "No pages.",
        review=tuple(
            (why, tuple((slo.id, links.slo_url(slo.id)) for slo in slos))
            for why, slos in (
                (
                    (
                        "Not one bad event, in this period and the one before: the objective may "
                        "be too easy, or what hurts is not measured"
                    ),
                    made.review.always_kept,
                ),
                (
                    "Missed in this period and the one before: mend the service, or promise less",
                    made.review.always_missed,
                ),
                ("No data: nothing was counted", made.review.no_data),
            )
            if slos
        ),
        trends=tuple(
            (
                one.slo.id,
                links.slo_url(one.slo.id),
                f"samples beyond the threshold rise by {write.share(one.per_day)} of all a day; "
                + (
                    f"in {write.plural(one.days_left, 'day')} they are as many as the objective "
                    "allows, were it to go on so"
                    if one.days_left
                    else "they are more than the objective allows already"
                ),
            )
            for one in made.trends
        ),
        excluded=tuple(
            (
                one.slo.id,
                ", ".join(
                    f"{local(start, period)} to {local(end, period)}" for start, end in one.excluded
                ),
            )
            for one in facts.slos
            if one.excluded
        ),
        links=tuple(
            (words, url(where, **query))
            for words, where, query in (
                (f"Before: {period.previous.title}", f"/reports/{period.previous.slug}", kept),
                *(
                    [(f"After: {following.title}", f"/reports/{following.slug}", kept)]
                    if period.end <= now
                    else []
                ),
                (
                    "Executive view" if technical else "Technical view",
                    at,
                    {**kept, "view": EXECUTIVE if technical else None},
                ),
                ("CSV", f"{at}.csv", {"owner": facts.owner}),
                ("JSON", f"{at}.json", {"owner": facts.owner}),
            )
        ),
    )


def summary(made: Report) -> tuple[str, ...]:
    """The one paragraph, in sentences."""
    facts, said = made.facts, []
    judged = made.met + made.missed
    whose = f" of {facts.owner}" if facts.owner else ""
    if not facts.slos:
        return (f"There are no SLOs{whose}.",)
    if not judged:
        said.append(f"None of {write.plural(len(facts.slos), 'SLO')}{whose} had data.")
    elif not made.missed:
        verb = "was" if judged == 1 else "were"
        said.append(f"All of {write.plural(judged, 'objective')}{whose} with data {verb} met.")
    else:
        names = [one.slo.id for one in _worst(made)]
        more = made.missed - len(names)
        named = ", ".join(names) + (f" and {write.count(more)} more" if more else "")
        said.append(
            f"{write.count(made.met)} of {write.plural(judged, 'objective')}{whose} with data "
            f"were met; missed: {named}."
        )
    if made.no_data and judged:
        said.append(f"{write.plural(made.no_data, 'SLO')} had no data.")
    if made.losses:
        worst = made.losses[0]
        said.append(
            f"The largest loss was {write.share(worst.loss.share)} of the budget of "
            f"{worst.slo.id}, from {local(worst.loss.start, facts.period)} on."
        )
    many = made.times.incidents
    said.append("There was no incident." if not many else f"{write.plural(many, 'incident')}.")
    if many and made.times.resolve.value is not None:
        said[-1] = (
            f"{write.plural(many, 'incident')}, resolved after "
            f"{write.span(made.times.resolve.value)} in the median."
        )
    if many:
        said.append(_pages(made))
    return tuple(said)


def _worst(made: Report) -> list[SLORecord]:
    """The missed ones that spent most of what they were allowed, at most three."""
    missed = [one for one in made.facts.slos if one.now.met(one.slo) is False]
    return sorted(missed, key=lambda one: (-(one.now.spent(one.slo) or 0), one.slo.id))[:_NAMED]


def _pages(made: Report) -> str:
    paging = made.paging
    if not paging.pages:
        return "Nobody was paged."
    return (
        f"{write.plural(paging.pages, 'page')}, {write.count(paging.night)} of them at night; "
        f"{write.share(paging.acted_share)} were acted on."
    )


def _group(group: Group) -> GroupRow:
    change = group.change
    return GroupRow(
        group.name,
        write.count(group.met),
        write.count(group.missed),
        write.count(group.no_data),
        _UNKNOWN
        if change is None
        else "as before"
        if not change
        else f"{write.count(abs(change))} {'more' if change > 0 else 'fewer'} missed",
    )


def _slo(one: SLORecord) -> SLORow:
    slo, met = one.slo, one.now.met(one.slo)
    return SLORow(
        name=slo.id,
        url=links.slo_url(slo.id),
        owner=one.owner or "none",
        target=write.target(slo.objective),
        sli=write.sli(one.now.sli(), slo.objective),
        before=write.sli(one.before.sli(), slo.objective) if one.before else _UNKNOWN,
        verdict="no data" if met is None else "met" if met else "missed",
        spent=write.share(one.now.spent(slo)),
        allowance=f"{write.cost(one.now.cost)} of {float(one.now.allowed(slo)):,.1f}"
        if one.now.of
        else write.NO_DATA,
        coverage=write.coverage(one.now.coverage),
    )


def _span(length: timedelta | None) -> str:
    return _UNKNOWN if length is None else write.span(length)


def _known(median: Median, incidents: int) -> str:
    return f"median of {write.count(median.known)} of {write.plural(incidents, 'incident')}"


def local(at: datetime, period: ReportPeriod) -> str:
    """By the report's clock: `Fri 27 Nov 2026 00:00`, with the offset, which tells hours apart that
    come twice.
    """
    there = at.astimezone(period.zone)
    return f"{there:%a} {there.day} {there:%b %Y %H:%M (%z)}"


# --- for programs --------------------------------------------------------------------------------

_COLUMNS: Sequence[tuple[str, Callable[[SLORecord], object]]] = (
    ("service", lambda one: one.slo.service),
    ("slo", lambda one: one.slo.key),
    ("owner", lambda one: one.owner),
    ("objective", lambda one: one.slo.objective.label),
    ("window", lambda one: one.slo.window.label),
    ("method", lambda one: one.slo.method),
    ("met", lambda one: one.now.met(one.slo)),
    ("sli", lambda one: ratio(one.now.sli())),
    ("sli_before", lambda one: ratio(one.before.sli()) if one.before else None),
    ("total", lambda one: one.now.of),
    ("cost", lambda one: number(one.now.cost)),
    ("allowed", lambda one: number(one.now.allowed(one.slo))),
    ("spent", lambda one: ratio(one.now.spent(one.slo))),
    ("unknown", lambda one: one.now.unknown),
    ("coverage", lambda one: ratio(one.now.coverage)),
)


def report_csv(made: Report) -> str:
    """A line for each SLO; what is not known is an empty cell."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")  # RFC 4180
    table.writerow(["period", *(name for name, _ in _COLUMNS)])
    for one in made.facts.slos:
        cells = (_cell(value(one)) for _, value in _COLUMNS)
        table.writerow([made.facts.period.slug, *cells])
    return written.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def report_facts(made: Report) -> dict[str, Any]:
    """The same and the rest, as plain values; what is not known is null."""
    facts, times, paging = made.facts, made.times, made.paging
    return {
        "period": facts.period.slug,
        "kind": str(facts.period.kind),
        "zone": facts.period.zone.key,
        "start": facts.period.start,
        "end": facts.period.end,
        "until": facts.until,
        "is_over": made.is_over,
        "owner": facts.owner,
        "summary": " ".join(made_plain(summary(made))),
        "met": made.met,
        "missed": made.missed,
        "no_data": made.no_data,
        "slos": [{name: value(one) for name, value in _COLUMNS} for one in facts.slos],
        "owners": [_group_facts(one) for one in made.owners],
        "services": [_group_facts(one) for one in made.services],
        "losses": [
            {
                "slo": one.slo.id,
                "start": one.loss.start,
                "end": one.loss.end,
                "cost": number(one.loss.cost),
                "spent": ratio(one.loss.share),
                "causes": dict(one.loss.causes),
            }
            for one in made.losses
        ],
        "more_losses": made.more_losses,
        "incidents": [
            {
                "id": incident.id,
                "service": incident.service,
                "severity": str(incident.worst),
                "opened_at": incident.opened_at,
                "detect_seconds": seconds(took.detect),
                "acknowledge_seconds": seconds(took.acknowledge),
                "resolve_seconds": seconds(took.resolve),
            }
            for incident, took in facts.incidents
        ],
        "incidents_complete": facts.complete,
        "detect_seconds": seconds(times.detect.value),
        "acknowledge_seconds": seconds(times.acknowledge.value),
        "resolve_seconds": seconds(times.resolve.value),
        "pages": {
            "count": paging.pages,
            "acted_on": paging.acted,
            "at_night": paging.night,
            "by_hour": list(paging.by_hour),
        },
        "review": {
            "always_kept": [slo.id for slo in made.review.always_kept],
            "always_missed": [slo.id for slo in made.review.always_missed],
            "no_data": [slo.id for slo in made.review.no_data],
        },
        "outlook": [
            {
                "slo": one.slo.id,
                "rise_per_day": ratio(one.per_day),
                "latest": ratio(one.latest),
                "days_left": one.days_left,
                "days": one.days,
            }
            for one in made.trends
        ],
        "excluded": [
            {"slo": one.slo.id, "start": start, "end": end}
            for one in facts.slos
            for start, end in one.excluded
        ],
    }


def _group_facts(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "met": group.met,
        "missed": group.missed,
        "no_data": group.no_data,
        "met_before": group.met_before,
        "missed_before": group.missed_before,
    }


def made_plain(sentences: Iterable[str]) -> list[str]:
    """With spaces that programs take for such."""
    return [one.replace(write.NBSP, " ") for one in sentences]


# --- the list ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReportsView:
    """Which reports there are: of each kind the newest, by name and address."""

    zone: str
    kinds: tuple[tuple[str, tuple[tuple[str, str, bool], ...]], ...]  # the last: goes on


def reports_view(newest: Sequence[ReportPeriod], since: datetime | None) -> ReportsView:
    """The list; `newest` are the periods that go on, and nothing is kept from before `since`."""
    kinds = []
    for running, most in zip(newest, (8, 6, 13), strict=True):
        listed: list[tuple[str, str, bool]] = []
        period = running
        while len(listed) < most and (period is running or (since and period.end > since)):
            listed.append((period.title, f"/reports/{period.slug}", period is running))
            period = period.previous
        kinds.append((f"By {running.kind}", tuple(listed)))
    return ReportsView(newest[0].zone.key, tuple(kinds))
