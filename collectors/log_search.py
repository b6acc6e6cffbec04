"""Count what a log tells: the documents of Elasticsearch or OpenSearch, each in its own time."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Self

from pydantic import Field, model_validator

from collectors.client import Client
from collectors.json_values import MOST_SERIES, MetricName
from collectors.left_at import LeftAt, begins_anew
from collectors.log_search_answer import (
    OTHER,
    RefusedSearchError,
    SearchMetric,
    Span,
    read_counts,
    search,
)
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Phase
from collectors.request import TOO_MANY_REQUESTS
from collectors.runnable import Clock
from collectors.settings import RequestSettings
from collectors.size import Size
from collectors.source import Source, read_whole
from collectors.target import HttpUrl, without_secrets
from slo.exposition import Page, Sample, Series
from slo.units import Duration

_OK = 200
_MILLISECOND = timedelta(milliseconds=1)


class LogSearchConfig(RequestSettings):
    """Count documents of Elasticsearch or OpenSearch."""

    log_search: HttpUrl
    index: str = Field(pattern=r"^[^\s/?#\"\\]+$")
    timestamp: str = Field("@timestamp", min_length=1)
    lag: Duration = Field(timedelta(minutes=1), description="How late documents may arrive.")
    metrics: Mapping[MetricName, SearchMetric] = Field(min_length=1, max_length=50)
    page_limit: Size = 8 << 20

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.lag < timedelta(0):
            raise ValueError("`lag` cannot be negative")
        for name, metric in self.metrics.items():
            if (metric.label is None) != (metric.field is None):
                raise ValueError(f"`{name}`: `label` and `field` go together")
        return self

    def metric_types(self) -> Mapping[str, str]:
        return dict.fromkeys(self.metrics, "counter")


class LogSearch:
    """One index, and what is counted of it. Every moment is counted by one look that succeeds."""

    kind = "log_search"

    def __init__(self, collector_id: str, config: LogSearchConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = without_secrets(config.log_search)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        own = {"accept": "application/json", "content-type": "application/json"}
        self._source = Source(config.log_search, config, means, own)
        self._counts: dict[Series, int] = {Series(name, ()): 0 for name in config.metrics}
        self._until: datetime | None = None
        self._began = 0.0
        self._left_at: Callable[[], str | None] = lambda: None
        self._turn = asyncio.Lock()

    def go_on_from(self, left_at: Callable[[], str | None]) -> None:
        """Where what is stored was counted up to; asked at the first look."""
        self._left_at = left_at

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        return await self._source.visit(look, partial(self._look, look, clock))

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _look(self, look: Look, clock: Clock, client: Client) -> Observation:
        async with self._turn:
            lately = look.due - self._config.lag
            end = lately - timedelta(microseconds=lately.microsecond % 1000)
            if self._until is None:
                left = LeftAt.of(self._left_at())
                self._until = _moment(left) or end
                self._began = begins_anew(clock.now().timestamp(), left)
            # A clock that was set back has nothing to count until it is where it was.
            span = Span(self._until, max(self._until, end))
            try:
                counts, size = await self._count(span, look, client)
            except RefusedSearchError as error:
                look.watch.stop()
                if look.http_status in (_OK, TOO_MANY_REQUESTS):
                    look.warning = str(error)
                    return look.unknown(look.warning)
                return look.failed(Cause.STATUS, str(error))
            for series, count in counts.items():
                self._add(series, count)
            self._until = span.end
            page = self._page(size)
        look.watch.stop()
        look.body_bytes = size
        return replace(look.passed(), page=page)

    async def _count(
        self, span: Span, look: Look, client: Client
    ) -> tuple[Mapping[Series, int], int]:
        config = self._config
        base = self._source.url
        url = base.copy_with(path=f"{base.path.rstrip('/')}/{config.index}/_search")
        asked = search(config.metrics, config.timestamp, span)
        response = await self._source.fetch(look, client, url, asked)
        data = await read_whole(response, config.page_limit, "page_limit")
        look.watch.enter(Phase.JUDGE)
        return read_counts(response.status, data, config.metrics), len(data)

    def _add(self, series: Series, count: int) -> None:
        if series not in self._counts and len(self._counts) >= MOST_SERIES:
            series = Series(series.metric, tuple((label, OTHER) for label, _ in series.labels))
        self._counts[series] = self._counts.get(series, 0) + count

    def _page(self, size: int) -> Page:
        assert self._until is not None  # noqa: S101 - a look set it
        return Page(
            samples={series: Sample(count) for series, count in self._counts.items()},
            process_start=self._began,
            size_bytes=size,
            position=LeftAt(self._began, self._until.isoformat()).to_text(),
        )


def _moment(left: LeftAt | None) -> datetime | None:
    """A moment of ours; None for what is none."""
    with suppress(ValueError):
        at = datetime.fromisoformat(left.place) if left is not None else None
        return at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)
    return None
