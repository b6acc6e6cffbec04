"""What a report comes to in one paragraph, and in four figures for those in a hurry."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboards import format as write
from dashboards.report import Group, Report, SLORecord
from dashboards.report_period import ReportPeriod

UNKNOWN = "not known"
_NAMED, _LONG = 3, 80


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its name, and how it was before."""

    name: str
    value: str
    note: str
    good: bool | None = None  # whether it is better than before; None: alike, or not known


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
        names = [_short(one.slo.id) for one in worst(made)[:_NAMED]]
        more = made.missed - len(names)
        named = ", ".join(names) + (f" and {write.count(more)} more" if more else "")
        said.append(
            f"{write.count(made.met)} of {write.plural(judged, 'objective')}{whose} with data "
            f"were met; missed: {named}."
        )
    if made.no_data and judged:
        said.append(f"{write.plural(made.no_data, 'SLO')} had no data.")
    if made.losses:
        biggest = made.losses[0]
        said.append(
            f"The largest loss was {write.share(biggest.loss.share)} of the budget of "
            f"{_short(biggest.slo.id)}, from {local(biggest.loss.start, facts.period)} on."
        )
    many = made.times.incidents
    said.append("There was no incident." if not many else f"{write.plural(many, 'incident')}.")
    if many and made.times.resolve.value is not None:
        said[-1] = (
            f"{write.plural(many, 'incident')}, resolved after "
            f"{write.span(made.times.resolve.value)} in the median."
        )
    if many:
        said.append(pages(made))
    return tuple(said)


def figures(made: Report) -> tuple[Figure, ...]:
    """Objectives, incidents, pages and how long it took, each against the period before."""
    judged, paging, before = made.met + made.missed, made.paging, made.times_before
    nights = f"{write.count(paging.night)} at night"
    return (
        Figure(
            "Objectives met",
            f"{write.count(made.met)} of {write.count(judged)}" if judged else write.NO_DATA,
            UNKNOWN_BEFORE if made.everything.change is None else change(made.everything),
            _better(made.everything.change),
        ),
        Figure(
            "Incidents",
            _count(made.times.incidents, complete=made.facts.complete),
            UNKNOWN_BEFORE if before is None else _before(before.incidents),
            None if before is None else _better(made.times.incidents - before.incidents),
        ),
        Figure(
            "Pages",
            _count(paging.pages, complete=made.facts.complete),
            nights
            if made.paging_before is None
            else f"{nights}; {_before(made.paging_before.pages)}",
            None
            if made.paging_before is None
            else _better(paging.pages - made.paging_before.pages),
        ),
        Figure(
            "Time to resolve",
            span(made.times.resolve.value),
            "median"
            if before is None or before.resolve.value is None
            else f"median; {write.span(before.resolve.value)} before",
            None
            if before is None or before.resolve.value is None or made.times.resolve.value is None
            else _better((made.times.resolve.value - before.resolve.value) // timedelta(seconds=1)),
        ),
    )


UNKNOWN_BEFORE = "before: not known"


def _count(number: int, *, complete: bool) -> str:
    return write.count(number) if complete else f"more than {write.count(number)}"


def _better(more: int | None) -> bool | None:
    """Less is better; None: alike, or not known."""
    return None if not more else more < 0


def _before(number: int) -> str:
    return f"{write.count(number) if number else 'none'} before"


def _short(name: str) -> str:
    """A name in a sentence: nobody reads two hundred letters of one."""
    return name if len(name) <= _LONG else f"{name[: _LONG - 1]}…"


def change(group: Group) -> str:
    """How many more were missed than before."""
    if group.change is None:
        return UNKNOWN
    if not group.change:
        return "as before"
    return f"{write.count(abs(group.change))} {'more' if group.change > 0 else 'fewer'} missed"


def worst(made: Report) -> list[SLORecord]:
    """The missed ones, those first that spent most of what they were allowed."""
    missed = [one for one in made.facts.slos if one.now.met(one.slo) is False]
    return sorted(missed, key=lambda one: (-(one.now.spent(one.slo) or 0), one.slo.id))


def pages(made: Report) -> str:
    """How many pages, at what hour, and whether anybody did anything."""
    paging = made.paging
    if not paging.pages:
        return "Nobody was paged."
    return (
        f"{write.plural(paging.pages, 'page')}, {write.count(paging.night)} of them at night; "
        f"{write.share(paging.acted_share)} were acted on."
    )


def span(length: timedelta | None) -> str:
    """A length of time, if it is known."""
    return UNKNOWN if length is None else write.span(length)


def local(at: datetime, period: ReportPeriod) -> str:
    """By the report's clock: `Fri 27 Nov 2026 00:00 UTC`; elsewhere with the offset, which tells
    hours apart that come twice.
    """
    there = at.astimezone(period.zone)
    return (
        f"{there:%a} {there.day} {there:%b %Y %H:%M} {'UTC' if in_utc(period) else f'{there:(%z)}'}"
    )


def in_utc(period: ReportPeriod) -> bool:
    """Whether its days are those of UTC."""
    return period.zone.key == "UTC"
