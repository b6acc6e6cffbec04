"""A report: what a day, a week or a month came to. Pure, from facts that were read before.

Every number is one that the SLO's own page tells of the same stretch; no data is None.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from alerting.incident import Incident
from alerting.incident_times import IncidentTimes, Medians, medians
from dashboards.report_period import ReportPeriod
from slo.budget_ledger import Loss
from slo.definition import SLO, GaugeSLI
from slo.severity import Severity

MOST_LOSSES = 10
NIGHT = (22, 7)  # from, until: hours of the owner's clock
ENOUGH_DAYS = 5  # with samples, for a trend
NOBODY = "no owner"


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted of one SLO in a stretch. `of` events, or slices where the method is theirs,
    `cost` were spent; `seen` observations came of `due`.
    """

    of: int
    cost: Fraction
    unknown: int
    seen: int
    due: int

    def sli(self) -> Fraction | None:
        """None without an event."""
        return 1 - self.cost / self.of if self.of else None

    def allowed(self, slo: SLO) -> Fraction:
        """What the objective allows of this stretch, taken alone."""
        return slo.objective.budget_share * self.of

    def spent(self, slo: SLO) -> Fraction | None:
        """The share of that which was spent; 1 is all of it."""
        return self.cost / self.allowed(slo) if self.of else None

    def met(self, slo: SLO) -> bool | None:
        """Whether the objective was met; None: no data."""
        return self.cost <= self.allowed(slo) if self.of else None

    @property
    def coverage(self) -> Fraction | None:
        return Fraction(min(self.seen, self.due), self.due) if self.due else None


@dataclass(frozen=True, slots=True)
class DayShare:
    """How much of a day's samples were beyond the threshold; None: there were none."""

    number: int  # of the day in the period, from 0
    bad: Fraction | None


@dataclass(frozen=True, slots=True)
class SLORecord:
    """Everything that was read of one SLO. `before` is of the period before, as long as this one
    is so far; None where nothing is kept of it. `days` are of those on a threshold.
    """

    slo: SLO
    owner: str | None
    now: Tally
    before: Tally | None
    losses: tuple[Loss, ...] = ()
    days: tuple[DayShare, ...] = ()
    excluded: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """Why stretches of the period count for nothing: one exclusion, and whom it was for."""

    label: str
    reason: str
    author: str
    stretches: tuple[tuple[datetime, datetime], ...]


Incidents = tuple[tuple[Incident, IncidentTimes], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report is made from. `until`: the period's end, or now while it goes on.

    `complete` is false where there were more incidents than are looked at: the newest are.
    `before` are those of the period before, as long as this one is so far; None: not known.
    """

    period: ReportPeriod
    until: datetime
    made_at: datetime
    slos: tuple[SLORecord, ...]
    incidents: Incidents = ()
    before: Incidents | None = None
    left: tuple[Left, ...] = ()
    owners: Mapping[str, str | None] | None = None  # by service
    zones: Mapping[str, ZoneInfo] | None = None  # by owner, where it is not the report's
    owner: str | None = None  # whose services alone it is about
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """How many of an owner's, or a service's, objectives were met."""

    name: str
    met: int
    missed: int
    no_data: int
    met_before: int | None
    missed_before: int | None
    change: int | None  # how many more were missed than in the period before; None: not known


@dataclass(frozen=True, slots=True)
class SLOLoss:
    """An interval that burned too fast, and whose."""

    slo: SLO
    loss: Loss


@dataclass(frozen=True, slots=True)
class Paging:
    """The pages of the period: incidents that ever were of severity `page`, by when they opened.

    `acted`: somebody acknowledged them. `night`: opened between 22 and 7 o'clock of their owner.
    """

    pages: int
    acted: int
    night: int
    by_hour: tuple[int, ...]  # 24, by the report's zone

    @property
    def acted_share(self) -> Fraction | None:
        return Fraction(self.acted, self.pages) if self.pages else None


@dataclass(frozen=True, slots=True)
class Review:
    """SLOs whose objective should be talked about, by the reason."""

    always_kept: tuple[SLO, ...]  # not one bad event, now and before: too easy, or not measured
    always_missed: tuple[SLO, ...]  # now and before
    no_data: tuple[SLO, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """Of an SLO on a threshold: samples beyond it rise by `per_day`, in shares of all.

    `days_left`: until they are as many as the objective allows; 0: they are already.
    """

    slo: SLO
    days: int
    per_day: Fraction
    latest: Fraction
    days_left: int


@dataclass(frozen=True, slots=True)
class Report:
    """All of it, in the order in which it is told. `before` is None where nothing is known."""

    facts: Facts
    everything: Group
    owners: tuple[Group, ...]
    services: tuple[Group, ...]
    losses: tuple[SLOLoss, ...]
    more_losses: int
    times: Medians
    paging: Paging
    times_before: Medians | None
    paging_before: Paging | None
    review: Review
    trends: tuple[Trend, ...]

    @property
    def met(self) -> int:
        return self.everything.met

    @property
    def missed(self) -> int:
        return self.everything.missed

    @property
    def no_data(self) -> int:
        return self.everything.no_data

    @property
    def is_over(self) -> bool:
        return self.facts.until == self.facts.period.end


def report(facts: Facts) -> Report:
    """What these facts come to."""
    losses = sorted(
        (SLOLoss(one.slo, loss) for one in facts.slos for loss in one.losses),
        key=lambda one: (-(one.loss.share or 0), one.loss.start, one.slo.id),
    )
    return Report(
        facts=facts,
        everything=_group("everything", facts.slos),
        owners=_groups(facts.slos, lambda one: one.owner or NOBODY),
        services=_groups(facts.slos, lambda one: one.slo.service),
        losses=tuple(losses[:MOST_LOSSES]),
        more_losses=max(len(losses) - MOST_LOSSES, 0),
        times=medians(times for _, times in facts.incidents),
        paging=_paging(facts, facts.incidents),
        times_before=None if facts.before is None else medians(times for _, times in facts.before),
        paging_before=None if facts.before is None else _paging(facts, facts.before),
        review=_review(facts.slos),
        trends=tuple(
            sorted(
                filter(None, map(_trend, facts.slos)), key=lambda one: (one.days_left, one.slo.id)
            )
        ),
    )


def _groups(records: Iterable[SLORecord], of: Callable[[SLORecord], str]) -> tuple[Group, ...]:
    """One for each name; the most missed first."""
    by_name: dict[str, list[SLORecord]] = {}
    for one in records:
        by_name.setdefault(of(one), []).append(one)
    groups = (_group(name, own) for name, own in by_name.items())
    return tuple(sorted(groups, key=lambda one: (-one.missed, one.name)))


def _group(name: str, own: Sequence[SLORecord]) -> Group:
    verdicts = [one.now.met(one.slo) for one in own]
    # Like is compared with like: an SLO that has no data on one side counts on neither.
    pairs = [
        (verdict, one.before.met(one.slo))
        for one, verdict in zip(own, verdicts, strict=True)
        if verdict is not None and one.before is not None
    ]
    known = [(verdict, before) for verdict, before in pairs if before is not None]
    return Group(
        name,
        met=verdicts.count(True),
        missed=verdicts.count(False),
        no_data=verdicts.count(None),
        met_before=sum(before for _, before in known) if known else None,
        missed_before=sum(not before for _, before in known) if known else None,
        change=sum(before - verdict for verdict, before in known) if known else None,
    )


def _paging(facts: Facts, incidents: Incidents) -> Paging:
    zones, owners = facts.zones or {}, facts.owners or {}
    hours: Counter[int] = Counter()
    pages = acted = night = 0
    for incident, _ in incidents:
        if incident.worst is not Severity.PAGE:
            continue
        pages += 1
        acted += incident.acknowledged_at is not None
        hours[incident.opened_at.astimezone(facts.period.zone).hour] += 1
        own = zones.get(owners.get(incident.service) or "", facts.period.zone)
        begins, ends = NIGHT
        hour = incident.opened_at.astimezone(own).hour
        night += hour >= begins or hour < ends
    return Paging(pages, acted, night, tuple(hours[hour] for hour in range(24)))


def _review(records: Sequence[SLORecord]) -> Review:
    def both(one: SLORecord, wanted: Callable[[Tally, SLO], bool]) -> bool:
        return (
            one.before is not None
            and bool(one.before.of and one.now.of)
            and wanted(one.now, one.slo)
            and wanted(one.before, one.slo)
        )

    return Review(
        always_kept=tuple(o.slo for o in records if both(o, lambda tally, _: not tally.cost)),
        always_missed=tuple(
            o.slo for o in records if both(o, lambda tally, slo: tally.met(slo) is False)
        ),
        no_data=tuple(one.slo for one in records if not one.now.of),
    )


def _trend(record: SLORecord) -> Trend | None:
    """The line of least squares through the days' shares, where it rises."""
    known = [(day.number, day.bad) for day in record.days if day.bad is not None]
    if not isinstance(record.slo.sli, GaugeSLI) or len(known) < ENOUGH_DAYS:
        return None
    mean_at = Fraction(sum(at for at, _ in known), len(known))
    mean = sum((bad for _, bad in known), Fraction(0)) / len(known)
    spread = sum((at - mean_at) ** 2 for at, _ in known)
    rise = sum(((at - mean_at) * (bad - mean) for at, bad in known), Fraction(0)) / spread
    if rise <= 0:
        return None
    latest = mean + rise * (known[-1][0] - mean_at)
    left = (record.slo.objective.budget_share - latest) / rise
    return Trend(
        record.slo, len(known), rise, latest, max(-(-left.numerator // left.denominator), 0)
    )
