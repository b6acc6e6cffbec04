"""The collector that counts our own deliveries, as a page of counters that an SLO is made of."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from alerting.canary import Canary, too_old
from alerting.config import AlertingConfig
from alerting.delivery import Run
from alerting.delivery_sli import (
    BAD,
    CANARY_AGE,
    COLLECTOR,
    INTERVAL,
    SERVICE,
    TOTAL,
    Delivery,
    verdict,
)
from alerting.receivers.pagerduty import PagerDutyConfig
from collectors.observation import Observation, Outcome
from collectors.runnable import Clock
from slo.exposition import Page, Sample, Series

TIMEOUT = timedelta(seconds=5)
_SLACK = timedelta(minutes=1)  # for what was decided and stored later

log = structlog.get_logger("nines.deliveries")


class Deliveries:
    """The counters, from `since` on: they outlive reloads of the configuration.

    `read(since, after, expecting)` gives what was decided since then, and stands after a row;
    `anchor()` when a process before this one looked last, None when none did. Both block on
    storage.
    """

    def __init__(
        self,
        *,
        config: Callable[[], AlertingConfig],
        read: Callable[[datetime, int, Sequence[str]], Sequence[Delivery]],
        anchor: Callable[[], datetime | None],
        canaries: Callable[[], Mapping[str, Canary]],
        run: Run,
        started_at: datetime,
    ) -> None:
        self._config = config
        self._read = read
        self._anchor = anchor
        self._canaries = canaries
        self._run = run
        self._started_at = started_at
        self._since: datetime | None = None  # what was known by then was counted before us
        self._looked: datetime | None = None
        self._after = 0
        self._judged: dict[str, datetime] = {}  # ids of what was counted, and when it was decided
        self._total: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()

    async def page(self, now: datetime) -> Page:
        """What was known by then, the moment at which the page is booked. Raises StorageError."""
        config = self._config()
        within = config.delivery_within
        if self._since is None:
            self._since = self._looked = await self._run(self._anchor) or now
        assert self._looked is not None  # noqa: S101 - set together
        start = min(self._looked, now) - within - _SLACK
        expecting = tuple(_expecting(config))
        rows = await self._run(lambda: self._read(start, self._after, expecting))
        for one in rows:
            self._count(one, within, now)
        self._after = min((one.sequence for one in rows), default=self._after + 1) - 1
        self._looked = now
        self._judged = {id_: at for id_, at in self._judged.items() if at >= start}
        samples = dict(self._samples(config, now))
        return Page(samples, process_start=self._started_at.timestamp(), lines=len(samples))

    def _count(self, one: Delivery, within: timedelta, now: datetime) -> None:
        if one.id in self._judged:
            return
        found = verdict(one, within, now)
        if found is None or found.at > now:
            return
        self._judged[one.id] = one.decided_at
        if self._since is not None and found.at <= self._since:
            return  # by the process before this one
        self._total[one.receiver] += 1
        self._bad[one.receiver] += not found.good

    def _samples(self, config: AlertingConfig, now: datetime) -> Iterator[tuple[Series, Sample]]:
        for name in dict.fromkeys((*config.receivers, *self._total)):
            labels = (("receiver", name),)
            yield Series(TOTAL, labels), Sample(self._total[name])
            yield Series(BAD, labels), Sample(self._bad[name])
        if config.canary is None:
            return
        every, always = config.canary.every, not config.canary.active_time_intervals
        for name in config.canary_receivers:
            last = self._canaries().get(name)
            if last is None:
                continue
            age = now - (last.last_success or last.decided_at)
            if too_old(last, every, now, always=always) is None:
                age = min(age, 2 * every)  # none was missed, however long it is
            yield Series(CANARY_AGE, (("receiver", name),)), Sample(age.total_seconds())


class DeliveryCollector:
    """Looks at the counters; a Runnable."""

    id = f"{SERVICE}/{COLLECTOR}"
    kind = "outbox"
    target = "the outbox"
    interval = INTERVAL
    timeout = TIMEOUT

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """What was counted. That it cannot be found out is our own failure."""
        started, began = clock.now(), clock.monotonic()
        page, detail = None, ""
        try:
            page = await self._deliveries.page(due)
        except Exception as error:
            log.exception("deliveries_not_counted")
            detail = f"The outbox cannot be read: {error}"
        return Observation(
            collector_id=self.id,
            due=due,
            started=started,
            lateness=max(started - due, timedelta(0)),
            duration=timedelta(seconds=clock.monotonic() - began),
            outcome=Outcome.UNKNOWN if page is None else Outcome.PASSED,
            detail=detail,
            page=page,
        )

    async def close(self) -> None:
        """Nothing is kept open."""


def _expecting(config: AlertingConfig) -> Iterator[str]:
    for name, receiver in config.receivers.items():
        if isinstance(receiver.config, PagerDutyConfig) and receiver.config.webhook_secret:
            yield name
