"""What a scraped page said of the families that SLIs need: plain values, no I/O."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from slo.native import NativeHistogram

Labels = tuple[tuple[str, str], ...]  # sorted by name
# As the start of a process: the series are of many, each with restarts of its own, as in a store.
MANY_PROCESSES = 0.0
# The same of what Nines counted itself: it never restarts, and what is new on it began at 0.
OWN_COUNT = -1000.0


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a page: its metric name and its labels, sorted by name."""

    metric: str
    labels: Labels

    def __str__(self) -> str:
        inside = ", ".join(f'{name}="{value}"' for name, value in self.labels)
        return f"{self.metric}{{{inside}}}" if inside else self.metric


@dataclass(frozen=True, slots=True)
class Sample:
    """A value as read, and when the counter was created (epoch seconds) where the page says so.

    `value` is an int where the text was a whole number (beyond 2^53 too), else a float.
    """

    value: int | float
    created: float | None = None


class Layout:
    """The series of a page in their order; the same object as long as they stay the same."""

    __slots__ = ("at", "series")

    def __init__(self, series: Iterable[Series]) -> None:
        self.series = tuple(series)
        self.at = {one: number for number, one in enumerate(self.series)}


class Samples(Mapping[Series, Sample]):
    """A page's samples as columns over a layout; each is made when it is asked for."""

    __slots__ = ("created", "layout", "numbers")

    def __init__(
        self,
        layout: Layout,
        numbers: Sequence[int | float],
        created: Sequence[float | None] | None = None,
    ) -> None:
        """`numbers` are the values; `created` is None where no series tells."""
        self.layout, self.numbers, self.created = layout, numbers, created

    def __getitem__(self, series: Series) -> Sample:
        at = self.layout.at[series]
        return Sample(self.numbers[at], self.created[at] if self.created is not None else None)

    def __contains__(self, series: object) -> bool:
        return series in self.layout.at

    def __iter__(self) -> Iterator[Series]:
        return iter(self.layout.series)

    def __len__(self) -> int:
        return len(self.layout.series)

    def __repr__(self) -> str:
        return repr(dict(self))


@dataclass(frozen=True, slots=True)
class Page:
    """One complete page: the wanted series, and the process's own start where it was told.

    A native histogram stands among `natives` by its bare name; its count, sum and `+Inf` bucket are
    samples, as they are of a classic one.
    """

    samples: Mapping[Series, Sample]
    process_start: float | None = None  # process_start_time_seconds
    lines: int = 0  # of text, or series of protobuf
    size_bytes: int = 0
    advice: tuple[str, ...] = field(default_factory=tuple)  # what a strict reader would object to
    natives: Mapping[Series, NativeHistogram] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)  # why, by a metric that is not told
    position: str | None = None  # where its source goes on, for one that reads on
