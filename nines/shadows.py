"""What was in shadow lately, in memory, for pages and metrics that ask all the time."""

from collections.abc import Iterable
from datetime import datetime

from alerting.alert import ShadowAlert
from alerting.shadow import SHOWN, ShadowSummary, summarize


class Shadows:
    """The episodes that are still shown, as they were stored."""

    def __init__(self, episodes: Iterable[ShadowAlert] = ()) -> None:
        self._of: dict[str, dict[str, ShadowAlert]] = {}  # by SLO, by their own id
        self.add(episodes)

    def add(self, episodes: Iterable[ShadowAlert]) -> None:
        """These were stored; one that is known already is replaced."""
        for one in episodes:
            known = self._of.setdefault(f"{one.service}/{one.slo}", {})
            known[one.id] = one

    def summary(self, slo_id: str, now: datetime) -> ShadowSummary:
        """What people would have been told of this SLO."""
        known = self._of.get(slo_id, {})
        old = now - SHOWN
        for id_ in [one.id for one in known.values() if one.ended_at and one.ended_at <= old]:
            del known[id_]
        return summarize(known.values(), now)
