"""What is remembered of one target's counters from page to page, and its stored form."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from slo.calm_state import CalmMemories, CalmSeries, as_json
from slo.counter_memory import Memory, SeriesState
from slo.exposition import Layout, Series
from slo.increment import Carry
from slo.selection import Matches, Selection


@dataclass(frozen=True, slots=True)
class TargetState:
    """What is known of one target's counters after its last good page; empty before the first.

    `flips` counts how often, lately, another process seemed to answer; `calm` the pages since.
    `selection`, `matches` and `layout` are what was found out about the last page's series, if it
    was since the state was read; they can be found out again.
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
    position: str | None = None  # where a source that reads on goes on
    selection: Selection | None = field(default=None, compare=False, repr=False)
    matches: Matches = field(default_factory=dict, compare=False, repr=False)
    layout: Layout | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> str:
        """As text that `from_json` reads back to an equal state."""
        if isinstance(self.series, CalmSeries) and isinstance(self.memories, CalmMemories):
            return self._columns_as_json(self.series, self.memories)
        return _text(
            {
                **self._process(),
                "selectors": sorted(self.selectors),
                "series": [_from_series(key, value) for key, value in self.series.items()],
                "memories": {slo: _from_memory(one) for slo, one in self.memories.items()},
            }
        )

    def _columns_as_json(self, series: CalmSeries, memories: CalmMemories) -> str:
        """What never changes is written once, a minute when it is over: this is stored often."""
        told = _text(
            {
                **self._process(),
                "created": series.created,
                "vanished": [_from_series(*pair) for pair in series.plan.vanished.items()],
                "carry": {
                    str(number): _from_carry(carry) for number, carry in memories.carry.items()
                },
                "memories": {slo: _from_memory(one) for slo, one in memories.odd.items()},
            }
        )
        minutes = ",".join(one.text for one in memories.pace.minutes)
        return (
            f'{{"values":{as_json(series.numbers)},"hour_max":{as_json(memories.pace.most)},'
            f'"minutes":[{minutes}],{series.plan.text},{told[1:]}'
        )

    def _process(self) -> dict[str, Any]:
        return {
            "at": _from_time(self.at),
            "process_start": self.process_start,
            "starts": self.starts,
            "flips": self.flips,
            "calm": self.calm,
            "forgot": self.forgot,
        } | ({} if self.position is None else {"position": self.position})

    @classmethod
    def from_json(cls, text: str) -> "TargetState":
        """The state that `to_json` wrote. Other text raises ValueError, KeyError or TypeError."""
        return cls.of(json.loads(text))

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "TargetState":
        """As `from_json`, of text that was read already."""
        if "values" in stored:
            series, memories = _from_columns(stored)
        else:
            series = dict(_to_series(*row) for row in stored["series"])
            memories = {slo: _to_memory(*row) for slo, row in stored["memories"].items()}
        return cls(
            at=_to_time(stored["at"]),
            process_start=stored["process_start"],
            starts=tuple(stored["starts"]),
            selectors=frozenset(stored["selectors"]),
            series=series,
            memories=memories,
            flips=stored["flips"],
            calm=stored["calm"],
            forgot=stored["forgot"],
            position=stored.get("position"),
        )


def _from_columns(
    stored: Mapping[str, Any],
) -> tuple[dict[Series, SeriesState], dict[str, Memory]]:
    created = stored["created"] or [None] * len(stored["series"])
    rows = zip(stored["series"], stored["values"], created, strict=True)
    series = dict(_to_series(*key, value, began) for key, value, began in rows)
    series.update(_to_series(*row) for row in stored["vanished"])
    memories = {}
    for number, (slo, selectors, since, *rests) in enumerate(stored["slos"]):
        minutes = [(minute, counts[number]) for minute, counts in stored["minutes"]]
        memories[slo] = _to_memory(
            selectors,
            since,
            stored["hour_max"][number],
            [(minute, count) for minute, count in minutes if count],
            stored["carry"].get(str(number), ()),
            *rests,
        )
    memories.update((slo, _to_memory(*row)) for slo, row in stored["memories"].items())
    return series, memories


def _from_series(series: Series, state: SeriesState) -> list[Any]:
    return [series.metric, series.labels, state.value, state.created, state.vanished,
            state.other_value, state.other_created]  # fmt: skip


def _to_series(metric: str, labels: list[list[str]], *state: Any) -> tuple[Series, SeriesState]:  # noqa: ANN401
    return Series(metric, tuple((name, value) for name, value in labels)), SeriesState(*state)


def _from_memory(memory: Memory) -> list[Any]:
    return [memory.selectors, memory.since.isoformat(), memory.hour_max, memory.minutes,
            _from_carry(memory.carry), str(memory.total_rest), str(memory.side_rest),
            _from_time(memory.silent_since)]  # fmt: skip


def _to_memory(
    selectors: str,
    since: str,
    hour_max: int,
    minutes: Iterable[tuple[int, int]],
    carry: Iterable[tuple[str, int]],
    total_rest: str,
    side_rest: str,
    silent_since: str | None = None,
) -> Memory:
    return Memory(
        selectors,
        _time(since),
        hour_max,
        tuple((minute, count) for minute, count in minutes),
        tuple((_time(at), count) for at, count in carry),
        Fraction(total_rest),
        Fraction(side_rest),
        None if silent_since is None else _time(silent_since),
    )


def _from_carry(carry: Carry) -> list[list[Any]]:
    return [[at.isoformat(), count] for at, count in carry]


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _from_time(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _to_time(text: str | None) -> datetime | None:
    return _time(text) if text is not None else None
