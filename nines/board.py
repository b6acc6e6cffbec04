"""The roll of all SLOs, kept up to date for whoever looks, at a cost that lookers do not raise."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import is_

from dashboards.glance import Glance, Roll, glance, glances
from nines.entry import Entry
from slo.digest import Sheet

AT_ONCE = 100  # statuses that a page may wait for
_MADE_TOGETHER = 5  # statuses; a few milliseconds
_REST = 4  # times as long as it took to make them: of very many, so often at most


class Board:
    """Of few SLOs every glance is as new as its status. Of many those at rest are as the last
    evaluation found them, those judged since are new, and what else there is is brought up to date
    beside the pages, which meanwhile tell what was so before.
    """

    def __init__(
        self,
        entries: Callable[[], Mapping[str, Entry]],
        digests: Callable[[], Sequence[Sheet]],
        judged: Callable[[], frozenset[str]],
        evaluated: Callable[[], datetime | None],
        monotonic: Callable[[], float],
        at_once: int = AT_ONCE,
    ) -> None:
        """`judged` gives whose rules were judged since it was asked last; `evaluated`, when all
        were last looked at.
        """
        self._entries, self._digests, self._judged = entries, digests, judged
        self._evaluated, self._monotonic, self._at_once = evaluated, monotonic, at_once
        self._known: dict[str, Glance] = {}
        self._of: Mapping[str, Entry] = {}
        self._as_of: datetime | None = None
        self._roll = Roll()
        self._renewal: asyncio.Task[None] | None = None
        self._behind: asyncio.Task[None] | None = None
        self._rests_until = 0.0

    @property
    def latest(self) -> Roll:
        """As it was when somebody asked last."""
        return self._roll

    async def roll(self) -> Roll:
        """The newest; whoever asks meanwhile waits for the same."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew())
        await asyncio.shield(self._renewal)
        return self._roll

    async def close(self) -> None:
        """Stop what is under way."""
        tasks = [one for one in (self._renewal, self._behind) if one is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _renew(self) -> None:
        entries = self._entries()
        judged = self._judged()
        if entries is not self._of:  # a reload, or a recount
            self._of, self._as_of = entries, None
            self._known = {key: one for key, one in self._known.items() if key in entries}
            judged |= {key for key, one in self._known.items() if one.slo is not entries[key].slo}
        if len(entries) <= self._at_once:
            await self._make(entries)
        elif (evaluated := self._evaluated()) != self._as_of or evaluated is None:
            self._as_of = evaluated
            await self._after_evaluation(judged)
        elif judged:
            await self._make(judged)
        else:
            return
        self._publish()

    async def _after_evaluation(self, judged: frozenset[str]) -> None:
        """Take over what is at rest; of the rest at once only what nothing is known of yet."""
        at_rest: set[str] = set()
        for sheet in self._digests():
            for one in glances(sheet):
                self._known[one.id] = one
                at_rest.add(one.id)
            await asyncio.sleep(0)
        rest = [key for key in self._of if key not in at_rest]
        now = [key for key in rest if key in judged or key not in self._known]
        later = [key for key in rest if key not in judged and key in self._known]
        if len(now) + len(later) <= self._at_once:
            now, later = rest, []
        await self._make(now)
        is_idle = self._behind is None or self._behind.done()
        if later and is_idle and self._monotonic() >= self._rests_until:
            self._behind = asyncio.create_task(self._catch_up(later))

    async def _catch_up(self, wanted: Sequence[str]) -> None:
        began = self._monotonic()
        await self._make(wanted)
        self._publish()
        ended = self._monotonic()
        self._rests_until = ended + _REST * (ended - began)

    async def _make(self, wanted: Iterable[str]) -> None:
        """Look at these one by one; others have their turn meanwhile."""
        for number, key in enumerate(list(wanted), 1):
            entry = self._of.get(key)
            status = entry.status if entry is not None else None
            if status is not None:
                self._known[key] = glance(status)
            if number % _MADE_TOGETHER == 0:
                await asyncio.sleep(0)

    def _publish(self) -> None:
        newest = tuple(self._known[key] for key in self._of if key in self._known)
        before = self._roll.glances
        if len(newest) != len(before) or not all(map(is_, newest, before)):
            self._roll = Roll(newest)  # else what was worked out of it still holds
