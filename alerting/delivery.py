"""Send what waits in the outbox: one lane for each receiver, every try written down first."""

import asyncio
import contextlib
import functools
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import structlog

from alerting import backlog, outbox, result, wording
from alerting.bucket import Rate
from alerting.destination import Destination
from alerting.digest import digest as put_together
from alerting.first_try import Offer
from alerting.incident import EventKind, IncidentEvent
from alerting.lane import Lane, moves_on
from alerting.lanes import Lanes
from alerting.lease import SKEW, LeaseError
from alerting.notification import (
    Attempt,
    AttemptOutcome,
    Handle,
    Notification,
    NotificationKind,
    NotificationState,
    Receiver,
)
from alerting.pace import Pace
from alerting.result import Result, Scene
from alerting.store import AlertStore
from alerting.trial import Clock, Sleep, Trial

# How far ahead the outbox is read, and how long it is left alone at most: another process may
# have written to it, and a clock that was set must not put a page off.
LOOK_AHEAD = timedelta(seconds=30)
HOLD = timedelta(seconds=5)  # how long our own failure puts a notification off
BATCH = 200

log = structlog.get_logger("alerting.delivery")
T = TypeVar("T")
_Handling = Callable[[Pace, contextlib.ExitStack], Awaitable[bool]]


class Run(Protocol):
    """Run a blocking call where blocking is allowed: the storage thread."""

    def __call__(self, call: Callable[[], T], /) -> Awaitable[T]: ...


class Delivery:
    """The worker of the outbox. Start `run()` as a task; `stop()` ends it.

    `on_attempt` is told of every try that ended: the receiver's name, and how it ended. Several
    workers may share a store: each has a `name` of its own, and keeps it over restarts. `rates` say
    how fast receivers are told; one without is told as fast as it answers. Receivers of one
    destination, as `shares` names it, share the slowest of their rates.
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
        rates: Mapping[str, Rate] | None = None,
        shares: Mapping[str, str] | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._name = name
        self._lanes = Lanes()
        self._lanes.use(rates or {}, shares or {})
        self._store = store
        self._run = run
        self._receivers = receivers
        self._leaving: Mapping[str, Receiver] = {}
        self._clock = clock
        self._trial = Trial(clock, rng, sleep)
        self._on_attempt = on_attempt
        self._sleep = sleep
        self._wake = asyncio.Event()
        self._stopping = False
        self._recovered = False  # what the last process left open is closed
        self._batch = BATCH  # how many are asked for at once
        self._has_read = False  # all that waits is known, or was when there was news last
        self._busy: set[str] = set()  # ids that a lane sends, or whose result is not stored yet
        self._moved: set[str] = set()  # ids whose rows changed while the outbox was being read
        self._held: dict[str, datetime] = {}  # ids that wait for our own failure to pass
        self._apart: dict[str, datetime] = {}  # receivers whose messages go one by one until then
        self._unstored: dict[str, Result] = {}
        self._destinations: dict[str, Destination] = {}
        self._latest: datetime | None = None  # what the clock said last
        self._storing = asyncio.Lock()  # a lane and the main loop may want the same result stored

    def notify(self) -> None:
        """Something was put into the outbox: look at once."""
        self._wake.set()

    def offer(self) -> Offer:
        """Who can be called at once; nothing else is begun there until `begin` follows."""
        now, free = self._clock.now(), list[str]()
        news = self._wake.is_set() or not self._has_read  # older ones may wait, unread
        if not (news or self._stopping or self._unstored):
            for name in self._receivers:
                lane = self._lanes.of(name)
                if lane.is_free(self._destination(name), now):
                    lane.kept = True
                    lane.pace.begun += 1
                    free.append(name)
        return Offer(self._name, tuple(free))

    def begin(self, offer: Offer, begun: Sequence[tuple[Notification, Attempt]]) -> None:
        """Send what was begun with a decision, now that it is stored; the others are free again."""
        for name in offer.receivers:
            self._lanes.of(name).kept = False
        left = set(offer.receivers)
        for notification, attempt in begun:
            left.discard(notification.receiver)
            lane = self._lanes.of(notification.receiver)
            self._busy.add(notification.id)
            lane.sending = {notification.id}
            first = functools.partial(self._first, lane, notification, attempt)
            lane.task = asyncio.create_task(self._step(lane, lane.pace, first))
        for name in left:
            self._lanes.of(name).pace.begin()
        self._advance_all(self._lanes.of(name) for name in offer.receivers)

    async def run(self) -> None:
        """Deliver until `stop()`. A store that fails is waited for; nothing is lost meanwhile."""
        while not self._stopping:
            self._wake.clear()
            self._has_read = False
            try:
                if not self._recovered:
                    await self._recover()
                    self._recovered = True
                await self._heed_the_clock()
                await self._store_results(tuple(self._unstored))
                wait = await self._hand_out()
                self._has_read = True
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
        under_way = self._lanes.tasks()
        if under_way:
            ended = asyncio.ensure_future(asyncio.wait(under_way))
            timer = asyncio.ensure_future(self._sleep(within.total_seconds()))
            await asyncio.wait({timer, ended}, return_when=asyncio.FIRST_COMPLETED)
            for task in (timer, *under_way):
                task.cancel()
            await asyncio.gather(timer, ended, *under_way, return_exceptions=True)
        await self._store_results(tuple(self._unstored))

    async def replace(
        self,
        receivers: Mapping[str, Receiver],
        edited: Collection[str] = (),
        rates: Mapping[str, Rate] | None = None,
        leaving: Mapping[str, Receiver] | None = None,
        shares: Mapping[str, str] | None = None,
    ) -> None:
        """Use these receivers from now on; returns when no try uses the old ones any more.

        Those `edited` may have been mended, so they are tried again. Those `leaving` are configured
        no more: what they were told is still resolved there, and nobody is sent to them instead.
        """
        self._receivers = receivers
        self._lanes.use(rates or {}, shares or {})
        self._leaving = leaving or {}
        self._wake.set()
        await asyncio.gather(*self._lanes.tasks(), return_exceptions=True)
        for name in edited:
            try:
                await self.unpark(name)
            except Exception:
                log.exception("receiver not unparked", receiver=name)

    async def unpark(self, name: str) -> None:
        """Somebody says that this receiver is well again: what waits for it is tried at once.

        Raises what the store raises.
        """
        known = self._destination(name)
        if known.refuses:
            now = self._clock.now()
            mended = known.half_open(now)
            await self._run(lambda: self._store.probe(mended, now))
            self._destinations[name] = mended
        self._wake.set()

    def paced(self) -> dict[str, datetime]:
        """Who may be told nothing more for now, for its rate or because it asked: until when."""
        now = self._clock.now()
        free = {name: lane.pace.free_at(now) for name, lane in self._lanes.items()}
        return {name: at for name, at in free.items() if at > now}

    async def _recover(self) -> None:
        now = self._clock.now()
        cut_off = await self._run(lambda: self._store.close_open_attempts(now, self._name))
        if cut_off:
            log.warning("tries had been cut off; they are made again", count=cut_off)
        for known in (await self._run(self._store.destinations)).values():
            if known.parked_at is not None:  # a restart is often how something is mended
                mended = known.half_open(now)
                await self._run(functools.partial(self._store.probe, mended, now))

    async def _heed_the_clock(self) -> None:
        """What was put off until a moment of a clock that was set back since is due at once."""
        now, before = self._clock.now(), self._latest
        if before is not None and now < before - SKEW:
            log.warning("clock set back", text=f"it says {wording.moment(now)}; all is tried again")
            self._held.clear()
            self._apart.clear()
            self._lanes.end_pauses()
            for known in (await self._run(self._store.destinations)).values():
                if known.open_until is not None:
                    mended = known.half_open(now)
                    await self._run(functools.partial(self._store.probe, mended, now))
            await self._run(lambda: self._store.pull_back(now))
        self._latest = now

    async def _hand_out(self) -> timedelta:
        """Give each lane what is due for it; returns how long there is nothing else to do."""
        self._moved.clear()
        until = self._clock.now() + LOOK_AHEAD
        heads, destinations = await self._run(lambda: self._read(until))
        self._destinations = destinations | {
            done.destination.receiver: done.destination for done in self._unstored.values()
        }
        now = self._clock.now()
        self._held = {id_: until for id_, until in self._held.items() if until > now}
        later = list(self._held.values())
        for lane in self._lanes.values():
            lane.waiting.clear()
        for notification in heads:
            name, lease = notification.receiver, notification.lease
            due = notification.next_attempt_at
            due = max(due, lease.free_at(self._name, now)) if lease else due
            if notification.id in self._moved:
                self._wake.set()  # what was read of it is old: read again
            elif notification.id in self._busy or notification.id in self._held:
                continue
            elif due > now:
                later.append(due)
            else:
                self._lanes.of(name).waiting[notification.id] = notification
        self._lanes.set_paces()
        self._advance_all(self._lanes.values())
        for name, lane in self._lanes.items():
            if lane.waiting and lane.task is None:
                later += lane.resumes(self._destination(name), now)
        return self._until(later)

    def _read(self, until: datetime) -> tuple[list[Notification], dict[str, Destination]]:
        """All that may be sent by then, and how receivers stand; blocks on the store."""
        # Many for one receiver must not hide another's.
        while len(heads := self._store.due_notifications(until, self._batch)) >= self._batch:
            self._batch *= 4
        self._batch = max(BATCH, self._batch // 4 if len(heads) * 16 < self._batch else self._batch)
        return heads, dict(self._store.destinations())

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

    def _advance_all(self, lanes: Iterable[Lane]) -> None:
        """Begin what can begin; of lanes to one destination, the most urgent goes first."""
        for lane in sorted((one for one in lanes if one.waiting), key=lambda one: one.urgency):
            self._advance(lane)

    def _advance(self, lane: Lane) -> None:
        """Begin the lane's next try, unless it is busy or paused, or we are stopping."""
        if lane.task or lane.kept or self._stopping or not lane.waiting:
            return
        destination = self._destination(lane.receiver)
        now = self._clock.now()
        apart = self._apart.get(lane.receiver, now) > now
        many = [] if apart else lane.digest(destination, now)
        if many:
            lane.sending = {one.id for one in many}
            self._busy |= lane.sending
            lane.task = asyncio.create_task(self._digest(lane, many))
            return
        notification = lane.take(destination, self._well(lane.receiver), self._clock.now())
        if notification is None:
            return
        self._busy.add(notification.id)
        lane.sending = {notification.id}
        lane.pace.begun += 1
        handle = functools.partial(self._handle, lane, notification)
        lane.task = asyncio.create_task(self._step(lane, lane.pace, handle))

    async def _step(self, lane: Lane, pace: Pace, handle: _Handling) -> None:
        again = True  # whether the outbox has to be read before this lane can go on
        begun = contextlib.ExitStack()
        begun.callback(pace.begin)
        try:
            again = await handle(pace, begun)
        except LeaseError:
            pass  # another worker has it
        except Exception:
            # Its row still says that it waits; others go first until this passes.
            self._held |= dict.fromkeys(lane.sending, self._clock.now() + HOLD)
            log.exception("notification put off", notification=", ".join(lane.sending))
        finally:
            self._moved |= lane.sending
            self._busy -= lane.sending - self._unstored.keys()
            begun.close()
            lane.task = None
            if not again:  # else what is due is known anew first: it may be more urgent
                self._advance_all(self._lanes.at(pace))
            if again or lane.task is None:
                self._wake.set()

    async def _digest(self, lane: Lane, heads: Sequence[Notification]) -> None:
        """Put what waits together; it is sent when the outbox is looked at next."""
        try:
            incidents = [one.incident_id for one in heads]
            queues = await self._run(lambda: self._store.queues(lane.receiver, incidents))
            now = self._clock.now()
            one = put_together(heads, queues, now)
            if one is None:  # what is left of them goes the usual way, and is looked at later
                self._apart[lane.receiver] = now + HOLD
            else:
                await self._run(lambda: self._store.put_together(one, self._name, now))
        except LeaseError:
            self._apart[lane.receiver] = self._clock.now() + HOLD  # another worker has one of them
        except Exception:
            self._apart[lane.receiver] = self._clock.now() + HOLD
            log.exception("digest not put together", receiver=lane.receiver)
        finally:
            self._moved |= lane.sending
            self._busy -= lane.sending
            lane.task = None
            self._wake.set()

    async def _handle(
        self, lane: Lane, notification: Notification, pace: Pace, begun: contextlib.ExitStack
    ) -> bool:
        """Send, or close without sending. True: it will have to be tried again.

        `begun` is closed as soon as the pace knows of the try by itself.
        """
        name = notification.receiver
        found, opened = await self._open(notification)
        if not found.waiting or found.waiting[0].id != notification.id:
            return True
        # First of all: whoever stands in for it must not be told what is over already.
        while tidied := backlog.tidy(found, self._clock.now()):
            await self._tidy(tidied)
            found = await self._backlog(notification)
            if not found.waiting or tidied.added:
                return True
            # What is left is said at once: the outbox, read again, would give the same.
            notification = found.waiting[0]
            if not lane.goes_on(notification, self._name, self._clock.now()):
                return True
            self._busy.add(notification.id)
        scene = Scene(self._destination(name), self._well(name), found.stand_ins)
        now = self._clock.now()
        receiver = self._receivers.get(name)
        if receiver is None and found.may_have_arrived:
            receiver = self._leaving.get(name)
        if receiver is None:
            reason = f"the configuration has no receiver {name} any more"
            await self._give_up(notification, reason, scene, left_open=found.may_have_arrived)
            return notification.kind is NotificationKind.DIGEST
        if opened is None:
            if moves_on(notification, scene.destination, scene.well, now):
                await self._give_up(notification, scene.destination.sentence(), scene)
                return notification.kind is NotificationKind.DIGEST
            opened = await self._run(
                lambda: self._store.begin_attempt(notification.id, self._name, now)
            )
        return await self._try(receiver, notification, opened, scene, pace, begun)

    async def _first(
        self,
        lane: Lane,
        notification: Notification,
        attempt: Attempt,
        pace: Pace,
        begun: contextlib.ExitStack,
    ) -> bool:
        """Make the try that was begun with the decision."""
        name = lane.receiver
        receiver = self._receivers.get(name)
        if receiver is None:  # a reload came in between
            return True
        scene = Scene(self._destination(name), self._well(name), ())
        return await self._try(receiver, notification, (attempt, {}), scene, pace, begun)

    async def _try(
        self,
        receiver: Receiver,
        notification: Notification,
        opened: tuple[Attempt, Handle],
        scene: Scene,
        pace: Pace,
        begun: contextlib.ExitStack,
    ) -> bool:
        """One try that has been written down. True: it will have to be tried again."""
        name, (attempt, handle) = notification.receiver, opened
        pace.sent(attempt.started_at)
        begun.close()
        done, pause = await self._trial.make(receiver, notification, attempt, handle, scene)
        pace.heard(done.attempt.status)
        self._unstored[notification.id] = done
        self._destinations[name] = done.destination
        if pause:
            pace.paused_until = self._clock.now() + min(pause, outbox.LONGEST_RETRY_AFTER)
        await self._store_results((notification.id,))
        if done.attempt.outcome is not None:
            self._on_attempt(name, done.attempt.outcome)
        if notification.kind is NotificationKind.DIGEST:
            return True  # its end lets others go on
        return bool(done.added) or done.notification.state is NotificationState.PENDING

    async def _open(
        self, notification: Notification
    ) -> tuple[backlog.Backlog, tuple[Attempt, Handle] | None]:
        """What waits, and the try, begun already where nothing else is to be done first."""
        name, incident_id = notification.receiver, notification.incident_id
        known = name in self._receivers
        now = self._clock.now()
        leaves = moves_on(notification, self._destination(name), self._well(name), now)

        def look() -> tuple[backlog.Backlog, tuple[Attempt, Handle] | None]:
            found = self._store.backlog(incident_id, name)
            is_head = bool(found.waiting) and found.waiting[0].id == notification.id
            if leaves or not known or not is_head or backlog.tidy(found, now):
                return found, None
            return found, self._store.begin_attempt(notification.id, self._name, now)

        return await self._run(look)

    async def _backlog(self, notification: Notification) -> backlog.Backlog:
        name, incident_id = notification.receiver, notification.incident_id
        return await self._run(lambda: self._store.backlog(incident_id, name))

    def _destination(self, name: str) -> Destination:
        known = self._destinations.get(name) if self._knows(name) else None
        return known or Destination(name)

    def _knows(self, name: str) -> bool:
        return name in self._receivers or name in self._leaving

    def _well(self, besides: str) -> tuple[str, ...]:
        """Receivers that may be told instead."""
        return tuple(
            name
            for name in self._receivers
            if name != besides and not self._destination(name).refuses
        )

    async def _store_results(self, ids: Iterable[str]) -> None:
        """Write down how tries ended; what cannot be written now is kept for later."""
        async with self._storing:
            for id_ in ids:
                done = self._unstored.get(id_)
                if done is None:
                    continue  # stored while this call waited for its turn
                try:
                    await self._run(functools.partial(self._store.finish_attempt, done))
                except LeaseError as error:
                    # Another worker made the try again; its word is the newer one.
                    log.warning("the end of a try came too late", text=str(error))
                except Exception:
                    log.exception("the end of a try could not be stored", notification=id_)
                    continue
                else:
                    _report(done)
                del self._unstored[id_]
                self._moved.add(id_)
                self._busy.discard(id_)

    async def _give_up(
        self, notification: Notification, reason: str, scene: Scene, *, left_open: bool = False
    ) -> None:
        """End a notification without a try; its fallback, if it has one, is told instead.

        `left_open`: nobody can close there what it shows, so somebody else has to hear of it.
        """
        now = self._clock.now()
        ended, added, events = result.given_up_for(notification, reason, scene, now)
        if left_open and notification.kind.over:
            more, said = result.left_open(notification, reason, scene.well, now)
            added, events = (*added, *more), (*events, said)
        tidied = backlog.Tidied((ended,), added=added)
        await self._run(lambda: self._store.tidy(tidied, events, self._name, now))

    async def _tidy(self, tidied: backlog.Tidied) -> None:
        now = self._clock.now()
        events = [_not_sent(row, now) for row in tidied.skipped]
        events += result.routed(tidied.added, now)
        await self._run(lambda: self._store.tidy(tidied, events, self._name, now))


def _not_sent(row: Notification, at: datetime) -> IncidentEvent:
    text = f"The {row.kind} to {row.receiver} is not sent: {row.reason}"
    return result.event(row, EventKind.NOTE, text, at)


def _report(done: Result) -> None:
    """One line in the log for each try, so that the log alone tells who heard what."""
    say = log.info if done.attempt.outcome is AttemptOutcome.OK else log.warning
    for event in done.events:
        say(str(event.kind), incident=event.incident_id, text=event.text)
