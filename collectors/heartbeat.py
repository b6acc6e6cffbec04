"""Hear of a job's runs: it pings as it starts and ends, and is missed when it does not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

from collectors.job import State, Terms, judge, taken_up
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Told
from collectors.runnable import Clock, Heard
from collectors.settings import CollectorSettings, Strict
from collectors.timetable import Cron, Every, Timetable
from slo.secret import SecretText
from slo.units import Duration, format_duration
from slo.zone import parse_zone

_LEAST_EVERY = timedelta(minutes=1)
_MOST = timedelta(days=366)
_LOOKS_LATE = 4  # intervals; without a look for longer we were not there


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('it is text in quotes, such as "30 2 * * *"')
    return value


CronText = Annotated[
    str, PlainValidator(_text), PlainSerializer(str), WithJsonSchema({"type": "string"})
]


class JobSchedule(Strict):
    """When a job is to run, and how much time it has."""

    cron: CronText | None = Field(None, description="Five fields, as in a crontab.")
    zone: str = Field("UTC", description="The IANA time zone of `cron`.")
    every: Duration | None = Field(None, description="In place of `cron`: how often it runs.")
    grace: Duration = Field(
        timedelta(minutes=5),
        description="How long after it is due a run has to succeed; with `at_most`, to start.",
    )
    at_most: Duration | None = Field(None, description="How long a run may take from its start.")
    token: SecretText

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.cron is None) == (self.every is None):
            raise ValueError("write one of `cron` and `every`: when the job is to run")
        if self.every is not None and "zone" in self.model_fields_set:
            raise ValueError("`zone` is whose clocks `cron` goes by; `every` goes by none")
        if self.every is not None and not _LEAST_EVERY <= self.every <= _MOST:
            raise ValueError("`every` is 1m to 366d")
        if self.grace <= timedelta(0) or (self.at_most or self.grace) <= timedelta(0):
            raise ValueError("`grace` and `at_most` are longer than nothing")
        table = self.timetable
        if isinstance(table, Cron):
            needs = self.grace + (self.at_most or timedelta(0)) + table.early
            if needs > table.shortest:
                both = "`grace` and `at_most` together" if self.at_most else "`grace`"
                raise ValueError(
                    f"{both} must end {format_duration(table.early)} before the next run is due, "
                    f"or a ping is of either; between two runs there are "
                    f"{format_duration(table.shortest)}"
                )
        return self

    @property
    def timetable(self) -> Timetable:
        """Raises ValueError."""
        if self.every is not None:
            return Every(self.every)
        return Cron.of(self.cron or "", parse_zone(self.zone))


class JobConfig(CollectorSettings):
    """Hear of a job's runs."""

    heartbeat: JobSchedule

    @property
    def pace(self) -> timedelta:
        """The time between two of its runs, on the average; `interval` is that between looks."""
        return self.heartbeat.timetable.usual


class Heartbeat:
    """One job."""

    kind = "heartbeat"

    def __init__(self, collector_id: str, config: JobConfig, means: Means) -> None:
        self.id = collector_id
        self.interval = means.interval
        self.timeout = means.timeout
        table = config.heartbeat.timetable
        self.target = f"a job, {table.label}"
        self._terms = Terms(table, config.heartbeat.grace, config.heartbeat.at_most)
        self._heard: Callable[[int], Heard] | None = None
        self._left_at: Callable[[], str | None] = lambda: None

    def told_by(self, heard: Callable[[int], Heard], left_at: Callable[[], str | None]) -> None:
        """`heard` gives what came after a ping's number, `left_at` the last counted position."""
        self._heard, self._left_at = heard, left_at

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """See what was told, and what should have been, since the look that was counted last."""
        look = Look.begin(self.id, due, clock)
        look.watch.stop()
        if self._heard is None:
            return look.unknown("nobody takes pings here")
        before = State.of(self._left_at())
        heard = self._heard(0 if before is None else before.number)
        if before is None and heard.pings:  # it told something, and no look at that was stored
            before = taken_up(None, self._terms, heard.pings[0].at)
        now = look.started if heard.until is None else min(look.started, heard.until)
        state = before
        for away in self._away(before, heard, now):
            state = taken_up(state, self._terms, now, away)
        state, runs = judge(taken_up(state, self._terms, now), heard.pings, self._terms, now)
        if state.cause is None:
            look.warning = "no run was due yet" if state.waits else None
            seen = look.passed()
        else:
            seen = look.failed(Cause(state.cause), state.detail)
        stands = Outcome.UNKNOWN if state.waits else seen.outcome
        return replace(seen, told=Told(tuple(runs), state.to_text(), stands))

    async def close(self) -> None:
        """Nothing is held."""

    def _away(
        self, before: State | None, heard: Heard, now: datetime
    ) -> Iterator[tuple[datetime, datetime]]:
        """When nobody could tell us anything since the look before."""
        if before is None:
            return
        if before.looked < heard.since:
            yield before.looked, heard.since
        elif now - before.looked > _LOOKS_LATE * self.interval:
            yield before.looked, now
        if heard.refused is not None and heard.refused >= before.looked:
            yield heard.refused - timedelta(microseconds=1), heard.refused
