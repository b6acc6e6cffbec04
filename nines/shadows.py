"""What was in shadow lately, in memory, for pages and metrics that ask all the time."""

from collections.abc import Iterable
from datetime import datetime

from alerting.alert import ShadowAlert
from alerting.shadow import SHOWN, ShadowSummary, summarize
from slo.rule import RULE


class Shadows:
    """The episodes that are still shown, as they were stored."""

    def __init__(self, episodes: Iterable[ShadowAlert] = ()) -> None:
        # By the SLO's or the threshold rule's id, by their own.
        self._of: dict[str, dict[str, ShadowAlert]] = {}
        self.add(episodes)

    def add(self, episodes: Iterable[ShadowAlert]) -> None:
        """These were stored; one that is known already is replaced."""
        for one in episodes:
            self._of.setdefault(_owner(one), {})[one.id] = one

    def summary(self, owner: str, now: datetime) -> ShadowSummary:
        """What people would have been told of this SLO, or threshold rule."""
        known = self._of.get(owner, {})
        old = now - SHOWN
        for id_ in [one.id for one in known.values() if one.ended_at and one.ended_at <= old]:
            del known[id_]
        return summarize(known.values(), now)


def _owner(one: ShadowAlert) -> str:
    """A threshold rule may be called as an SLO of its service is."""
    of_slo = one.rule.startswith(f"{one.service}/")
    return f"{one.service}/{one.slo}" if of_slo else f"{one.service}#{RULE}:{one.slo}"
