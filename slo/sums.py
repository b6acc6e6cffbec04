"""The sums of many places' windows at one moment, as a grid keeps them."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from slo.grain import Where
from slo.grid import Grid, unit_seconds

Span = tuple[int, int]  # a window: the width of its grain, its index there
_MILLION = 1_000_000


class Sums:
    """The sums of some places' windows at one moment."""

    def __init__(self, grid: Grid, micros: int, places: Where) -> None:
        self.grid = grid
        self.places = places
        self._micros = micros
        self._views: dict[int, NDArray[np.uint64]] = {}

    def of(self, column: int, window: Span) -> NDArray[np.uint64]:
        width, index = window
        view = self._views.get(width)
        if view is None:
            slot, rest = divmod(self._micros, width * _MILLION)
            view = self.grid.grains[width].windows(slot, on_edge=rest == 0)
            self._views[width] = view
        sums: NDArray[np.uint64] = view[column, index, self.places]
        return sums

    def own(self, column: int, smeared: int, window: Span) -> NDArray[np.uint64]:
        """Without what was not seen in its own time."""
        sums = self.of(column, window)
        if self.grid.grains[window[0]].has(smeared):
            sums = sums - self.of(smeared, window)
        return sums


def slots_of(length: timedelta, grid: Grid) -> tuple[int, int]:
    seconds = int(length.total_seconds())
    unit = unit_seconds(seconds, grid.bucket_seconds)
    return unit, seconds // unit


def window_of(length: timedelta, grid: Grid) -> Span:
    unit, slots = slots_of(length, grid)
    index = grid.grains[unit].keep(slots, always=True)
    assert index is not None  # noqa: S101 - always
    return unit, index
