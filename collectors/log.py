"""Count what a log tells: the lines of a file that rotates."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from collectors.json_values import MetricName
from collectors.left_at import LeftAt, begins_anew
from collectors.log_counting import MALFORMED, Counting, FieldName, LogMetric
from collectors.log_line import PATTERNS, reader_of
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Observation, Phase
from collectors.quantity import UNITS
from collectors.runnable import Clock
from collectors.settings import CollectorSettings
from collectors.tail import Position, Tail
from slo.exposition import Page

_READING_SHARE = 0.5  # of the timeout; what is left of the file waits for the next look
_SHOWN = 80


class LogConfig(CollectorSettings):
    """Count the lines of a log."""

    log: Path
    format: Literal["json", "common", "combined"] | None = None
    pattern: str | None = Field(None, description="RE2 with named groups, which are the fields.")
    units: Mapping[FieldName, str] = Field(
        default_factory=dict, description="Units of fields that bear none, such as ms."
    )
    metrics: Mapping[MetricName, LogMetric] = Field(min_length=1, max_length=50)

    @field_validator("units")
    @classmethod
    def _units_are_known(cls, units: Mapping[str, str]) -> Mapping[str, str]:
        for unit in units.values():
            if unit not in UNITS:
                raise ValueError(f"{unit!r} is no unit; {', '.join(filter(None, UNITS))} are")
        return units

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.format is not None and self.pattern is not None:
            raise ValueError("`format` and `pattern` exclude each other")
        reader_of(self.line_pattern)
        return self

    @property
    def line_pattern(self) -> str | None:
        """What finds the fields; None for JSON."""
        return self.pattern or PATTERNS.get(self.format or "json")

    def metric_types(self) -> Mapping[str, str]:
        names = {MALFORMED: "counter"}
        for name, metric in self.metrics.items():
            # By its bare name a histogram is looked for among native ones.
            parts = ("_bucket", "_count", "_sum", "") if metric.histogram is not None else ("",)
            names.update((f"{name}{part}", "counter") for part in parts)
        return names


class LogLines:
    """One log, and what is counted of it."""

    kind = "log"

    def __init__(self, collector_id: str, config: LogConfig, means: Means) -> None:
        self.id = collector_id
        self.target = str(config.log)
        self.interval = means.interval
        self.timeout = means.timeout
        self._path = config.log
        self._read = reader_of(config.line_pattern)
        self._counting = Counting(config.metrics, config.units)
        self._left_at: Callable[[], str | None] = lambda: None
        self._tail: Tail | None = None
        self._began = 0.0
        self._turn = asyncio.Lock()
        self._reading: asyncio.Future[Page] | None = None

    def go_on_from(self, left_at: Callable[[], str | None]) -> None:
        """Where what is stored was counted up to; asked at the first look."""
        self._left_at = left_at

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        look.watch.enter(Phase.TRANSFER)
        try:
            async with asyncio.timeout(self.timeout.total_seconds()), self._turn:
                page = await self._count_aside(clock)
        except TimeoutError:
            look.watch.stop()
            return look.unknown(f"the file {self._path} could not be read in time")
        except OSError as error:
            look.watch.stop()
            why = (error.strerror or str(error)).lower()
            return look.unknown(f"the file {self._path} cannot be read: {why}")
        look.watch.stop()
        look.body_bytes = page.size_bytes
        look.warning = "; ".join(page.advice) or None
        return replace(look.passed(), page=page)

    async def close(self) -> None:
        """Let go of the file."""
        async with self._turn:
            hangs = self._reading is not None and not self._reading.done()
            if self._tail is not None and not hangs:
                self._tail.close()
                self._tail = None

    async def _count_aside(self, clock: Clock) -> Page:
        """Read in a thread. One that hangs, on a disk that does, is waited for by the next look."""
        if self._reading is None or self._reading.done():
            until = clock.monotonic() + self.timeout.total_seconds() * _READING_SHARE
            if self._tail is None:
                left = LeftAt.of(self._left_at())
                self._tail = Tail(self._path, _position(left))
                self._began = begins_anew(clock.now().timestamp(), left)
            reading = partial(self._count, self._tail, lambda: clock.monotonic() < until)
            self._reading = asyncio.get_running_loop().run_in_executor(None, reading)
        return await asyncio.shield(self._reading)

    def _count(self, tail: Tail, in_time: Callable[[], bool]) -> Page:
        counting, first_bad = self._counting, b""
        lines, bad = counting.lines, counting.malformed
        for line in tail.lines(in_time):
            if not counting.take(self._read(line)) and not first_bad:
                first_bad = line or b" "
        too_long, tail.too_long = tail.too_long, 0
        counting.malformed += too_long
        said, tail.said = tail.said, []
        bad, lines = counting.malformed - bad, counting.lines - lines + too_long
        if bad:
            shown = first_bad[:_SHOWN].decode(errors="replace")
            said.append(f"{bad:,} of {lines:,} lines cannot be read, such as {shown!r}")
        if not in_time():
            said.append("there is more to read than there was time for: the rest comes next")
        position = tail.position
        return Page(
            samples=counting.samples(),
            process_start=self._began,
            lines=lines,
            advice=tuple(said),
            position=LeftAt(self._began, position.to_text()).to_text() if position else None,
        )


def _position(left: LeftAt | None) -> Position | None:
    with suppress(ValueError):
        return Position.of(left.place) if left is not None else None
    return None
