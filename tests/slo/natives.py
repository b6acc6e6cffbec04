"""Native histograms made of raw observations, bucket by bucket, for tests."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from slo.native import NativeHistogram


def bucket_of(schema: int, magnitude: float) -> int:
    """The index of the bucket, by exact comparison with powers of two."""
    index = math.floor(math.log2(magnitude) * 2.0**schema) - 1
    while not _at_most(magnitude, schema, index):
        index += 1
    return index


def _at_most(value: float, schema: int, index: int) -> bool:
    """value <= 2^(index / 2^schema), both sides raised until no root is left."""
    if schema < 0:
        return Fraction(value) <= Fraction(2) ** (index << -schema)
    return Fraction(value) ** (1 << schema) <= Fraction(2) ** index


def histogram(
    observations: Iterable[float], schema: int, zero_threshold: float = 0.0
) -> NativeHistogram:
    """What a client shows that observed these."""
    seen = list(observations)
    positive = Counter(bucket_of(schema, v) for v in seen if v > zero_threshold)
    negative = Counter(bucket_of(schema, -v) for v in seen if v < -zero_threshold)
    return NativeHistogram(
        schema=schema,
        count=len(seen),
        zero_threshold=zero_threshold,
        zero_count=sum(abs(v) <= zero_threshold for v in seen),
        positive=tuple(sorted(positive.items())),
        negative=tuple(sorted(negative.items())),
    )


@dataclass
class Client:
    """A process that observes; its histogram may be made coarser while it runs."""

    schema: int = 3
    zero_threshold: float = 0.0
    seen: list[float] = field(default_factory=list)

    def shows(self) -> NativeHistogram:
        return histogram(self.seen, self.schema, self.zero_threshold)


def three_ways(events: Sequence[float], threshold: float, schema: int) -> tuple[int, int, int]:
    """Good, bad and unknown among events of which only the bucket is known; zero has its own."""
    cut = _cut(threshold, schema)
    sure = [v for v in events if _bucket(v, schema) != cut]
    good = sum(v <= threshold for v in sure)
    return good, len(sure) - good, len(events) - len(sure)


def _bucket(value: float, schema: int) -> tuple[bool, int] | None:
    return (value > 0, bucket_of(schema, abs(value))) if value else None


def _cut(threshold: float, schema: int) -> object:
    """The bucket that a positive threshold cuts; what no event is in, where it is an edge."""
    steps = math.log2(threshold) * 2.0**schema
    return "none" if abs(steps - round(steps)) < 1e-9 else _bucket(threshold, schema)
