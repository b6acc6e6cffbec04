"""The counts of many SLIs that reach equally far back, at every grain that windows are counted in.

A row is a slot of time, a column is an SLI; a single ledger is a grid of one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slo.grain import BAD, GOOD, SEEN, UNKNOWN, WRAP, Grain, Where

MINUTE = 60
FIVE_MINUTES = 300
SIX_HOURS = 6 * 3600
THREE_DAYS = 3 * 86_400
# Slots are kept for so long beyond the reach. A clock that runs ahead no further than this, and is
# then set right, has overwritten nothing that a window still wants.
AHEAD_SECONDS = 3600
NEVER = int(np.iinfo(np.int64).min)  # of a time in microseconds


class Grid:
    """The counts of many SLIs that reach equally far back, and what is known of each as a whole."""

    def __init__(self, bucket_seconds: int, reach_seconds: int) -> None:
        self.bucket_seconds = bucket_seconds
        self.reach_seconds = reach_seconds
        self.grains = {
            bucket_seconds: _grain(bucket_seconds, min(reach_seconds, SIX_HOURS)),
            MINUTE: _grain(MINUTE, min(reach_seconds, THREE_DAYS)),
            FIVE_MINUTES: _grain(FIVE_MINUTES, reach_seconds),
        }
        self.heard = np.empty(0, np.int64)  # microseconds: when the last observation came
        self.since = np.empty(0, np.int64)  # microseconds: the first booking, which may come late
        self.lifetime = np.zeros((3, 0), np.uint64)  # good, bad, unknown
        self.revision = np.zeros(0, np.int64)  # rises with every booking
        self.taken = np.zeros(0, np.int64)  # rises whenever something is not added, but taken back
        self._size = 0
        self._free: list[int] = []

    def reserve(self, places: int) -> None:
        """Have room for so many places from the start."""
        if places <= len(self.heard):
            return
        for grain in self.grains.values():
            grain.make_room(places)
        room = min(grain.capacity for grain in self.grains.values())
        more = room - len(self.heard)
        never = np.full(more, NEVER, np.int64)
        self.heard = np.concatenate([self.heard, never])
        self.since = np.concatenate([self.since, never])
        self.revision = np.concatenate([self.revision, np.zeros(more, np.int64)])
        self.taken = np.concatenate([self.taken, np.zeros(more, np.int64)])
        self.lifetime = np.concatenate([self.lifetime, np.zeros((3, more), np.uint64)], axis=1)

    def add(self) -> int:
        """A place that is empty."""
        if self._free:
            return self._free.pop()
        self.reserve(self._size + 1)
        self._size += 1
        return self._size - 1

    def free(self, place: int) -> None:
        """Give a place back."""
        for grain in self.grains.values():
            grain.clear(place)
        self.heard[place] = self.since[place] = NEVER
        self.lifetime[:, place] = 0
        self.touched(place)
        self._free.append(place)

    def __len__(self) -> int:
        return self._size - len(self._free)

    def copy(self, other: "Grid", theirs: Sequence[int]) -> list[int]:
        """Take over places of a grid of the same shape; gives where they are now."""
        if (self.bucket_seconds, self.reach_seconds) != (other.bucket_seconds, other.reach_seconds):
            raise ValueError("grids of different buckets or reach hold different slots")
        self.reserve(len(self) + len(theirs))
        mine = [self.add() for _ in theirs]
        here, there = np.array(mine, np.intp), np.array(theirs, np.intp)
        for width, grain in self.grains.items():
            grain.copy(other.grains[width], there, here)
        for name in ("heard", "since"):
            getattr(self, name)[here] = getattr(other, name)[there]
        self.lifetime[:, here] = other.lifetime[:, there]
        self.revision[here] = np.maximum(self.revision[here], other.revision[there]) + 1
        self.taken[here] += 1
        return mine

    def book(self, place: int, bucket: int, amounts: Sequence[int]) -> None:
        """Add to one bucket."""
        for width, grain in self.grains.items():
            grain.add(place, bucket // width, amounts)
        self.revision[place] += 1
        if min(amounts) < 0:
            self.taken[place] += 1

    def note(self, place: int, amounts: Sequence[int], micros: int) -> None:
        """What is true of all that is booked, in whatever bucket: due at `micros`."""
        for index in (GOOD, BAD, UNKNOWN):
            if amounts[index] > 0:  # what is taken back stays in a total that only rises
                self.lifetime[index, place : place + 1] += np.uint64(amounts[index] & WRAP)
        if amounts[SEEN] and micros > self.heard[place]:
            self.heard[place] = micros
        if self.since[place] == NEVER or micros < self.since[place]:
            self.since[place] = micros
        self.revision[place] += 1

    def book_many(
        self, places: Where, bucket: int, amounts: NDArray[np.int64], micros: int
    ) -> None:
        """Book and note many places, each named once: a row of amounts for each.

        Places that follow one another are best given as a slice.
        """
        for width, grain in self.grains.items():
            grain.add_many(places, bucket // width, amounts)
        self.lifetime[:, places] += amounts[:, :3].T.astype(np.uint64)
        heard = self.heard[places]
        self.heard[places] = np.where(amounts[:, SEEN] > 0, np.maximum(heard, micros), heard)
        since = self.since[places]
        self.since[places] = np.where(since == NEVER, micros, np.minimum(since, micros))
        self.revision[places] += 1
        self.taken[places] += (amounts < 0).any(axis=1)

    def touched(self, place: int) -> None:
        """Its numbers changed in another way."""
        self.revision[place] += 1
        self.taken[place] += 1


def unit_seconds(window_seconds: int, bucket_seconds: int) -> int:
    """The grain a window is counted in: base buckets to 6h, minutes to 3d, five minutes beyond."""
    if window_seconds <= SIX_HOURS:
        return bucket_seconds
    return MINUTE if window_seconds <= THREE_DAYS else FIVE_MINUTES


def _grain(width: int, reach_seconds: int) -> Grain:
    return Grain(width, (reach_seconds + AHEAD_SECONDS) // width + 2)
