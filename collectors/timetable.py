"""When a job is expected to run: by a cron expression in a time zone, or every so often."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from slo.units import format_duration

# A job's clock may be ahead of ours: a ping that comes so much sooner is that run's.
_EARLY = timedelta(minutes=1)
_SAMPLED = 500  # runs between which the shortest gap is looked for
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_FIELDS = 5
_ONCE = timedelta(days=366)  # taken to be between runs of which only one is found


class Timetable(Protocol):
    """`after(due, heard)`: when the run after the one of `due` is due. `heard` is when that one
    told how it ended, None where it was not heard of.
    """

    @property
    def label(self) -> str:
        """It in words; another schedule has another label."""

    @property
    def early(self) -> timedelta:
        """How much sooner than it is due a run may be heard of."""

    @property
    def usual(self) -> timedelta:
        """The time between two runs, on the average."""

    def first(self, now: datetime) -> datetime: ...

    def after(self, due: datetime, heard: datetime | None) -> datetime: ...

    def pushed_back(self, due: datetime, heard: datetime) -> datetime:
        """When the run of `due` is due once a success was heard of out of turn."""

    def has(self, due: datetime) -> bool:
        """Whether a run is due then by this timetable."""

    def moment(self, at: datetime) -> str:
        """For people, by the clocks of the job's zone."""


@dataclass(frozen=True, slots=True)
class Cron:
    """As Debian's cron: of the time that clocks leap over, a job that has a fixed time runs right
    after the leap; of the hour that they show twice, such a job runs once.
    """

    expression: str
    zone: ZoneInfo
    shortest: timedelta  # between two runs
    usual: timedelta  # on the average

    @classmethod
    def of(cls, expression: str, zone: ZoneInfo) -> "Cron":
        """Raises ValueError in words."""
        if len(expression.split()) != _FIELDS:
            raise ValueError(
                f"{expression!r} is no cron expression: it has five fields, such as 30 2 * * *"
            )
        try:
            runs = list(islice(_runs(expression, _SINCE.astimezone(zone)), _SAMPLED))
        except CronSimError as error:
            said = str(error)
            raise ValueError(f"{expression!r} is no cron expression: {said.lower()}") from None
        if not runs:
            raise ValueError(f"{expression!r} never comes")
        gaps = [later - sooner for sooner, later in pairwise(runs)]
        if not gaps:
            return cls(expression, zone, _ONCE, _ONCE)
        return cls(expression, zone, min(gaps), (runs[-1] - runs[0]) / len(gaps))

    @property
    def label(self) -> str:
        return f"{self.expression} {self.zone.key}"

    @property
    def early(self) -> timedelta:
        return min(_EARLY, self.shortest / 4)

    def first(self, now: datetime) -> datetime:
        return next(_runs(self.expression, now.astimezone(self.zone)))

    def after(self, due: datetime, heard: datetime | None) -> datetime:
        del heard
        return self.first(due)

    def pushed_back(self, due: datetime, heard: datetime) -> datetime:
        del heard
        return due

    def has(self, due: datetime) -> bool:
        return self.first(due - timedelta(seconds=1)) == due

    def moment(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%a %Y-%m-%d %H:%M} {self.zone.key}"


@dataclass(frozen=True, slots=True)
class Every:
    """So long after the run before it, or after it should have been."""

    every: timedelta

    @property
    def label(self) -> str:
        return f"every {format_duration(self.every)}"

    @property
    def early(self) -> timedelta:
        return self.every / 2

    @property
    def usual(self) -> timedelta:
        return self.every

    def first(self, now: datetime) -> datetime:
        return now + self.every

    def after(self, due: datetime, heard: datetime | None) -> datetime:
        return (due if heard is None else heard) + self.every

    def pushed_back(self, due: datetime, heard: datetime) -> datetime:
        return max(due, heard + self.every)

    def has(self, due: datetime) -> bool:
        del due
        return False

    def moment(self, at: datetime) -> str:
        return f"{at.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC"


def _runs(expression: str, after: datetime) -> Iterator[datetime]:
    for local in CronSim(expression, after):
        yield local.astimezone(UTC)
