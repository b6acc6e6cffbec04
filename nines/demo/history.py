"""Thirty days that never were, counted, judged and told by the real engine.

Only the observations are made up: which buckets were good and bad. Everything else, the alerts,
the incidents, the notifications that the inbox receives, follows from them as it would have.
"""

import math
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.alert import AlertChange
from nines.engine import Engine
from slo.definition import ProbeSLI
from slo.epoch import floor
from slo.ledger import BucketDelta

_COARSE = timedelta(minutes=5)
_JUDGED_EVERY = timedelta(minutes=1)
_AFTERMATH = timedelta(minutes=75)  # until the one-hour window is clean again
_TICKET_AFTERMATH = timedelta(hours=8)
_FINE_END = timedelta(hours=26)  # what the charts of a day and shorter show


@dataclass(frozen=True, slots=True)
class Trouble:
    """A stretch of the past in which a share of one SLO's events was bad."""

    slo_id: str
    days_ago: float
    lasted: timedelta
    bad_ratio: float
    cause: str
    acknowledged_by: str | None = None

    def covers(self, at: datetime, now: datetime) -> bool:
        began = now - timedelta(days=self.days_ago)
        return began <= at < began + self.lasted


@dataclass(frozen=True, slots=True)
class Traffic:
    """Events a second at noon, and the share that fails on a good day."""

    per_second: float
    bad_ratio: float = 0.0
    cause: str = ""


_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
TRAFFIC = {
    "shop/requests": Traffic(40.0, 0.0002, "route=/search"),
    "shop/checkout": Traffic(4.0, 0.0002, "code=502"),
}
TROUBLES = (
    Trouble("petuniverse/availability", 26.3, 9 * _MINUTE, 1.0, "status 503", "Mina"),
    Trouble("shop/requests", 24.1, 50 * _MINUTE, 0.08, "route=/search", "Jonas"),
    Trouble("mewayz/availability", 21.7, 6 * _MINUTE, 1.0, "assertion", "Aiko"),
    Trouble("petuniverse/page-load", 19.4, 9 * _MINUTE, 1.0, "latency", "Mina"),
    Trouble("shop/availability", 16.2, 17 * _MINUTE, 1.0, "connect", "Jonas"),
    Trouble("petuniverse/availability", 13.8, 11 * _MINUTE, 1.0, "timeout", "Rui"),
    Trouble("shop/checkout", 11.5, 10 * _MINUTE, 0.6, "code=502", "Jonas"),
    Trouble("mewayz/reachability", 9.1, 2 * _MINUTE, 1.0, "connect"),
    Trouble("shop/checkout", 6.9, 26 * _HOUR, 0.004, "code=502", "Jonas"),
    Trouble("mewayz/availability", 4.4, 4 * _MINUTE, 1.0, "assertion", "Aiko"),
    Trouble("shop/availability", 2.6, 8 * _MINUTE, 1.0, "connect", "Rui"),
    Trouble("petuniverse/page-load", 1.3, 20 * _MINUTE, 0.5, "latency"),
)


class History:
    """Writes the past into an engine, oldest first.

    `set_clock` moves the service's clock, `settle` has changes decided, stored and delivered,
    `acknowledge` takes the service's open incident.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        rng: random.Random,
        set_clock: Callable[[datetime], None],
        settle: Callable[[Sequence[AlertChange]], Awaitable[None]],
        acknowledge: Callable[[str, str], Awaitable[None]],
        troubles: Sequence[Trouble] = TROUBLES,
    ) -> None:
        self._engine = engine
        self._rng = rng
        self._set_clock = set_clock
        self._settle = settle
        self._acknowledge = acknowledge
        self._troubles = troubles

    async def write(self, now: datetime, days: int = 30) -> int:
        """Everything up to `now`; gives how many alert changes there were."""
        changes_made = 0
        owed: list[tuple[datetime, str, str]] = []  # acknowledgements: when, service, by whom
        judged = now - timedelta(days=days)
        for at, stride in self._strides(now, days):
            for slo_id in self._engine.entries:
                self._book(slo_id, at, stride, now)
            moment = at + stride
            if moment - judged < _JUDGED_EVERY:
                continue
            judged = moment
            self._set_clock(moment)
            while owed and owed[0][0] <= moment:
                _, service, by = owed.pop(0)
                await self._acknowledge(service, by)
            changes = self._engine.tick(moment, self._in_question(moment, now))
            if changes:
                changes_made += len(changes)
                await self._settle(changes)
                owed += self._will_acknowledge(changes, moment, now)
                owed.sort()
        return changes_made

    def _strides(self, now: datetime, days: int) -> Iterator[tuple[datetime, timedelta]]:
        """Bucket by bucket around troubles and at the end, five minutes at a time elsewhere."""
        bucket = timedelta(seconds=self._engine.bucket_seconds)
        at = floor(now - timedelta(days=days), _COARSE)
        end = floor(now, bucket)
        while at < end:
            stride = bucket if self._fine(at, now) else _COARSE
            if at + stride > end:
                stride = bucket
            yield at, stride
            at += stride

    def _fine(self, at: datetime, now: datetime) -> bool:
        if at >= floor(now - _FINE_END, _COARSE):
            return True
        # Whole five-minute stretches, so that strides stay on the grid.
        at = floor(at, _COARSE)
        return any(
            began - 2 * _COARSE <= at < began + min(trouble.lasted, 2 * _HOUR) + _AFTERMATH
            for trouble in self._troubles
            for began in (now - timedelta(days=trouble.days_ago),)
        )

    def _in_question(self, at: datetime, now: datetime) -> list[str]:
        """The SLOs that may change their minds: in trouble, or not long after it."""
        return [
            trouble.slo_id
            for trouble in self._troubles
            for began in (now - timedelta(days=trouble.days_ago),)
            if began <= at < began + trouble.lasted + _TICKET_AFTERMATH
            and trouble.slo_id in self._engine.entries
        ]

    def _book(self, slo_id: str, at: datetime, stride: timedelta, now: datetime) -> None:
        entry = self._engine.entries[slo_id]
        if entry.slo.collector_id is None:
            return  # the engine derives it from the others
        observations = max(1, stride // entry.slo.interval)
        trouble = next(
            (t for t in self._troubles if t.slo_id == slo_id and t.covers(at, now)), None
        )
        if not isinstance(entry.slo.sli, ProbeSLI):
            traffic = TRAFFIC[slo_id]
            expected = traffic.per_second * stride.total_seconds() * _time_of_day(at)
            total = self._about(expected)
            ratio = trouble.bad_ratio if trouble else traffic.bad_ratio
            bad = min(total, self._about(total * ratio))
            cause = trouble.cause if trouble else traffic.cause
        else:
            total = observations
            bad = self._about(total * trouble.bad_ratio) if trouble else 0
            cause = trouble.cause if trouble else ""
        delta = BucketDelta(
            entry.ledger.bucket_of(at), min(total, total - bad), bad, seen=observations
        )
        newest = at + stride - min(stride, entry.slo.interval)
        self._engine.book_history(slo_id, newest, delta, {cause: bad} if bad else {})

    def _about(self, expected: float) -> int:
        """A whole number whose mean is `expected`, with a crowd's scatter."""
        if expected < 1 or expected == int(expected):
            return int(expected) + (self._rng.random() < expected % 1)
        return max(0, round(self._rng.gauss(expected, math.sqrt(expected))))

    def _will_acknowledge(
        self, changes: Sequence[AlertChange], at: datetime, now: datetime
    ) -> list[tuple[datetime, str, str]]:
        found = []
        for change in changes:
            slo_id = f"{change.service}/{change.slo}"
            by = next(
                (
                    trouble.acknowledged_by
                    for trouble in self._troubles
                    if trouble.slo_id == slo_id and trouble.covers(at, now)
                ),
                None,
            )
            if change.firing and by:
                wait = timedelta(seconds=self._rng.randint(70, 400))
                found.append((at + wait, change.service, by))
        return found[:1]


def _time_of_day(at: datetime) -> float:
    """Between a fifth at four in the morning and all of it in the afternoon."""
    return 0.6 - 0.4 * math.cos((at.hour + at.minute / 60 - 4) / 24 * 2 * math.pi)
