"""Counts of events, as plain values."""

from dataclasses import dataclass

from slo.counts import Counts


@dataclass(frozen=True, slots=True)
class EventFacts:
    """Events of one stretch of time; `total` is good + bad."""

    good: int
    bad: int
    unknown: int
    total: int


def event_facts(counts: Counts) -> EventFacts:
    """Counts as they are told."""
    return EventFacts(counts.good, counts.bad, counts.unknown, counts.total)
