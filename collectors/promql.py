"""Read counters and gauges by queries of a Prometheus, or of what answers as one."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Literal

from pydantic import Field, field_validator

from collectors.client import Client
from collectors.json_values import MetricName
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Phase
from collectors.promql_answer import Answer, RefusedQueryError, read_answer
from collectors.promql_query import PromqlQuery
from collectors.request import TOO_MANY_REQUESTS
from collectors.runnable import Clock
from collectors.settings import RequestSettings
from collectors.size import Size
from collectors.source import Source, read_whole
from collectors.target import HttpUrl, without_secrets
from slo.exposition import MANY_PROCESSES, Page, Sample, Series
from slo.units import Duration

_TENANT = "x-scope-orgid"
_MOST_QUERIES = 50
_OF_THE_QUERY = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_ASIDE_BYTES = 64 * 1024  # a larger answer is read in a thread, off the event loop


class PromqlConfig(RequestSettings):
    """Query a Prometheus, Thanos, Mimir or VictoriaMetrics."""

    promql: HttpUrl
    queries: Mapping[MetricName, PromqlQuery] = Field(min_length=1, max_length=_MOST_QUERIES)
    tenant: str | None = Field(None, pattern=r"^[ -~]+$", description="Sent as X-Scope-OrgID.")
    lag: Duration = Field(timedelta(0), description="How long before its time a look asks for.")
    partial: Literal["refuse", "accept"] = "refuse"
    backfill: Duration = Field(timedelta(0), description="How much history is read at first use.")
    page_limit: Size = 16 << 20

    @field_validator("lag", "backfill")
    @classmethod
    def _is_not_negative(cls, value: timedelta) -> timedelta:
        if value < timedelta(0):
            raise ValueError("it cannot be negative")
        return value

    def metric_types(self) -> Mapping[str, str]:
        return {name: query.type for name, query in self.queries.items()}


@dataclass(frozen=True, slots=True)
class Stretch:
    """The moments `first`, `first` + `step` and so on, up to `last`."""

    first: datetime
    last: datetime
    step: timedelta


class Promql:
    """Named queries, evaluated together at one moment."""

    kind = "promql"

    def __init__(self, collector_id: str, config: PromqlConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = without_secrets(config.promql)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        own = {"accept": "application/json"}
        if config.tenant is not None:
            own[_TENANT] = config.tenant
        self._source = Source(config.promql, config, means, own)

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        moment = Stretch(due, due, self.interval)
        return await self._visit(look, moment, {})

    async def history(
        self, stretch: Stretch, clock: Clock
    ) -> tuple[Observation, Mapping[datetime, Page]]:
        """The pages that looks due at these moments would have read, and how that went."""
        look = Look.begin(self.id, stretch.last, clock)
        pages: dict[datetime, Page] = {}
        return await self._visit(look, stretch, pages), pages

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _visit(
        self, look: Look, stretch: Stretch, pages: dict[datetime, Page]
    ) -> Observation:
        return await self._source.visit(look, partial(self._look, look, stretch, pages))

    async def _look(
        self, look: Look, stretch: Stretch, pages: dict[datetime, Page], client: Client
    ) -> Observation:
        samples: dict[float, dict[Series, Sample]] = {}
        size, notes, absent = 0, list[str](), dict[str, str]()
        refused = 0
        for name, query in self._config.queries.items():
            look.watch.enter(Phase.RESOLVE)
            try:
                answer, read = await self._ask(name, query, stretch, look, client)
            except RefusedQueryError as error:
                look.watch.stop()
                if look.http_status == TOO_MANY_REQUESTS:
                    look.warning = str(error)
                    return look.unknown(look.warning)
                # That one query makes no sense there, or no more, takes nothing from the others. Of
                # the past it would book what is never asked for again.
                now_alone = stretch.first == stretch.last and look.http_status in _OF_THE_QUERY
                refused += 1
                if not now_alone:
                    return look.failed(Cause.STATUS, str(error))
                if refused == len(self._config.queries):
                    return look.failed(Cause.STATUS, next(iter(absent.values()), str(error)))
                absent[name], look.http_status = str(error), HTTPStatus.OK  # of the others
                continue
            size += read
            notes += answer.notes
            if answer.partial and self._config.partial == "refuse":
                look.watch.stop()
                look.warning = f"`{name}` was answered in part: {answer.partial}"
                return look.unknown(look.warning)
            notes += [answer.partial] if answer.partial else []
            if answer.odd:
                absent[name] = "; ".join(answer.odd)
            for moment, found in answer.at.items():
                samples.setdefault(moment, {}).update(found)
        look.watch.stop()
        look.body_bytes = size
        look.warning = "; ".join(dict.fromkeys([*notes, *absent.values()]))[:500] or None
        lag = self._config.lag
        first = (stretch.first - lag).timestamp()
        for moment, found in samples.items():
            steps = round((moment - first) / stretch.step.total_seconds())
            pages[stretch.first + steps * stretch.step] = Page(found, MANY_PROCESSES, absent=absent)
        page = pages.get(stretch.last, Page({}, MANY_PROCESSES, absent=absent))
        return replace(look.passed(), page=replace(page, size_bytes=size))

    async def _ask(
        self, name: str, query: PromqlQuery, stretch: Stretch, look: Look, client: Client
    ) -> tuple[Answer, int]:
        lag = self._config.lag
        last = f"{(stretch.last - lag).timestamp():.3f}"
        # VictoriaMetrics would move the moments to where it has cached answers.
        asked = {"query": query.asked, "nocache": "1"}
        if stretch.first == stretch.last:
            path, asked["time"] = "api/v1/query", last
        else:
            path, asked["end"] = "api/v1/query_range", last
            asked["start"] = f"{(stretch.first - lag).timestamp():.3f}"
            asked["step"] = f"{stretch.step.total_seconds():g}"
        if self._config.partial == "refuse":
            asked["partial_response"] = "false"  # of Thanos; others do not know it
        url = self._source.url
        url = url.copy_with(path=f"{url.path.rstrip('/')}/{path}").copy_merge_params(asked)
        response = await self._source.fetch(look, client, url)
        data = await read_whole(response, self._config.page_limit, "page_limit")
        look.watch.enter(Phase.JUDGE)
        read = partial(read_answer, name, response.status, data)
        answer = await asyncio.to_thread(read) if len(data) > _ASIDE_BYTES else read()
        return answer, len(data)
