"""What one collector's observations count for, put together once for many of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nines.indicator import Indicator
from slo.definition import CounterSLI, EventsSLI, GaugeSLI, HistogramSLI, ProbeSLI
from slo.grain import Places, Where, dense
from slo.grid import Grid
from slo.increment import Counted


@dataclass(frozen=True, slots=True)
class Block:
    """SLIs of one grid for which a page is a row of amounts each, with nothing to do beside.

    `at` are their places in what was counted, `places` those in the grid.
    """

    indicators: Sequence[Indicator]
    grid: Grid
    at: NDArray[np.intp]
    places: Where
    numbers: Sequence[int]

    def some(self, which: NDArray[np.bool_]) -> tuple["Block", Sequence[Indicator]]:
        """Those of them, and the others."""
        if which.all():
            return self, ()
        chosen = which.tolist()
        pairs = list(zip(self.indicators, self.numbers, chosen, strict=True))
        block = Block(
            [one for one, _, is_chosen in pairs if is_chosen],
            self.grid,
            self.at[which],
            _positions(self.places)[which],
            [number for _, number, is_chosen in pairs if is_chosen],
        )
        return block, [one for one, _, is_chosen in pairs if not is_chosen]


class Feed:
    """The SLIs that one collector feeds, by their kind; `slis` are all that is to be counted."""

    def __init__(self, indicators: Sequence[Indicator], of_rules: dict[str, CounterSLI]) -> None:
        self.probes = [one for one in indicators if isinstance(one.slo.sli, ProbeSLI)]
        self.gauges = [one for one in indicators if isinstance(one.slo.sli, GaugeSLI)]
        self.counters = {
            one.id: one for one in indicators if isinstance(one.slo.sli, EventsSLI | HistogramSLI)
        }
        self.slis: dict[str, CounterSLI] = {
            slo: one.slo.sli
            for slo, one in self.counters.items()
            if isinstance(one.slo.sli, EventsSLI | HistogramSLI)
        } | of_rules
        self._entangled = [one for one in self.counters.values() if not _is_alone(one)]
        self._counted_at: Mapping[str, int] | None = None
        self._blocks: Sequence[Block] = ()

    def shared_out(self, counted: Counted) -> tuple[Sequence[Block], Sequence[Indicator]]:
        """Those of whom good and bad events are all that there is to book, and the others."""
        if self._counted_at is not counted.at:
            self._counted_at, self._blocks = counted.at, tuple(self._made(counted.at))
        plain = counted.data
        if counted.said:
            plain = plain.copy()
            plain[[counted.at[slo] for slo in counted.said]] = False
        blocks, others = [], [*self._entangled]
        for whole in self._blocks:
            block, left = whole.some(plain[whole.at])
            if block.numbers:  # no rows are no statement: storage would refuse the whole second
                blocks.append(block)
            others += left
        return blocks, others

    def _made(self, at: Mapping[str, int]) -> Iterator[Block]:
        by_grid: dict[int, list[tuple[int, Indicator]]] = {}
        for slo, one in self.counters.items():
            if _is_alone(one):
                by_grid.setdefault(id(one.ledger.grid), []).append((at[slo], one))
        for pairs in by_grid.values():
            indicators = [one for _, one in pairs]
            yield Block(
                indicators,
                indicators[0].ledger.grid,
                np.array([place for place, _ in pairs], np.intp),
                dense(np.array([one.ledger.place for one in indicators], np.intp)),
                [one.number for one in indicators],
            )


def _positions(places: Where) -> Places:
    return np.arange(places.start, places.stop) if isinstance(places, slice) else places


def _is_alone(indicator: Indicator) -> bool:
    """Whether counts are all that a booking changes: no slice, no exclusion, no journey."""
    ledger = indicator.ledger
    return ledger.slicing is None and indicator.detail is None and not ledger.overlay
