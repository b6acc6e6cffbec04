"""Take in what jobs tell of their runs: stored before the yes, and shown to the next look."""

import hmac
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

from collectors.heartbeat import JobConfig
from collectors.job import Ping
from collectors.runnable import Heard
from nines.clock import Clock
from nines.config import Config
from nines.storage.errors import StorageError
from nines.storage.heartbeats import KEPT, PingRecords
from nines.threads import StorageThreads
from web.heartbeats import TooOftenError
from web.senders import NotKeptError, RefusedSenderError
from web.throttle import Throttle

_OFTEN = (1.0, 60)  # a second, and at once, of one job
_STRANGERS = (1.0, 60)


class Heartbeats:
    """Implements web.heartbeats.Heartbeats."""

    def __init__(
        self,
        *,
        records: PingRecords,
        threads: StorageThreads,
        config: Callable[[], Config],
        clock: Clock,
    ) -> None:
        self._records = records
        self._threads = threads
        self._config = config
        self._clock = clock
        self._since = clock.now()
        self._pings: dict[str, list[Ping]] = {}
        self._storing: dict[str, Counter[datetime]] = {}
        self._refused: dict[str, datetime] = {}
        self._throttles: dict[str, Throttle] = {}
        self._strangers = Throttle(*_STRANGERS, clock.monotonic)

    async def load(self) -> None:
        """Take up what is stored."""
        self._pings = await self._threads.read(self._records.load)

    def heard(self, collector: str, after: int) -> Heard:
        """What a job told after the ping of that number."""
        pings = self._pings.get(collector, [])
        return Heard(
            [one for one in pings if one.number > after],
            self._since,
            self._refused.get(collector),
            min(self._storing.get(collector, ()), default=None),
        )

    def admit(self, collector: str, authorization: str | None) -> None:
        """Raises RefusedSenderError and TooOftenError."""
        service, _, name = collector.partition("/")
        written = self._config().services.get(service)
        settings = None if written is None else written.collectors.get(name)
        scheme, _, token = (authorization or "").partition(" ")
        if not isinstance(settings, JobConfig):
            self._refuse(404, f"There is no heartbeat {collector[:200]} in the configuration.")
        elif scheme.lower() != "bearer" or not hmac.compare_digest(
            token.strip().encode(), settings.heartbeat.token.value.encode()
        ):
            self._refuse(401, "A ping bears its heartbeat's token: Authorization: Bearer ...")
        throttle = self._throttles.setdefault(collector, Throttle(*_OFTEN, self._clock.monotonic))
        if not throttle.take():
            raise TooOftenError

    def _refuse(self, status: int, text: str) -> NoReturn:
        if not self._strangers.take():
            raise TooOftenError
        raise RefusedSenderError(status, text)

    async def ping(self, collector: str, ping: Ping) -> bool:
        """Store it; whether it is new. Raises NotKeptError."""
        storing = self._storing.setdefault(collector, Counter())
        storing[ping.at] += 1
        try:
            stored = await self._threads.write(lambda: self._records.add(collector, ping))
        except StorageError as error:
            self._refused[collector] = self._clock.now()
            raise NotKeptError(str(error)) from error
        else:
            if stored is not None:
                self._pings[collector] = [*self._pings.get(collector, ()), stored][-KEPT:]
        finally:
            storing[ping.at] -= 1
            if not storing[ping.at]:
                del storing[ping.at]
        return stored is not None
