"""A native histogram, and what its own buckets say about a threshold: never interpolated.

Buckets, schemas and the zero bucket: Prometheus, "Native Histograms", data model.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache

COARSEST, FINEST = -4, 8  # the exponential schemas that there are
_ROOTS = 1 << FINEST  # edges from one power of two to the next, in the finest schema
_ROUNDINGS = 16  # how many floats away another's computation of an edge may be


@dataclass(frozen=True, slots=True)
class NativeHistogram:
    """One series of a page: events by exponential buckets, each with its own count.

    The positive bucket `i` holds what is above edge `i - 1` and at most edge `i`, the negative one
    the same of the values' magnitude; both come by rising index. The zero bucket holds what is at
    most `zero_threshold` away from 0. Events that are no number are in no bucket.
    """

    schema: int
    count: int | float
    zero_threshold: float = 0.0
    zero_count: int | float = 0
    positive: tuple[tuple[int, int | float], ...] = ()
    negative: tuple[tuple[int, int | float], ...] = ()

    @property
    def is_readable(self) -> bool:
        """Whether its edges are known; those of custom buckets stand on no page."""
        return COARSEST <= self.schema <= FINEST


@lru_cache(maxsize=4096)
def edge(schema: int, index: int) -> float:
    """The upper edge of a positive bucket: the float next to 2^(index / 2^schema)."""
    if schema < 0:
        power, root = index << -schema, 0
    else:
        power, rest = divmod(index, 1 << schema)
        root = rest << (FINEST - schema)
    try:
        return math.ldexp(_root(root), power)
    except OverflowError:
        return math.inf


@lru_cache(maxsize=_ROOTS)
def _root(number: int) -> float:
    with localcontext(prec=50):
        return float(Decimal(2) ** (Decimal(number) / _ROOTS))


def index_of(schema: int, value: float) -> int:
    """The positive bucket that a value above 0 falls into."""
    octaves = math.log2(value)
    index = math.ceil(octaves * 2.0**schema)
    # The logarithm is only near: the edges decide.
    while edge(schema, index) < value:
        index += 1
    while edge(schema, index - 1) >= value:
        index -= 1
    return index


@lru_cache(maxsize=1024)
def nearest_edge(value: float) -> float:
    """The edge that stands for this value; the value itself, where none does.

    Clients differ in the last bits of edges that are no power of two.
    """
    if not value:
        return value
    at = index_of(FINEST, abs(value))
    for index in (at, at - 1):
        near = edge(FINEST, index)
        if abs(near - abs(value)) <= _ROUNDINGS * math.ulp(near):
            return math.copysign(near, value)
    return value


def cumulative(histogram: NativeHistogram, threshold: float) -> Mapping[float, int | float]:
    """How many events are at or below each edge around a threshold, by rising edge.

    The edges are the two that enclose the threshold (one, where it is an edge itself), in the
    histogram's schema and in every coarser one, so that a page whose resolution was reduced has
    edges in common with the page before it.
    """
    counts, zero = _Counts(histogram), histogram.zero_threshold
    found: dict[float, int | float] = {}
    for index in _indices(histogram, threshold):
        at = edge(histogram.schema, index)
        # An edge within the zero bucket is none: the zero bucket's own is the next one.
        if threshold < 0:
            found[_below(max(at, zero))] = counts.beyond(index) if at > zero else counts.negative
        else:
            found[max(at, zero)] = counts.up_to(index) if at > zero else counts.up_to_zero
    if abs(threshold) <= zero:
        found[zero] = counts.up_to_zero
        if threshold != zero:
            found[_below(zero)] = counts.negative
    return dict(sorted(found.items()))


def _indices(histogram: NativeHistogram, threshold: float) -> Iterator[int]:
    """The edges around a threshold's magnitude, as indices of the histogram's own schema."""
    magnitude = abs(threshold)
    if magnitude <= histogram.zero_threshold or not magnitude:
        return
    at = index_of(histogram.schema, magnitude)
    is_edge = edge(histogram.schema, at) == magnitude and threshold > 0
    for coarser in range(histogram.schema - COARSEST + 1):
        width = 1 << coarser
        upper = -(-at // width) * width
        yield upper
        if not is_edge or upper != at:
            yield upper - width


def _below(magnitude: float) -> float:
    """The greatest number below -magnitude."""
    return math.nextafter(-magnitude, -math.inf)


class _Counts:
    """The sums over one histogram's buckets."""

    def __init__(self, histogram: NativeHistogram) -> None:
        self._positive = [index for index, _ in histogram.positive]
        self._negative = [index for index, _ in histogram.negative]
        self._up = [count for _, count in histogram.positive]
        self._down = [count for _, count in histogram.negative]
        self._zero = histogram.zero_count

    @property
    def negative(self) -> int | float:
        return _sum(self._down)

    @property
    def up_to_zero(self) -> int | float:
        return _sum([*self._down, self._zero])

    def up_to(self, index: int) -> int | float:
        """Events at or below a positive edge."""
        buckets = self._up[: bisect_right(self._positive, index)]
        return _sum([*self._down, self._zero, *buckets])

    def beyond(self, index: int) -> int | float:
        """Events below the edge of that magnitude on the negative side."""
        return _sum(self._down[bisect_left(self._negative, index + 1) :])


def _sum(counts: list[int | float]) -> int | float:
    """The exact sum, rounded once at most: it never falls where no count does."""
    if all(isinstance(count, int) for count in counts):
        return sum(counts)
    total = math.fsum(counts)
    return int(total) if total.is_integer() else total
