"""How much waits to be told, and how every receiver stands, kept at hand for whoever watches."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from alerting.canary import Canary
from alerting.destination import Destination
from dashboards.receivers_page import ReceiverStanding
from nines.bell import Bell
from nines.clock import Clock
from nines.config import Config
from nines.live import Pulse
from nines.storage.alerts import AlertRecords
from nines.storage.errors import StorageError
from nines.threads import StorageThreads

_AT_MOST_EVERY = 1.0  # seconds
T = TypeVar("T")


class Outbox:
    """Looks, once a second at most, after delivery had to do with the outbox.

    Delivery is woken by whatever puts something into it, and looks by itself from time to time for
    what other processes put there: so this needs no looks of its own. `looked` is called after
    each; what was found stands in the pulse.
    """

    def __init__(
        self,
        *,
        records: AlertRecords,
        threads: StorageThreads,
        config: Callable[[], Config],
        canaries: Callable[[], Mapping[str, Canary]],
        pulse: Pulse,
        clock: Clock,
        moved: Callable[[], None],
    ) -> None:
        """`moved` is called whenever the outbox may have changed."""
        self._records = records
        self._threads = threads
        self._config = config
        self._canaries = canaries
        self._pulse = pulse
        self._clock = clock
        self._moved = moved
        self._bell = Bell()

    async def deliver(self, call: Callable[[], T]) -> T:
        """Run a call of delivery's; it blocks on storage."""
        try:
            return await self._threads.write(call)
        finally:
            self._bell.ring()
            self._moved()

    def stir(self) -> None:
        """Something that is shown beside it changed: look soon."""
        self._bell.ring()

    async def run(self) -> None:
        """Look until it is cancelled."""
        while True:
            await self._bell.heard()
            try:
                await self.look()
            except Exception as error:
                self._bell.ring()  # what it was rung for is still to be seen
                if not isinstance(error, StorageError):  # which whoever writes reports
                    raise
            await self._clock.sleep(_AT_MOST_EVERY)

    async def look(self) -> None:
        """See what waits, and how the receivers stand. Raises StorageError."""
        pending, self._pulse.receivers = await self._threads.read(
            lambda: (self._records.outbox_pending(), self._standing())
        )
        self._pulse.outbox_pending, self._pulse.outbox_oldest = pending

    def _standing(self) -> tuple[ReceiverStanding, ...]:
        known, waiting = self._records.destinations(), self._records.waiting()
        sent = self._canaries()

        def standing(name: str, kind: str) -> ReceiverStanding:
            count, oldest = waiting.get(name) or (0, None)
            destination = known.get(name) or Destination(name)
            return ReceiverStanding(name, kind, destination, count, oldest, sent.get(name))

        receivers = self._config().alerting.receivers
        return tuple(standing(name, one.kind) for name, one in receivers.items())
