"""How much waits to be told, and how every receiver stands, kept at hand for whoever watches."""

import contextlib
from collections.abc import Callable

from alerting.destination import Destination
from dashboards.receivers_page import ReceiverStanding
from nines.config import Config
from nines.live import Pulse
from nines.storage.alerts import AlertRecords
from nines.storage.errors import StorageError
from nines.threads import StorageThreads


class Outbox:
    """Looked at with `look`; what it found stands in the pulse."""

    def __init__(
        self,
        *,
        records: AlertRecords,
        threads: StorageThreads,
        config: Callable[[], Config],
        pulse: Pulse,
    ) -> None:
        self._records = records
        self._threads = threads
        self._config = config
        self._pulse = pulse

    async def look(self) -> None:
        """See what waits, and how the receivers stand."""
        with contextlib.suppress(StorageError):  # the flush has reported it already
            pending = await self._threads.read(self._records.outbox_pending)
            self._pulse.outbox_pending, self._pulse.outbox_oldest = pending
            await self.look_at_receivers()

    async def look_at_receivers(self) -> None:
        """See how they stand. Raises StorageError."""
        self._pulse.receivers = await self._threads.read(self._standing)

    def _standing(self) -> tuple[ReceiverStanding, ...]:
        """How every configured receiver stands; blocks on storage."""
        known, waiting = self._records.destinations(), self._records.waiting()
        nothing = (0, None)
        return tuple(
            ReceiverStanding(
                name,
                receiver.kind,
                known.get(name) or Destination(name),
                *waiting.get(name, nothing),
            )
            for name, receiver in self._config().alerting.receivers.items()
        )
