"""Seven days of each SLO as a small picture: kept for all who look."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from dashboards import charts
from dashboards.charts import Sparkline
from dashboards.source import Source
from slo.epoch import ceiling
from slo.status import SLOStatus
from web.look import Look

NO_SPARKLINES: Mapping[str, Sparkline] = {}


class Sparklines:
    """Those of now are kept for five minutes: they change slowly and are many."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: dict[str, tuple[datetime, Sparkline]] = {}

    async def of(self, statuses: Sequence[SLOStatus], seen: Look) -> Mapping[str, Sparkline]:
        """By the SLOs' ids."""
        make = self._then if seen.past else self._now
        made = await asyncio.gather(*(make(status, seen.now) for status in statuses))
        return dict(zip((status.slo.id for status in statuses), made, strict=True))

    async def _then(self, status: SLOStatus, at: datetime) -> Sparkline:
        end = ceiling(at, charts.SPARK_STEP)
        start = end - charts.SPARK_STEPS * charts.SPARK_STEP
        points = await self._source.points(status.slo.id, start, at, charts.SPARK_STEP)
        return charts.sparkline(status.slo, points)

    async def _now(self, status: SLOStatus, now: datetime) -> Sparkline:
        slo = status.slo
        until = ceiling(now, timedelta(minutes=5))
        kept = self._kept.get(slo.id)
        if kept is not None and kept[0] == until:
            return kept[1]
        made = await self._then(status, ceiling(now, charts.SPARK_STEP))
        self._kept[slo.id] = (until, made)
        if len(self._kept) > 2 * len(self._source.latest_roll()) + 100:
            self._kept.clear()  # SLOs that were renamed away must not pile up
        return made
