"""Read metrics that a service tells as a JSON document."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Self

from pydantic import Field, JsonValue, model_validator

from collectors.client import Client
from collectors.json_values import (
    JsonMetric,
    MetricName,
    one_number,
    read_document,
    read_metrics,
)
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Observation, Phase
from collectors.pattern import JsonPathText
from collectors.quantity import read_quantity
from collectors.runnable import Clock
from collectors.settings import RequestSettings, Strict
from collectors.size import Size
from collectors.source import Source, read_whole, refused
from collectors.target import HttpUrl, without_secrets
from collectors.uptime import Processes
from slo.exposition import Page

_ASIDE_BYTES = 64 * 1024  # a larger document is read in a thread, off the event loop
_MILLISECONDS_FROM = 100_000_000_000  # as seconds, the year 5138


class ProcessStart(Strict):
    """Where the document tells when its process began, or for how long it has run."""

    uptime: JsonPathText | None = Field(None, description="Seconds, or text with a unit.")
    time: JsonPathText | None = Field(None, description="Epoch seconds or ms, or ISO 8601.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.uptime is None) == (self.time is None):
            raise ValueError("write `uptime` or `time`: where the process's start can be read")
        return self


class JsonConfig(RequestSettings):
    """Read counters and gauges of a JSON document."""

    json_: HttpUrl = Field(alias="json")
    metrics: Mapping[MetricName, JsonMetric] = Field(min_length=1)
    process_start: ProcessStart | None = None
    page_limit: Size = 8 << 20

    def metric_types(self) -> Mapping[str, str]:
        return {name: metric.type for name, metric in self.metrics.items()}


class JsonMetrics:
    """One document, and what is read of it."""

    kind = "json"

    def __init__(self, collector_id: str, config: JsonConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = without_secrets(config.json_)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._processes = Processes()
        self._source = Source(config.json_, config, means, {"accept": "application/json"})

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        return await self._source.visit(look, partial(self._look, look, clock))

    def go_on_from(self, left_at: Callable[[], str | None]) -> None:
        """What was known of the processes; asked at the first look."""
        self._processes.go_on_from(left_at)

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _look(self, look: Look, clock: Clock, client: Client) -> Observation:
        asked = clock.monotonic()
        response = await self._source.fetch(look, client)
        came, wall = clock.monotonic(), clock.now().timestamp()
        if response.status != HTTPStatus.OK:
            return refused(response, look)
        data = await read_whole(response, self._config.page_limit, "page_limit")
        look.watch.enter(Phase.JUDGE)
        if len(data) > _ASIDE_BYTES:
            page, start = await asyncio.to_thread(self._read, data)
        else:
            page, start = self._read(data)
        if isinstance(start, tuple):
            page = self._processes.dated(page, start[0], wall, came, came - asked)
        elif start is not None:
            page = replace(page, process_start=start)
        look.watch.stop()
        look.body_bytes = len(data)
        look.warning = "; ".join(page.advice)[:500] or None
        return replace(look.passed(), page=page)

    def _read(self, data: bytes) -> tuple[Page, float | tuple[float] | None]:
        """The page, and when its process began: the time, or an uptime as a tuple of one."""
        document = read_document(data)
        samples, absences = read_metrics(document, self._config.metrics)
        start, why = _start(document, self._config.process_start)
        advice = (*absences.advice, *([f"process_start: {why}"] if why else ()))
        return (
            Page(
                samples=samples,
                size_bytes=len(data),
                advice=advice,
                absent=absences.by_metric,
            ),
            start,
        )


def _start(
    document: JsonValue, where: ProcessStart | None
) -> tuple[float | tuple[float] | None, str]:
    if where is None:
        return None, ""
    path = where.uptime or where.time
    assert path is not None  # noqa: S101 - the settings say one
    value, why = one_number(document, path)
    if why:
        return None, why
    if where.uptime is not None:
        seconds = read_quantity(value)
        if seconds is None or seconds < 0:
            return None, f"{path} is no uptime"
        return (float(seconds),), ""
    moment = _moment(value)
    return moment, "" if moment is not None else f"{path} is no time"


def _moment(value: object) -> float | None:
    """Epoch seconds; a date without a zone is in UTC, as JavaScript and most others write it."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    seconds = read_quantity(value)
    if seconds is None or seconds <= 0:
        return None
    return seconds / 1000 if seconds >= _MILLISECONDS_FROM else float(seconds)
