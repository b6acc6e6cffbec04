"""What past weeks would have made of an objective, in words and as facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards import format as write
from slo.hindsight import Week, suggest, weeks_met
from slo.objective import Objective
from slo.units import format_percent


@dataclass(frozen=True, slots=True)
class WeekFacts:
    """One week; `met` is None where too little is known of it."""

    start: datetime
    end: datetime
    good: int
    bad: int
    sli: float | None
    met: bool | None


@dataclass(frozen=True, slots=True)
class HindsightFacts:
    """How many of the past weeks would have met the objective, and which one nearly all of them
    would have.
    """

    objective: str
    met: int
    known: int
    sentence: str
    suggested: str | None
    weeks: tuple[WeekFacts, ...]


@dataclass(frozen=True, slots=True)
class WeekRow:
    """One week on the page."""

    when: str
    sli: str
    bad: str
    total: str
    word: str
    tone: str


def hindsight_facts(weeks: Sequence[Week], objective: Objective) -> HindsightFacts:
    """For programs, oldest week first."""
    met, known = weeks_met(weeks, objective)
    suggested = suggest(weeks)
    return HindsightFacts(
        objective=format_percent(objective.share),
        met=met,
        known=known,
        sentence=sentence(weeks, objective),
        suggested=format_percent(suggested.share) if suggested is not None else None,
        weeks=tuple(
            WeekFacts(
                one.start,
                one.end,
                one.counts.good,
                one.counts.bad,
                None if (ratio := one.counts.good_ratio) is None else float(ratio),
                one.meets(objective) if one.is_known else None,
            )
            for one in weeks
        ),
    )


def sentence(weeks: Sequence[Week], objective: Objective) -> str:
    """`It would have met 99.9 % in 9 of 10 weeks.`"""
    met, known = weeks_met(weeks, objective)
    if not known:
        return "Nothing that could be counted is kept of the last weeks."
    missing = len(weeks) - known
    beside = f"; too little is kept of {write.plural(missing, 'week')}" if missing else ""
    weeks_word = "week" if known == 1 else "weeks"
    return (
        f"It would have met {write.objective(objective)} in {met} of {known} {weeks_word}{beside}."
    )


def week_rows(weeks: Sequence[Week], objective: Objective) -> Sequence[WeekRow]:
    """Newest first; none where nothing is known of any."""
    if not any(one.is_known for one in weeks):
        return []
    return [
        WeekRow(
            when=f"{one.start:%Y-%m-%d} to {one.end:%Y-%m-%d}",
            sli=write.sli(one.counts.good_ratio if one.is_known else None, objective),
            bad=write.count(one.counts.bad),
            total=write.count(one.counts.total),
            word=_word(one, objective),
            tone="none" if not one.is_known else "passed" if one.meets(objective) else "failed",
        )
        for one in reversed(weeks)
    ]


def _word(week: Week, objective: Objective) -> str:
    if not week.is_known:
        return "not known"
    return "met" if week.meets(objective) else "missed"
