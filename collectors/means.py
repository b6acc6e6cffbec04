"""What a collector is made with, beside its own settings."""

from dataclasses import dataclass
from datetime import timedelta

from collectors.resolve import Resolver


@dataclass(frozen=True, slots=True)
class Means:
    """`wanted` are the names of the samples that anything reads from the collector's page."""

    interval: timedelta
    timeout: timedelta
    resolver: Resolver
    wanted: frozenset[str] = frozenset()
