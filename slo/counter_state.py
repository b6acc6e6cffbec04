"""What is remembered of one target's counters from page to page, and its stored form."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from slo.exposition import Series
from slo.selection import Matches, Selection

Number = int | float


@dataclass(frozen=True, slots=True)
class SeriesState:
    """The last value of one series, and of the process that answered before this one did."""

    value: Number
    created: float | None = None
    vanished: bool = False
    other_value: Number | None = None
    other_created: float | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What one SLI remembers: the pace it is known for, and events that wait.

    `carry` are events of its bad (or good) side above the total, with the page that had them.
    `total_rest` and `side_rest` are the fractions of events not yet counted.
    """

    selectors: str
    since: datetime
    hour_max: int = 0
    minutes: tuple[tuple[int, int], ...] = ()  # (minute since the epoch, counted), at most an hour
    carry: tuple[tuple[datetime, int], ...] = ()
    total_rest: Fraction = Fraction(0)
    side_rest: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class TargetState:
    """What is known of one target's counters after its last good page; empty before the first.

    `flips` counts how often, lately, another process seemed to answer; `calm` the pages since.
    `selection` and `matches` are what was found out about the last page's series, if it was since
    the state was read; they can be found out again.
    """

    at: datetime | None = None
    process_start: float | None = None
    starts: tuple[float, ...] = ()  # of the processes that answered lately, this one included
    selectors: frozenset[str] = frozenset()
    series: Mapping[Series, SeriesState] = field(default_factory=dict)
    memories: Mapping[str, Memory] = field(default_factory=dict)
    flips: int = 0
    calm: int = 0
    forgot: bool = False  # so many series vanished that not all of them are remembered
    selection: Selection | None = field(default=None, compare=False, repr=False)
    matches: Matches = field(default_factory=dict, compare=False, repr=False)

    def to_json(self) -> str:
        """As text that `from_json` reads back to an equal state."""
        return json.dumps(
            {
                "at": _from_time(self.at),
                "process_start": self.process_start,
                "starts": self.starts,
                "selectors": sorted(self.selectors),
                "series": [
                    [key.metric, key.labels, value.value, value.created, value.vanished,
                     value.other_value, value.other_created]
                    for key, value in self.series.items()
                ],
                "memories": {
                    slo: [memory.selectors, _from_time(memory.since), memory.hour_max,
                          memory.minutes, [[_from_time(at), n] for at, n in memory.carry],
                          str(memory.total_rest), str(memory.side_rest)]
                    for slo, memory in self.memories.items()
                },
                "flips": self.flips,
                "calm": self.calm,
                "forgot": self.forgot,
            },
            separators=(",", ":"),
            allow_nan=False,
        )  # fmt: skip

    @classmethod
    def from_json(cls, text: str) -> "TargetState":
        """The state that `to_json` wrote. Other text raises ValueError, KeyError or TypeError."""
        return cls.of(json.loads(text))

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "TargetState":
        """As `from_json`, of text that was read already."""
        return cls(
            at=_to_time(stored["at"]),
            process_start=stored["process_start"],
            starts=tuple(stored["starts"]),
            selectors=frozenset(stored["selectors"]),
            series={
                Series(metric, tuple((name, value) for name, value in labels)): SeriesState(*rest)
                for metric, labels, *rest in stored["series"]
            },
            memories={
                slo: Memory(
                    selectors, _time(since), hour_max, tuple((m, n) for m, n in minutes),
                    tuple((_time(at), n) for at, n in carry), Fraction(total), Fraction(side),
                )
                for slo, (selectors, since, hour_max, minutes, carry, total, side)
                in stored["memories"].items()
            },
            flips=stored["flips"],
            calm=stored["calm"],
            forgot=stored["forgot"],
        )  # fmt: skip


def _from_time(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _to_time(text: str | None) -> datetime | None:
    return _time(text) if text is not None else None
