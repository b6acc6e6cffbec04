"""When a collector is due: instants on a grid that its id alone determines."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from slo.epoch import EPOCH

_MICROSECOND = timedelta(microseconds=1)
# Each time that the clock relives an hour its instants move by this share of the interval; of all
# shares the golden ratio keeps the generations furthest apart.
_GENERATION_SHARE = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Grid:
    """`epoch + offset + k * interval`, in whole microseconds; the offset spreads ids evenly."""

    interval_us: int
    offset_us: int

    @classmethod
    def of(cls, collector_id: str, interval: timedelta) -> "Grid":
        """The grid of this id: the same in every process, and after every restart."""
        interval_us = interval // _MICROSECOND
        digest = hashlib.blake2b(collector_id.encode(), digest_size=8).digest()
        return cls(interval_us, int.from_bytes(digest) % interval_us)

    def after(self, instant_us: int) -> int:
        """The first instant later than this one."""
        passed = (instant_us - self.offset_us) // self.interval_us
        return self.offset_us + (passed + 1) * self.interval_us

    def shifted(self, generation: int) -> "Grid":
        """A grid with the same rhythm that shares no instant with this one."""
        share = generation * _GENERATION_SHARE % 1.0
        shift = int(share * self.interval_us)
        return Grid(self.interval_us, (self.offset_us + shift) % self.interval_us)


def to_us(instant: datetime) -> int:
    """Microseconds since the epoch."""
    return (instant - EPOCH) // _MICROSECOND


def from_us(instant_us: int) -> datetime:
    """The aware instant, in UTC."""
    return EPOCH + instant_us * _MICROSECOND
