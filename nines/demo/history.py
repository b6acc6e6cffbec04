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
from slo.definition import SLO, ProbeSLI, QuorumSLI
from slo.epoch import floor
from slo.ledger import BucketDelta

_COARSE = timedelta(minutes=5)
_JUDGED_EVERY = timedelta(minutes=1)
_AFTERMATH = timedelta(minutes=75)  # until the one-hour window is clean again
_TICKET_AFTERMATH = timedelta(hours=8)
_FINE_END = timedelta(hours=6)  # what the charts of some hours show
_VANTAGES_END = timedelta(hours=25)  # a quorum is made of runs: as far back as its window reaches


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
    "petuniverse/requests": Traffic(37.0, 0.0001, "route=/api/pets"),
    "petuniverse/bookings": Traffic(6.0, 0.0001, "code=500"),
    "mewayz/fast": Traffic(15.0, 0.001),
    "saverly/search": Traffic(4.0),
    "shikanji-order/errors": Traffic(5.0, 0.0001, "code=500"),
    "shikanji-payment/errors": Traffic(2.0, 0.0001, "code=500"),
    "shikanji-product/errors": Traffic(8.0, 0.0001, "code=500"),
}
TROUBLES = (
    Trouble("petuniverse/availability", 26.3, 9 * _MINUTE, 1.0, "status 503", "Mina"),
    Trouble("petuniverse/requests", 24.1, 50 * _MINUTE, 0.08, "route=/api/pets", "Jonas"),
    Trouble("mewayz/availability", 21.7, 6 * _MINUTE, 1.0, "assertion", "Aiko"),
    Trouble("petuniverse/page-load", 19.4, 9 * _MINUTE, 1.0, "latency", "Mina"),
    Trouble("shikanji-payment/availability", 16.2, 17 * _MINUTE, 1.0, "connect", "Jonas"),
    Trouble("petuniverse/availability", 13.8, 11 * _MINUTE, 1.0, "timeout", "Rui"),
    Trouble("shikanji-order/errors", 11.5, 10 * _MINUTE, 0.6, "code=500", "Jonas"),
    Trouble("mewayz/reachability", 9.1, 2 * _MINUTE, 1.0, "connect"),
    Trouble("petuniverse/bookings", 6.9, 26 * _HOUR, 0.004, "code=500", "Mina"),
    Trouble("mewayz/availability", 4.4, 4 * _MINUTE, 1.0, "assertion", "Aiko"),
    Trouble("regions/availability", 3.6, 2 * _MINUTE, 1.0, "status 503", "Rui"),
    Trouble("petuniverse/bookings", 2.6, 8 * _MINUTE, 0.6, "code=500", "Rui"),
    Trouble("saverly/redemption", 1.9, 3 * _MINUTE, 1.0, "connect", "Rui"),
    Trouble("petuniverse/page-load", 1.3, 20 * _MINUTE, 0.5, "latency"),
)


class _Source:
    """What is booked, and what went wrong with it."""

    def __init__(self, slo: SLO, troubles: list[Trouble], *, is_vantage: bool = False) -> None:
        self.slo, self.id, self.troubles, self.is_vantage = slo, slo.id, troubles, is_vantage

    def is_fine(self, at: datetime, now: datetime) -> bool:
        """Whether it is booked bucket by bucket in the five minutes from `at`."""
        end = _VANTAGES_END if self.is_vantage else _FINE_END
        return at >= floor(now - end, _COARSE) or any(_stirs(one, at, now) for one in self.troubles)


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
        sources = self._sources()
        fine: list[_Source] = []
        for at, stride in self._strides(now, days):
            if at == floor(at, _COARSE):
                fine = [one for one in sources if one.is_fine(at, now)]
                for one in sources:
                    if stride < _COARSE and one not in fine and not one.is_vantage:
                        self._book(one, at, _COARSE, now)
            for one in fine if stride < _COARSE else sources:
                if not one.is_vantage or stride < _COARSE:
                    self._book(one, at, stride, now)
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

    def _sources(self) -> list["_Source"]:
        """What is booked: all but what the engine derives, and the vantages of quorums."""
        entries = self._engine.entries.values()
        promised = [entry.slo for entry in entries if entry.slo.collector_id is not None]
        vantages = [
            part.slo
            for entry in entries
            if isinstance(entry.slo.sli, QuorumSLI)
            for part in entry.indicator.parts
        ]
        return [
            *(_Source(one, [t for t in self._troubles if t.slo_id == one.id]) for one in promised),
            *(_Source(one, [], is_vantage=True) for one in vantages),
        ]

    def _fine(self, at: datetime, now: datetime) -> bool:
        """Whether anything is booked bucket by bucket here."""
        if at >= floor(now - _VANTAGES_END, _COARSE):
            return True
        return any(_stirs(trouble, at, now) for trouble in self._troubles)

    def _in_question(self, at: datetime, now: datetime) -> list[str]:
        """The SLOs that may change their minds: in trouble, or not long after it."""
        return [
            trouble.slo_id
            for trouble in self._troubles
            for began in (now - timedelta(days=trouble.days_ago),)
            if began <= at < began + trouble.lasted + _TICKET_AFTERMATH
            and trouble.slo_id in self._engine.entries
        ]

    def _book(self, source: "_Source", at: datetime, stride: timedelta, now: datetime) -> None:
        slo = source.slo
        observations = max(1, stride // slo.interval)
        trouble = next((one for one in source.troubles if one.covers(at, now)), None)
        if not isinstance(slo.sli, ProbeSLI):
            traffic = TRAFFIC[source.id]
            expected = traffic.per_second * stride.total_seconds() * _time_of_day(at)
            total = self._about(expected)
            ratio = trouble.bad_ratio if trouble else traffic.bad_ratio
            bad = min(total, self._about(total * ratio))
            cause = trouble.cause if trouble else traffic.cause
        else:
            total = observations
            bad = self._about(total * trouble.bad_ratio) if trouble else 0
            cause = trouble.cause if trouble else ""
        bucket_seconds = self._engine.bucket_seconds
        bucket = int(at.timestamp()) // bucket_seconds * bucket_seconds
        delta = BucketDelta(bucket, min(total, total - bad), bad, seen=observations)
        newest = at + stride - min(stride, slo.interval)
        self._engine.book_history(source.id, newest, delta, {cause: bad} if bad and cause else {})

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


def _stirs(trouble: Trouble, at: datetime, now: datetime) -> bool:
    """Whether `at` is within a trouble, shortly before it or in what follows it."""
    at = floor(at, _COARSE)  # whole five-minute stretches, so that strides stay on the grid
    began = now - timedelta(days=trouble.days_ago)
    return began - 2 * _COARSE <= at < began + min(trouble.lasted, 2 * _HOUR) + _AFTERMATH


def _time_of_day(at: datetime) -> float:
    """Between a fifth at four in the morning and all of it in the afternoon."""
    return 0.6 - 0.4 * math.cos((at.hour + at.minute / 60 - 4) / 24 * 2 * math.pi)
