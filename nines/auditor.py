"""Look every few seconds for what is overdue, and send the heartbeat only while nothing is."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from alerting.audit import Leap, Overdue, Owed, Vitals, What, audit, leapt
from alerting.delivery import Run
from alerting.heartbeat import Heartbeat
from alerting.notification import DeliveryError
from alerting.receivers.door import Door
from alerting.watching_config import HeartbeatConfig
from nines.clock import Clock
from nines.storage.errors import StorageError

LOOK_EVERY = timedelta(seconds=5)
LOOK_ALONE_EVERY = timedelta(seconds=15)  # where nobody waits for a heartbeat: pages alone tell
PATIENCE = timedelta(minutes=2)  # with a page, where no heartbeat says another
_READ_WITHIN = 5.0  # seconds; an outbox that takes longer cannot be read

log = structlog.get_logger("nines.auditor")


class Auditor:
    """`vitals` gives all but the outbox, which `owed` reads on a storage thread.

    Nothing waits for it: what it cannot find out is itself overdue, and a beat that hangs holds up
    no look.
    """

    def __init__(
        self,
        *,
        config: Callable[[], HeartbeatConfig | None],
        vitals: Callable[[], Vitals],
        owed: Callable[[datetime, timedelta], Sequence[Owed]],
        run: Run,
        clock: Clock,
    ) -> None:
        self._config = config
        self._vitals = vitals
        self._owed = owed
        self._run = run
        self._clock = clock
        self.overdue: tuple[Overdue, ...] = ()
        self.heartbeat = Heartbeat()
        self._began: float | None = None  # when the last beat was; None: the next is due at once
        self._told: HeartbeatConfig | None = None  # whom
        self._beating: asyncio.Task[None] | None = None
        self._reading: asyncio.Future[Sequence[Owed]] | None = None
        self._read_at = clock.monotonic()
        self._looked = (clock.now(), clock.monotonic())
        self._leap: Leap | None = None

    @property
    def beats(self) -> bool:
        """Whether anybody is told that we live."""
        return self._config() is not None

    def problems(self) -> list[str]:
        """What is overdue, and what ails the heartbeat, in sentences."""
        # What is late in the loop that pages are made in has a sentence of its own there.
        overdue = [one.sentence for one in self.overdue if one.what is not What.EVALUATION]
        return [*self.heartbeat.problems(), *overdue]

    async def run(self) -> None:
        """Look until it is cancelled."""
        try:
            while True:
                await self.look()
                config = self._config()
                every = LOOK_ALONE_EVERY if config is None else min(LOOK_EVERY, config.interval)
                await self._clock.sleep(every.total_seconds())
        finally:
            left = [one for one in (self._beating, self._reading) if one is not None]
            for one in left:
                one.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def look(self) -> None:
        """Find what is overdue now; if nothing is, and a beat is due, begin to send it."""
        config = self._config()
        within = PATIENCE if config is None else config.overdue_after
        if config != self._told:
            self._turn_to(config)
        try:
            self.overdue = await self._audit(within)
        except Exception as error:
            log.exception("audit_failed")
            text = f"The auditor itself failed with {type(error).__name__}: {error}."
            self.overdue = (Overdue(What.AUDIT, text),)
        if config is None:
            self.heartbeat = Heartbeat()
            return
        self._tell(self.heartbeat.audited(self.overdue, self._clock.now()))
        if not self.heartbeat.withheld and self._is_due(config):
            self._beat(config)

    def _turn_to(self, config: HeartbeatConfig | None) -> None:
        """From here on another is told, or the same one otherwise: at once."""
        self._told, self._began = config, None
        if self._beating is not None:
            self._beating.cancel()

    def _is_due(self, config: HeartbeatConfig) -> bool:
        if self._began is None:
            return True
        passed = timedelta(seconds=self._clock.monotonic() - self._began)
        return passed >= self.heartbeat.next_in(config.interval)

    async def _audit(self, within: timedelta) -> tuple[Overdue, ...]:
        self._notice_leap()
        vitals = self._vitals()
        owed, unseen = await self._read(within)
        now, leap = self._clock.now(), self._leap
        return audit(replace(vitals, now=now, owed=owed, unseen=unseen, leap=leap), within)

    async def _read(self, within: timedelta) -> tuple[Sequence[Owed], str | None]:
        now, ticks = self._clock.now(), self._clock.monotonic()
        if self._reading is not None and not self._reading.done():
            # It holds one of the few threads that read, and a second would wait as it does.
            return (), f"the database has given no answer for {ticks - self._read_at:.0f} s"
        self._read_at = ticks
        self._reading = asyncio.ensure_future(self._run(lambda: self._owed(now, within)))
        self._reading.add_done_callback(_regard)
        await asyncio.wait({self._reading}, timeout=_READ_WITHIN)
        if not self._reading.done():
            return (), f"the database gave no answer within {_READ_WITHIN:.0f} s"
        try:
            return self._reading.result(), None
        except StorageError as error:
            return (), str(error)

    def _notice_leap(self) -> None:
        now, monotonic = self._clock.now(), self._clock.monotonic()
        then, was = self._looked
        self._looked = (now, monotonic)
        leap = leapt(now - then, timedelta(seconds=monotonic - was), now)
        if leap is not None:
            self._leap = leap
            log.warning("clock_leapt", seconds=leap.by.total_seconds())

    def _tell(self, after: Heartbeat) -> None:
        before, self.heartbeat = self.heartbeat, after
        if after.withheld and not before.withheld:
            log.warning("heartbeat_withheld", why=after.why)
        elif before.withheld and not after.withheld:
            log.info("heartbeat_resumed")

    def _beat(self, config: HeartbeatConfig) -> None:
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._send(config), name="heartbeat")

    async def _send(self, config: HeartbeatConfig) -> None:
        self._began = self._clock.monotonic()
        try:
            await _ask(config)
        except (DeliveryError, ValueError) as error:  # ValueError: a file that vanished
            problem = str(error)
        except Exception as error:
            log.exception("heartbeat_broke")
            problem = f"our own code failed with {type(error).__name__}: {error}"
        else:
            self.heartbeat = self.heartbeat.taken(self._clock.now())
            problem = ""
        if problem:
            log.warning("heartbeat_not_sent", problem=problem)
            self.heartbeat = self.heartbeat.missed(problem)


def _regard(reading: asyncio.Future[Sequence[Owed]]) -> None:
    """One that ends after it was given up says nothing to anybody, nor to asyncio's log."""
    if not reading.cancelled():
        reading.exception()


async def _ask(config: HeartbeatConfig) -> None:
    """One request. Raises DeliveryError for any answer but a yes."""
    door = Door("The heartbeat", config)
    within = config.timeout.total_seconds()
    answer = await door.send(config.method, config.url.value, b"", {}, within)
    if not answer.taken:
        raise door.refused(answer)
