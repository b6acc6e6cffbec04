"""What came of what was wanted of one page."""

import math
from collections.abc import Collection

from collectors.exposition_advice import family_of
from collectors.exposition_line import PROCESS_START
from slo.exposition import Page, Sample, Series


class Wanted:
    """The names of the samples that are wanted, and of those that say when something began."""

    def __init__(self, names: Collection[str], *, openmetrics: bool) -> None:
        self.names = frozenset(names)
        bases = (family_of(name) for name in self.names) if openmetrics else ()
        self.created = frozenset(
            f"{base}_created" for base, suffix in bases if suffix not in ("", "_created")
        )
        self.all = self.names | self.created | {PROCESS_START}


class Harvest:
    """Takes samples in the order of the page."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._values: dict[Series, int | float] = {}
        self._times: dict[Series, float] = {}
        self._created: dict[Series, float] = {}
        self._starts: dict[Series, float] = {}

    def take(self, series: Series, value: int | float, time: float | None) -> bool:
        """Keep what is wanted of a sample; False where a wanted one was there before."""
        metric, fresh = series.metric, True
        if metric in self._wanted.names:
            fresh = self._keep(series, value, time)
        if metric in self._wanted.created and math.isfinite(value):
            self._created.setdefault(series, float(value))
        if metric == PROCESS_START and math.isfinite(value):
            self._starts.setdefault(series, float(value))
        return fresh

    def page(self, *, lines: int = 0, size_bytes: int = 0, advice: tuple[str, ...] = ()) -> Page:
        """All that was kept."""
        return Page(
            samples={
                series: Sample(
                    value, self._created.get(created_of(series)) if self._created else None
                )
                for series, value in self._values.items()
            },
            process_start=one_start(list(self._starts.values())),
            lines=lines,
            size_bytes=size_bytes,
            advice=advice,
        )

    def _keep(self, series: Series, value: int | float, time: float | None) -> bool:
        fresh = series not in self._values
        if not fresh:
            # As Prometheus: of two the first counts, unless the second has a later time.
            earlier = self._times.get(series)
            if time is None or earlier is None or time <= earlier:
                return False
        self._values[series] = value
        if time is not None:
            self._times[series] = time
        return True


def one_start(starts: list[float]) -> float | None:
    """The process's start; several are several processes behind one page: none speaks for it."""
    return starts[0] if len(starts) == 1 else None


def created_of(series: Series) -> Series:
    """The series that says when this one was created."""
    base, suffix = family_of(series.metric)
    drop = "le" if suffix == "_bucket" else None
    return Series(f"{base}_created", tuple(pair for pair in series.labels if pair[0] != drop))
