"""Tell every open page which SLOs and incidents changed: bounded, coalesced, resumable."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from dashboards.source import Change

_MOST_IDS = 500  # more than this and a page had better fetch everything again


class Broadcast:
    """One for the process; each open stream subscribes."""

    def __init__(self) -> None:
        self.sequence = 0
        self._open: set[Subscription] = set()
        self._closed = False

    @property
    def is_heard(self) -> bool:
        """Whether a stream is open. What changed before is on the page that opens the next one."""
        return bool(self._open)

    def tell(self, slo_ids: Iterable[str] = (), incident_ids: Iterable[str] = ()) -> None:
        """These changed now."""
        slos, incidents = set(slo_ids), set(incident_ids)
        if not (slos or incidents):
            return
        self.sequence += 1
        for subscription in self._open:
            subscription.add(slos, incidents)

    def subscribe(self) -> "Subscription":
        subscription = Subscription(self)
        if self._closed:
            subscription.end()
        else:
            self._open.add(subscription)
        return subscription

    def drop(self, subscription: "Subscription") -> None:
        self._open.discard(subscription)

    def close(self) -> None:
        """End every stream: the service stops."""
        self._closed = True
        for subscription in list(self._open):
            subscription.end()


class Subscription:
    """What one page has not heard yet; at most `_MOST_IDS` ids, then a resync in their place."""

    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self._slos: set[str] = set()
        self._incidents: set[str] = set()
        self._resync = False
        self._wake = asyncio.Event()
        self._ended = False

    def add(self, slos: set[str], incidents: set[str]) -> None:
        self._slos |= slos
        self._incidents |= incidents
        if len(self._slos) + len(self._incidents) > _MOST_IDS:
            self._slos, self._incidents, self._resync = set(), set(), True
        self._wake.set()

    def end(self) -> None:
        self._ended = True
        self._wake.set()

    async def next(self, timeout: timedelta) -> Change | None:
        """Everything since the last call; None when nothing came within `timeout`."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                await self._wake.wait()
        except TimeoutError:
            return None
        if self._ended:
            raise StopAsyncIteration
        self._wake.clear()
        slos, incidents = frozenset(self._slos), frozenset(self._incidents)
        self._slos, self._incidents = set(), set()
        if self._resync:
            self._resync = False
            return Change(self._broadcast.sequence, frozenset(), frozenset(), resync=True)
        return Change(self._broadcast.sequence, slos, incidents)

    def close(self) -> None:
        self._broadcast.drop(self)
