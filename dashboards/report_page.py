"""A report as it is read: on a page, in a mail and in a PDF, which all print this one view."""

from collections.abc import Sequence
from dataclasses import dataclass

from alerting.incident_times import Median
from dashboards import format as write
from dashboards import links
from dashboards.report import NIGHT, Group, Left, Report, SLORecord
from dashboards.report_period import ReportPeriod
from dashboards.report_summary import (
    UNKNOWN,
    Figure,
    change,
    figures,
    in_utc,
    local,
    pages,
    span,
    summary,
    worst,
)
from dashboards.slo_definition import definition

EXECUTIVE, TECHNICAL = "executive", "technical"
# More than anybody reads; the table for spreadsheets and the plain values have all.
MOST_SLOS, MOST_INCIDENTS, MOST_STRETCHES = 500, 200, 10
MOST_WORST, MOST_LOST = 10, 5  # for executives
_NAMED = 3
_TERMS = (
    "An objective is met when at least its share of the events (or slices) of the period was good.",
    "“Spent” is of what the objective allows of this period alone.",
    "A loss is a share of the SLO's own budget, that of its window.",
    "Unknown events, our own failures among them, count for nothing.",
    "“Before” is the former period, or as much of it as this one is old.",
    "A change compares only what has data in both periods.",
    "Times are medians of what is known; a mean (MTTD, MTTA, MTTR) is doubled by one long night.",
    "To detect: from the first harm to the opening. The others go from there.",
    "A page is an incident that ever was of severity page; acknowledged, it was acted on.",
    "Night is from 22:00 to 7:00 by the clock of the service's owner.",
)


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
    objective: str
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
    page: str  # its address
    has_data: bool
    stretch: str
    unfinished: str | None
    summary: tuple[str, ...]
    figures: tuple[Figure, ...]
    technical: bool
    owner: str | None
    owners: tuple[tuple[str, str, bool], ...]  # name, address, chosen
    by_owner: tuple[GroupRow, ...]
    by_service: tuple[GroupRow, ...]
    slos: tuple[SLORow, ...]  # of executives: those that were missed
    more_slos: str | None
    losses: tuple[LossRow, ...]
    more_losses: str | None
    incidents: tuple[IncidentRow, ...]
    more_incidents: str | None
    times: tuple[tuple[str, str, str], ...]  # name, value, of how many and how it was before
    pages: str
    bars: tuple[Bar, ...]
    hours: str  # what the bars say
    review: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    trends: tuple[tuple[str, str, str], ...]  # name, address, sentence
    excluded: tuple[tuple[str, str], ...]  # what, and when and why
    definitions: tuple[tuple[str, str, str], ...]  # name, address, what counts
    terms: tuple[str, ...]
    links: tuple[tuple[str, str], ...]  # words, address


def report_view(made: Report, view: str, owners: Sequence[str]) -> ReportView:
    """The page; `owners` may be chosen from."""
    facts = made.facts
    period, now = facts.period, facts.made_at
    following = period.following
    technical = view != EXECUTIVE
    chosen = _worst_first(made) if technical else worst(made)
    losses = made.losses if technical else made.losses[:MOST_LOST]
    smaller = made.more_losses + len(made.losses) - len(losses)
    shown = chosen[: MOST_SLOS if technical else MOST_WORST]
    at = f"/reports/{period.slug}"
    kept = {"owner": facts.owner, "view": None if technical else EXECUTIVE}
    url = links.with_query
    was = made.times_before
    tops = max(made.paging.by_hour, default=0)
    peak = [hour for hour, pages in enumerate(made.paging.by_hour) if pages == tops and tops]
    return ReportView(
        title=period.title,
        slug=period.slug,
        page=url(at, owner=facts.owner, view=kept["view"]),
        has_data=bool(made.met + made.missed),
        stretch=(
            f"From {local(period.start, period)} to {local(facts.until, period)}"
            f"{'' if in_utc(period) else f', {period.zone.key}'}."
        ),
        unfinished=None
        if made.is_over
        else f"This period is not over: it ends at {local(period.end, period)}. The numbers are "
        f"those until {local(facts.until, period)}, compared with as much of the one before.",
        summary=summary(made),
        figures=figures(made),
        technical=technical,
        owner=facts.owner,
        owners=tuple(
            (name, url(at, owner=name, view=kept["view"]), name == facts.owner) for name in owners
        ),
        by_owner=tuple(map(_group, made.owners)),
        by_service=tuple(map(_group, made.services)),
        slos=tuple(map(_slo, shown)),
        more_slos=None
        if len(chosen) == len(shown)
        else f"And {write.count(len(chosen) - len(shown))} more: the CSV has every one.",
        losses=tuple(
            LossRow(
                name=one.slo.id,
                url=links.slo_url(one.slo.id),
                when=local(one.loss.start, period),
                lasted=write.span(one.loss.end - one.loss.start),
                share=write.share(one.loss.share),
                bad=write.cost(one.loss.cost),
                causes=", ".join(list(one.loss.causes)[:_NAMED]) or UNKNOWN,
            )
            for one in losses
        ),
        more_losses=f"And {write.plural(smaller, 'smaller one', 'smaller ones')}."
        if smaller
        else None,
        incidents=tuple(
            IncidentRow(
                title=incident.title,
                url=links.incident_url(incident.id),
                service=incident.service,
                severity=str(incident.worst),
                opened=local(incident.opened_at, period),
                detect=span(times.detect),
                acknowledge=span(times.acknowledge),
                resolve=span(times.resolve),
            )
            for incident, times in facts.incidents[:MOST_INCIDENTS]
        ),
        more_incidents=_more_incidents(made, technical=technical),
        times=tuple(
            (name, span(median.value), _known(median, made.times.incidents, before))
            for name, median, before in (
                ("Time to detect", made.times.detect, was.detect if was else None),
                ("Time to acknowledge", made.times.acknowledge, was.acknowledge if was else None),
                ("Time to resolve", made.times.resolve, was.resolve if was else None),
            )
        ),
        pages=pages(made),
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
        excluded=tuple((one.label, _left(one, period)) for one in facts.left),
        definitions=tuple(
            (
                one.slo.id,
                links.slo_url(one.slo.id),
                "; ".join(f"{word}: {text}" for word, text in definition(one.slo)),
            )
            for one in (shown if technical else ())
        ),
        terms=_TERMS,
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
                ("PDF", f"{at}.pdf", kept),
                ("CSV", f"{at}.csv", {"owner": facts.owner}),
                ("JSON", f"{at}.json", {"owner": facts.owner}),
            )
        ),
    )


def _group(group: Group) -> GroupRow:
    return GroupRow(
        group.name,
        write.count(group.met),
        write.count(group.missed),
        write.count(group.no_data),
        change(group),
    )


def _slo(one: SLORecord) -> SLORow:
    slo, met = one.slo, one.now.met(one.slo)
    return SLORow(
        name=slo.id,
        url=links.slo_url(slo.id),
        owner=one.owner or "none",
        objective=write.objective(slo.objective),
        sli=write.sli(one.now.sli(), slo.objective),
        before=write.sli(one.before.sli(), slo.objective) if one.before else UNKNOWN,
        verdict="no data" if met is None else "met" if met else "missed",
        spent=write.share(one.now.spent(slo)),
        allowance=f"{write.cost(one.now.cost)} of {float(one.now.allowed(slo)):,.1f}".removesuffix(
            ".0"
        )
        if one.now.of
        else write.NO_DATA,
        coverage=write.coverage(one.now.coverage),
    )


def _worst_first(made: Report) -> list[SLORecord]:
    """Missed ones, then those without data, then the others, as they are configured."""
    order = {False: 0, None: 1, True: 2}
    missed = worst(made)
    others = [one for one in made.facts.slos if one.now.met(one.slo) is not False]
    return [*missed, *sorted(others, key=lambda one: order[one.now.met(one.slo)])]


def _left(one: Left, period: ReportPeriod) -> str:
    told = [
        f"{local(start, period)} to {local(end, period)}"
        for start, end in one.stretches[:MOST_STRETCHES]
    ]
    if len(one.stretches) > MOST_STRETCHES:
        told.append(f"{write.count(len(one.stretches) - MOST_STRETCHES)} more times")
    return f"{', '.join(told)}: {one.reason} ({one.author})"


def _more_incidents(made: Report, *, technical: bool) -> str | None:
    if not made.facts.complete:
        return "There were more incidents than a report looks at: its numbers are of the newest."
    more = len(made.facts.incidents) - MOST_INCIDENTS
    return (
        f"And {write.count(more)} more: the JSON has every one." if technical and more > 0 else None
    )


def _known(median: Median, incidents: int, before: Median | None) -> str:
    if not incidents:
        of = "no incident"
    else:
        of = f"median of {write.count(median.known)} of {write.plural(incidents, 'incident')}"
    if before is None or before.value is None:
        return of
    return f"{of}; {write.span(before.value)} before"
