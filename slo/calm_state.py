"""The memory of a target whose pages differ by values alone, as columns."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from slo.counter_memory import Memory, SeriesState
from slo.exposition import Layout, Series
from slo.increment import Carry, Counts
from slo.selection import Selection


@dataclass(frozen=True)
class Side:
    """Which series count for each SLI: their places one after the other, and where each begins."""

    places: NDArray[np.intp]
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]

    @classmethod
    def of(cls, places: Sequence[Sequence[int]]) -> "Side":
        ends = np.cumsum([len(some) for some in places], dtype=np.intp)
        starts = np.concatenate((np.zeros(1, np.intp), ends[:-1])) if places else ends
        return cls(np.array([at for some in places for at in some], np.intp), starts, ends)

    def sums(self, deltas: Counts) -> Counts:
        """What each SLI's series counted together."""
        added = np.zeros(len(self.places) + 1, np.int64)
        np.cumsum(deltas[self.places], out=added[1:])
        return added[self.ends] - added[self.starts]


# Of an SLI with `by`: its labels' values, with the places of their series in total and side.
Split = Sequence[tuple[str, NDArray[np.intp], NDArray[np.intp]]]


@dataclass(frozen=True)
class Plan:
    """All that stays the same while a target's pages have one layout and the SLIs are the same.

    Places are numbers of `series`, the selected ones in the order of the page. The `odd` SLIs, with
    the series that they read, are not counted by columns.
    """

    selection: Selection
    layout: Layout
    pick: Callable[[Sequence[Any]], tuple[Any, ...]]  # of the layout's values those of `series`
    series: tuple[Series, ...]
    vanished: Mapping[Series, SeriesState]
    slos: Mapping[str, int]  # their numbers
    memories: Mapping[str, Memory]  # as they were when the plan was made
    total: Side
    side: Side
    is_bad: NDArray[np.bool_]  # whether the side are bad events
    has_data: NDArray[np.bool_]
    splits: Mapping[int, Split]
    odd: Mapping[str, tuple[Series, ...]]

    @cached_property
    def places(self) -> Mapping[Series, int]:
        return {one: place for place, one in enumerate(self.series)}

    @cached_property
    def text(self) -> str:
        """The members of an object of JSON that never change."""
        told = {
            "selectors": sorted(self.selection.selectors),
            "series": [[one.metric, one.labels] for one in self.series],
            "slos": [
                [slo, memory.selectors, memory.since.isoformat(),
                 str(memory.total_rest), str(memory.side_rest)]
                for slo, memory in self.memories.items()
            ],
        }  # fmt: skip
        return json.dumps(told, separators=(",", ":"))[1:-1]


class Minute:
    """What each SLI counted in one minute since the epoch."""

    def __init__(self, minute: int, counts: Counts) -> None:
        self.minute, self.counts = minute, counts

    @cached_property
    def text(self) -> str:
        return f"[{self.minute},{as_json(self.counts)}]"


@dataclass(frozen=True)
class Pace:
    """The counts of the last hour by minute, their sum, and the most that it ever was."""

    minutes: tuple[Minute, ...]
    hour: Counts
    most: Counts

    def plus(self, minute: int, counts: Counts) -> "Pace":
        """With what was counted now, and without what is an hour old."""
        kept = tuple(one for one in self.minutes if one.minute > minute - 60)
        hour = self.hour + counts
        for one in self.minutes[: len(self.minutes) - len(kept)]:
            hour -= one.counts
        if kept and kept[-1].minute == minute:
            kept, counts = kept[:-1], kept[-1].counts + counts
        return Pace((*kept, Minute(minute, counts)), hour, np.maximum(self.most, hour))


class CalmSeries(Mapping[Series, SeriesState]):
    """The series of a plan with their last values."""

    def __init__(
        self, plan: Plan, numbers: Counts, created: tuple[float | None, ...] | None
    ) -> None:
        self.plan, self.numbers, self.created = plan, numbers, created

    def __getitem__(self, series: Series) -> SeriesState:
        place = self.plan.places.get(series)
        if place is None:
            return self.plan.vanished[series]
        created = self.created[place] if self.created is not None else None
        return SeriesState(int(self.numbers[place]), created)

    def __contains__(self, series: object) -> bool:
        return series in self.plan.places or series in self.plan.vanished

    def __iter__(self) -> Iterator[Series]:
        yield from self.plan.series
        yield from self.plan.vanished

    def __len__(self) -> int:
        return len(self.plan.series) + len(self.plan.vanished)


@dataclass(frozen=True, eq=False)
class CalmMemories(Mapping[str, Memory]):
    """The memories of a plan's SLIs. `carry` is by number, `odd` by id."""

    plan: Plan
    pace: Pace
    carry: Mapping[int, Carry] = field(default_factory=dict)
    odd: Mapping[str, Memory] = field(default_factory=dict)

    def __getitem__(self, slo: str) -> Memory:
        if slo in self.odd:
            return self.odd[slo]
        number = self.plan.slos[slo]
        return replace(
            self.plan.memories[slo],
            hour_max=int(self.pace.most[number]),
            minutes=tuple(
                (one.minute, int(one.counts[number]))
                for one in self.pace.minutes
                if one.counts[number]
            ),
            carry=self.carry.get(number, ()),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.plan.slos)

    def __len__(self) -> int:
        return len(self.plan.slos)


def as_json(counts: Counts) -> str:
    """Whole numbers as JSON."""
    return orjson.dumps(counts, option=orjson.OPT_SERIALIZE_NUMPY).decode()
