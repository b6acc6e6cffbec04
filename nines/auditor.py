"""Look every few seconds for what is overdue, and send the heartbeat only while nothing is."""

import asyncio
from collections.abc import Callable, Sequence
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
        self._due = clock.monotonic()  # when the next beat is
        self._beating: asyncio.Task[None] | None = None
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
            if self._beating is not None:
                self._beating.cancel()
                await asyncio.gather(self._beating, return_exceptions=True)

    async def look(self) -> None:
        """Find what is overdue now; if nothing is, and a beat is due, begin to send it."""
        config = self._config()
        within = PATIENCE if config is None else config.overdue_after
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
        if not self.heartbeat.withheld and self._clock.monotonic() >= self._due:
            self._beat(config)

    async def _audit(self, within: timedelta) -> tuple[Overdue, ...]:
        self._notice_leap()
        vitals = self._vitals()
        owed, unseen = await self._read(within)
        found = Vitals(
            now=self._clock.now(),
            owed=owed,
            unseen=unseen,
            leap=self._leap,
            evaluated=vitals.evaluated,
            stored=vitals.stored,
            bucket=vitals.bucket,
            runs=vitals.runs,
            setback=vitals.setback,
        )
        return audit(found, within)

    async def _read(self, within: timedelta) -> tuple[Sequence[Owed], str | None]:
        now = self._clock.now()
        try:
            async with asyncio.timeout(_READ_WITHIN):
                return await self._run(lambda: self._owed(now, within)), None
        except TimeoutError:
            return (), f"the database gave no answer within {_READ_WITHIN:.0f} s"
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
        began = self._clock.monotonic()
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
        self._due = began + self.heartbeat.next_in(config.interval).total_seconds()


async def _ask(config: HeartbeatConfig) -> None:
    """One request. Raises DeliveryError for any answer but a yes."""
    door = Door("The heartbeat", config)
    within = config.timeout.total_seconds()
    answer = await door.send(config.method, config.url.value, b"", {}, within)
    if not answer.taken:
        raise door.refused(answer)
