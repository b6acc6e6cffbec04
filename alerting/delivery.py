"""Send what waits in the outbox: one lane for each receiver, every try written down first."""

import asyncio
import dataclasses
import functools
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import structlog

from alerting import backlog, outbox, wording
from alerting.incident import EventKind, IncidentEvent
from alerting.lease import LeaseError
from alerting.notification import (
    Attempt,
    AttemptOutcome,
    DeliveryError,
    Handle,
    Notification,
    NotificationState,
    Receipt,
    Receiver,
)
from alerting.store import AlertStore

TRY_TIMEOUT = timedelta(seconds=30)
# How far ahead the outbox is read, and how long it is left alone at most: another process may
# have written to it, and a clock that was set must not put a page off.
LOOK_AHEAD = timedelta(seconds=30)
HOLD = timedelta(seconds=5)  # how long our own failure puts a notification off
BATCH = 200

log = structlog.get_logger("alerting.delivery")
T = TypeVar("T")


class Clock(Protocol):
    """Aware UTC time."""

    def now(self) -> datetime: ...


class Run(Protocol):
    """Run a blocking call where blocking is allowed: the storage thread."""

    def __call__(self, call: Callable[[], T], /) -> Awaitable[T]: ...


class Sleep(Protocol):
    """`asyncio.sleep`, or a test's own."""

    def __call__(self, seconds: float, /) -> Awaitable[None]: ...


@dataclass(slots=True)
class _Lane:
    """What waits for one receiver, which is sent one notification at a time."""

    waiting: dict[str, Notification] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    paused_until: datetime | None = None  # the receiver asked for a pause (Retry-After)


@dataclass(frozen=True, slots=True)
class _Result:
    """How a try ended, kept until the store has it."""

    attempt: Attempt
    notification: Notification
    handle: Handle | None
    events: tuple[IncidentEvent, ...]


class Delivery:
    """The worker of the outbox. Start `run()` as a task; `stop()` ends it.

    `on_attempt` is told of every try that ended: the receiver's name, and how it ended. Several
    workers may share a store: each has a `name` of its own, and keeps it over restarts.
    """

    def __init__(
        self,
        store: AlertStore,
        run: Run,
        receivers: Mapping[str, Receiver],
        clock: Clock,
        rng: random.Random,
        on_attempt: Callable[[str, AttemptOutcome], None],
        *,
        name: str = "nines",
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._name = name
        self._store = store
        self._run = run
        self._receivers = receivers
        self._clock = clock
        self._rng = rng
        self._on_attempt = on_attempt
        self._sleep = sleep
        self._wake = asyncio.Event()
        self._stopping = False
        self._lanes: dict[str, _Lane] = {}
        self._busy: set[str] = set()  # ids that a lane sends, or whose result is not stored yet
        self._moved: set[str] = set()  # ids whose rows changed while the outbox was being read
        self._held: dict[str, datetime] = {}  # ids that wait for our own failure to pass
        self._unstored: dict[str, _Result] = {}
        self._storing = asyncio.Lock()  # a lane and the main loop may want the same result stored

    def notify(self) -> None:
        """Something was put into the outbox: look at once."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until `stop()`. A store that fails is waited for; nothing is lost meanwhile."""
        recovered = False
        while not self._stopping:
            self._wake.clear()
            try:
                if not recovered:
                    await self._recover()
                    recovered = True
                await self._store_results(tuple(self._unstored))
                wait = await self._hand_out()
            except Exception:
                wait = HOLD
                log.exception("outbox unreadable", again_in_seconds=wait.total_seconds())
            await self._wait(wait)

    async def stop(self, within: timedelta = timedelta(seconds=5)) -> None:
        """Begin no further try; those under way may finish, then they are cut off.

        What is cut off stays without an end in the store, and the next start makes it again.
        """
        self._stopping = True
        self._wake.set()
        under_way = self._under_way()
        if under_way:
            ended = asyncio.ensure_future(asyncio.wait(under_way))
            timer = asyncio.ensure_future(self._sleep(within.total_seconds()))
            await asyncio.wait({timer, ended}, return_when=asyncio.FIRST_COMPLETED)
            for task in (timer, *under_way):
                task.cancel()
            await asyncio.gather(timer, ended, *under_way, return_exceptions=True)
        await self._store_results(tuple(self._unstored))

    async def replace(self, receivers: Mapping[str, Receiver]) -> None:
        """Use these receivers from now on; returns when no try uses the old ones any more."""
        self._receivers = receivers
        self._wake.set()
        await asyncio.gather(*self._under_way(), return_exceptions=True)

    def _under_way(self) -> list[asyncio.Task[None]]:
        return [lane.task for lane in self._lanes.values() if lane.task]

    async def _recover(self) -> None:
        now = self._clock.now()
        cut_off = await self._run(lambda: self._store.close_open_attempts(now, self._name))
        if cut_off:
            log.warning("tries had been cut off; they are made again", count=cut_off)

    async def _hand_out(self) -> timedelta:
        """Give each lane what is due for it; returns how long there is nothing else to do."""
        self._moved.clear()
        heads = await self._heads(self._clock.now() + LOOK_AHEAD)
        now = self._clock.now()
        self._held = {id_: until for id_, until in self._held.items() if until > now}
        later = list(self._held.values())
        for lane in self._lanes.values():
            lane.waiting.clear()
        for notification in heads:
            due, lease = notification.next_attempt_at, notification.lease
            due = max(due, lease.free_at(self._name, now)) if lease else due
            if notification.id in self._moved:
                self._wake.set()  # what was read of it is old: read again
            elif notification.id in self._busy or notification.id in self._held:
                continue
            elif due > now:
                later.append(due)
            else:
                lane = self._lanes.setdefault(notification.receiver, _Lane())
                lane.waiting[notification.id] = notification
        for lane in self._lanes.values():
            self._advance(lane)
            if lane.waiting and lane.paused_until and lane.task is None:
                later.append(lane.paused_until)
        return self._until(later)

    async def _heads(self, until: datetime) -> list[Notification]:
        """All that may be sent by then: many for one receiver must not hide another's."""
        limit = BATCH
        while True:
            heads = await self._run(functools.partial(self._store.due_notifications, until, limit))
            if len(heads) < limit:
                return heads
            limit *= 4

    def _until(self, moments: Iterable[datetime]) -> timedelta:
        if self._unstored:
            return HOLD
        now = self._clock.now()
        return min((max(at - now, timedelta(0)) for at in moments), default=LOOK_AHEAD)

    async def _wait(self, wait: timedelta) -> None:
        if self._wake.is_set():
            return
        timer = asyncio.ensure_future(self._sleep(min(wait, LOOK_AHEAD).total_seconds()))
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({timer, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            woken.cancel()
            await asyncio.gather(timer, woken, return_exceptions=True)

    def _advance(self, lane: _Lane) -> None:
        """Begin the lane's next try, unless it is busy or paused, or we are stopping."""
        if lane.task or self._stopping or not lane.waiting:
            return
        if lane.paused_until and lane.paused_until > self._clock.now():
            return
        lane.paused_until = None
        notification = outbox.first(lane.waiting.values())
        del lane.waiting[notification.id]
        self._busy.add(notification.id)
        lane.task = asyncio.create_task(self._step(lane, notification))

    async def _step(self, lane: _Lane, notification: Notification) -> None:
        again = True  # whether the outbox has to be read before this lane can go on
        try:
            again = await self._handle(lane, notification)
        except LeaseError:
            pass  # another worker has it
        except Exception:
            # Its row still says that it waits; others go first until this passes.
            self._held[notification.id] = self._clock.now() + HOLD
            log.exception("notification put off", notification=notification.id)
        finally:
            self._moved.add(notification.id)
            if notification.id not in self._unstored:
                self._busy.discard(notification.id)
            lane.task = None
            self._advance(lane)
            if again or lane.task is None:
                self._wake.set()

    async def _handle(self, lane: _Lane, notification: Notification) -> bool:
        """Send, or close without sending. True: it will have to be tried again."""
        receiver = self._receivers.get(notification.receiver)
        if receiver is None:
            reason = f"the configuration has no receiver {notification.receiver} any more"
            await self._close(notification, reason)
            return False
        found = await self._run(
            lambda: self._store.backlog(notification.incident_id, notification.receiver)
        )
        if not found.waiting or found.waiting[0].id != notification.id:
            return True
        tidied = backlog.tidy(found, self._clock.now())
        if tidied:
            await self._tidy(tidied)
            return True
        began = self._clock.now()
        attempt, handle = await self._run(
            lambda: self._store.begin_attempt(notification.id, self._name, began)
        )
        result, pause = await self._send(receiver, notification, attempt, handle)
        self._unstored[notification.id] = result
        if pause:
            lane.paused_until = self._clock.now() + min(pause, outbox.LONGEST_RETRY_AFTER)
        await self._store_results((notification.id,))
        if result.attempt.outcome is not None:
            self._on_attempt(notification.receiver, result.attempt.outcome)
        return result.notification.state is NotificationState.PENDING

    async def _send(
        self, receiver: Receiver, notification: Notification, attempt: Attempt, handle: Handle
    ) -> tuple[_Result, timedelta | None]:
        """One try: its result, and how long the receiver asks us to leave it alone."""
        try:
            receipt = await self._in_time(
                receiver.deliver(notification.message, handle=handle, attempt=attempt.number)
            )
        except DeliveryError as error:
            return self._failed(notification, attempt, error), error.retry_after
        except Exception as error:
            # Our own mistake; the request may have been sent before it.
            log.exception("receiver broke", receiver=notification.receiver)
            text = f"our receiver broke with {type(error).__name__}: {error}"
            broken = DeliveryError(text, outcome=AttemptOutcome.AMBIGUOUS)
            return self._failed(notification, attempt, broken), None
        return self._delivered(notification, attempt, receipt), None

    async def _in_time(self, call: Awaitable[Receipt]) -> Receipt:
        task = asyncio.ensure_future(call)
        timer = asyncio.ensure_future(self._sleep(TRY_TIMEOUT.total_seconds()))
        try:
            await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                text = f"no answer within {wording.duration(TRY_TIMEOUT)}"
                raise DeliveryError(text, outcome=AttemptOutcome.AMBIGUOUS)
            if task.cancelled():
                text = "the call was cancelled from within"
                raise DeliveryError(text, outcome=AttemptOutcome.AMBIGUOUS)
            return task.result()
        finally:
            timer.cancel()
            task.cancel()
            await asyncio.gather(task, timer, return_exceptions=True)

    def _delivered(self, notification: Notification, attempt: Attempt, receipt: Receipt) -> _Result:
        now = self._clock.now()
        tried = f"Try {attempt.number} to {notification.receiver}"
        text = f"{tried}: {notification.kind} delivered. {receipt.detail}"
        ended = dataclasses.replace(
            attempt,
            ended_at=now,
            outcome=AttemptOutcome.OK,
            status=receipt.status,
            detail=receipt.detail,
        )
        done = dataclasses.replace(
            notification,
            state=NotificationState.DELIVERED,
            attempts=attempt.number,
            finished_at=now,
        )
        event = _event(notification, EventKind.DELIVERED, text, now)
        return _Result(ended, done, receipt.handle, (event,))

    def _failed(
        self, notification: Notification, attempt: Attempt, error: DeliveryError
    ) -> _Result:
        now, number, outcome = self._clock.now(), attempt.number, error.outcome
        said = str(error).rstrip(".")
        again = None
        if outcome is not AttemptOutcome.PERMANENT:
            again = outbox.next_attempt(notification, number, now, error.retry_after, self._rng)
        ended = dataclasses.replace(
            attempt, ended_at=now, outcome=outcome, status=error.status, detail=said
        )
        tried = f"Try {number} to {notification.receiver}: {said}"
        if outcome is AttemptOutcome.AMBIGUOUS:
            tried += "; it may have arrived"
        if again:
            tried += f", again {wording.soon(again - now)}"
            left = dataclasses.replace(notification, attempts=number, next_attempt_at=again)
            return _Result(
                ended, left, None, (_event(notification, EventKind.ATTEMPT, tried, now),)
            )
        reason = outbox.given_up(outcome, number, said)
        failed = dataclasses.replace(
            notification,
            state=NotificationState.FAILED,
            attempts=number,
            finished_at=now,
            reason=reason,
        )
        gave_up = f"Gave up the {notification.kind} to {notification.receiver}: {reason}"
        events = (
            _event(notification, EventKind.ATTEMPT, tried, now),
            _event(notification, EventKind.GAVE_UP, gave_up, now),
        )
        return _Result(ended, failed, None, events)

    async def _store_results(self, ids: Iterable[str]) -> None:
        """Write down how tries ended; what cannot be written now is kept for later."""
        async with self._storing:
            for id_ in ids:
                result = self._unstored.get(id_)
                if result is None:
                    continue  # stored while this call waited for its turn
                try:
                    await self._run(functools.partial(self._finish, result))
                except LeaseError as error:
                    # Another worker made the try again; its word is the newer one.
                    log.warning("the end of a try came too late", text=str(error))
                except Exception:
                    log.exception("the end of a try could not be stored", notification=id_)
                    continue
                else:
                    _report(result)
                del self._unstored[id_]
                self._moved.add(id_)
                self._busy.discard(id_)

    def _finish(self, result: _Result) -> None:
        self._store.finish_attempt(
            result.attempt, result.notification, result.handle, result.events
        )

    async def _close(self, notification: Notification, reason: str) -> None:
        """End a notification without a try: it cannot be sent."""
        now = self._clock.now()
        closed = dataclasses.replace(
            notification, state=NotificationState.FAILED, finished_at=now, reason=reason
        )
        await self._tidy(backlog.Tidied((closed,)))

    async def _tidy(self, tidied: backlog.Tidied) -> None:
        now = self._clock.now()
        events = [_not_sent(row, now) for row in tidied.skipped]
        await self._run(lambda: self._store.tidy(tidied, events, self._name, now))


def _not_sent(row: Notification, at: datetime) -> IncidentEvent:
    kind = EventKind.GAVE_UP if row.state is NotificationState.FAILED else EventKind.NOTE
    text = f"The {row.kind} to {row.receiver} is not sent: {row.reason}"
    return _event(row, kind, text, at)


def _report(result: _Result) -> None:
    """One line in the log for each try, so that the log alone tells who heard what."""
    say = log.info if result.attempt.outcome is AttemptOutcome.OK else log.warning
    for event in result.events:
        say(str(event.kind), incident=event.incident_id, text=event.text)


def _event(notification: Notification, kind: EventKind, text: str, at: datetime) -> IncidentEvent:
    return IncidentEvent(notification.incident_id, at, kind, wording.sentences(text))
