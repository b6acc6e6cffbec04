"""Counts per bucket of one SLI, and exact sums over any window that ends now."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BucketDelta:
    """What is to be added to one stored bucket. `bucket` is its start, epoch seconds.

    Events: good, bad, unknown; of good and bad, `smeared_*` were not seen in this bucket itself.
    Observations: `seen` came, `missed` were due and did not.
    """

    bucket: int
    good: int = 0
    bad: int = 0
    unknown: int = 0
    seen: int = 0
    missed: int = 0
    smeared_good: int = 0
    smeared_bad: int = 0
