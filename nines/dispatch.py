"""Turn alert changes into stored decisions, in their order, until storage takes them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeAlias

import structlog

from alerting import shadow
from alerting.alert import Alert, AlertChange, AlertKind, Remark, ShadowAlert
from alerting.context import Context
from alerting.dependency import Ended
from alerting.desk import acknowledge, decide, in_vain, review
from alerting.first_try import Offer, begin_first_tries
from alerting.hearing import soonest
from alerting.incident import Incident, IncidentEvent
from alerting.notification import Attempt, Notification
from alerting.placing import begun_source, source_of
from alerting.rules import Rules
from alerting.store import Decision, IncidentFile
from nines.beginnings import Beginnings
from nines.bell import Bell
from nines.changes import Broadcast
from nines.endings import Endings
from nines.engine import Engine
from nines.standing_open import StandingOpen
from nines.storage.alerts import AlertRecords
from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.errors import RestoredError, StorageError, UnfitError
from nines.storage.fitting import Refused
from nines.storage.shadows import ShadowRecords
from nines.threads import StorageThreads
from slo.alert_state import AlertState
from slo.notices import Marks

log = structlog.get_logger("nines.dispatch")
States: TypeAlias = Mapping[str, AlertState]  # by rule key
_LOGGED = 50  # events of one decision
_REVIEWED_AT_ONCE = 200  # incidents, in one transaction
_RETRY_SECONDS = (0.2, 1.0, 3.0, 10.0)


class FirstTries(Protocol):
    """Whoever can call a receiver the moment that a decision is stored."""

    def offer(self) -> Offer:
        """Who is free; they are kept free until `begin`, which follows in any case."""

    def begin(self, offer: Offer, begun: Sequence[tuple[Notification, Attempt]]) -> None: ...


class Dispatch:
    """Hops 5 and 6 of the path from a socket to a pager.

    A change is decided and written together with the counts that it rests on, in one transaction;
    while storage refuses, it waits here and nothing behind it overtakes it.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        records: AlertRecords,
        counts: CountStore,
        threads: StorageThreads,
        context: Callable[[], Context],
        decided: Callable[[], None],
        tries: Callable[[], FirstTries],
        restored: Callable[[], None],
        broadcast: Broadcast,
        new_id: Callable[[], str],
        marks_of: Callable[[Sequence[AlertChange]], Mapping[str, Marks]] = lambda _: {},
        spent_most: Callable[[AlertChange], str | None] = lambda _: None,
        hidden: Callable[[Sequence[ShadowAlert]], None] = lambda _: None,
    ) -> None:
        """`decided` is called after each write that may have put something into the outbox which
        waits there; what `tries` offered to send at once is sent. `hidden` is called with what was
        written down of rules in shadow.

        `marks_of` gives what is to be stored of budgets with these changes; `spent_most` says what
        took most of one, from storage. `restored` is called when a restore replaced the
        database under us, after which nothing is written.
        """
        self._engine = engine
        self._records = records
        self._counts = counts
        self._threads = threads
        self._context = context
        self._decided = decided
        self._tries = tries
        self._restored = restored
        self.was_restored = False
        self.set_aside = 0  # parts of batches that could not be stored for a fault of Nines
        self._broadcast = broadcast
        self._new_id = new_id
        self._marks_of = marks_of
        self._spent_most = spent_most
        self._hidden = hidden
        self._shadows = ShadowRecords(records.database)
        self._beginnings = Beginnings(records.beginnings)
        self._endings = Endings(records.ended_since)
        self._unstored: CountBatch | None = None
        self._waiting: list[AlertChange | Remark] = []
        self._rules: Rules | None = None  # what is open is still to be made to fit them
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._settling = asyncio.Lock()  # two at once would both take what waits
        self._failed: str | None = None  # why the newest writing did
        self._refused: str | None = None  # why the decision that waits could not be written
        self._open = StandingOpen(records)
        self._decisions_written = 0
        self._due: dict[str, datetime] = {}  # by incident: when time may make a change
        self.next_review: datetime | None = None  # the next moment at which time makes a change
        self.rescheduled = Bell()  # rung whenever `next_review` comes to be earlier

    @property
    def problem(self) -> str | None:
        """Why storing fails, until all that was refused is stored."""
        return self._failed or self._refused

    def submit(self, changes: Sequence[AlertChange | Remark]) -> None:
        """These happened; they will be decided on as soon as storage can take it."""
        if changes:
            self._waiting.extend(changes)
            self._wake.set()

    def reconcile(self, rules: Rules) -> None:
        """These are all rules: end what has none any more, tell whom the routes now name.

        Decided together with the changes that wait, so that an edit is told at most once.
        """
        self._rules = rules if self._rules is None else rules.after(self._rules)
        self._wake.set()

    async def run(self) -> None:
        """Decide whenever something changed, until it is cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.settle()

    async def settle(self) -> None:
        """Decide on everything that waits now; returns when it is stored."""
        async with self._settling:
            failures = 0
            while (self._waiting or self._rules is not None) and not self.was_restored:
                if await self._settle_next():
                    failures = 0
                else:
                    pause = _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)]
                    failures += 1
                    await asyncio.sleep(pause)

    async def review(self, *, due: bool = False) -> None:
        """Do what time alone makes due: waits that are over, escalations, suppressors' edges.

        Looks at all that is open, or at what is `due` alone; writes only when there is something to
        write, about what it concerns. Where nothing was open at the last look, and nothing was
        decided since, nothing is.
        """
        if self._open.is_none:
            return
        context, decided = self._context(), self._decisions_written
        if due:
            await self._review_due(context.now)
            return

        def look() -> tuple[Decision, bool]:
            files = self._records.open_incidents()
            return review(files, self._seeing_all(context, (), files)), not files

        try:
            found, nothing_open = await self._threads.read(look)
        except StorageError:  # whoever writes reports it, and we come again at the next bucket
            self.next_review = None
            return
        # What was stored while we looked may have opened one, or come to be due sooner.
        unmoved = decided == self._decisions_written
        if unmoved:
            self._due.clear()
            if nothing_open:
                self._open.nothing()
        self._heed(found.looks, over=unmoved)
        if not found.empty:
            concerned = {one.id for one in found.incidents}
            concerned |= {event.incident_id for event in found.events}
            concerned |= {alert.incident_id for alert in found.alerts}
            await self._write(self._reviewing(concerned))

    async def _review_due(self, now: datetime) -> None:
        """The longest due first, and so many at a time that others can write in between."""
        due = sorted(id_ for id_, at in self._due.items() if at <= now)
        for start in range(0, len(due), _REVIEWED_AT_ONCE):
            ids = due[start : start + _REVIEWED_AT_ONCE]
            if not await self._write(self._reviewing(ids)):
                self.next_review = None  # we come again at the next bucket
                return

    def _reviewing(
        self, ids: Collection[str]
    ) -> Callable[[Context], tuple[Sequence[Decision], States]]:
        def decide_on(context: Context) -> tuple[Sequence[Decision], States]:
            return [review(self._records.incident_files(ids), self._seeing_all(context))], {}

        return decide_on

    def _heed(self, looks: Mapping[str, datetime | None], *, over: bool = True) -> None:
        """Look at these incidents again then; `over`: and not before, whatever was known."""
        for id_, at in looks.items():
            known = None if over else self._due.get(id_)
            sooner = soonest((at, known))
            if sooner is None:
                self._due.pop(id_, None)
            else:
                self._due[id_] = sooner
        before = self.next_review
        self.next_review = min(self._due.values(), default=None)
        if self.next_review is not None and (before is None or self.next_review < before):
            self.rescheduled.ring()

    async def take(self, changes: Sequence[AlertChange], page: Decision) -> None:
        """Decide on what came from outside, and write `page` with it; raises StorageError.

        Whoever sent it waits for this, so that no counts are written with it.
        """

        def decide_on(context: Context) -> tuple[list[Decision], States]:
            return [*self._decisions(changes, context), page], {}

        if not await self._write(decide_on, with_counts=False):
            raise StorageError(self.problem or "The database refused to store the alerts.")

    async def store(self, page: Decision) -> None:
        """Write what nobody has to hear of; raises StorageError."""
        async with self._lock:
            stored = await self._store(
                lambda: self._records.apply(page, {}, None), with_counts=False
            )
        if not stored:
            raise StorageError(self.problem or "The database refused to store the alerts.")

    async def flush(self) -> bool:
        """Store the counts that wait; False when storage refused and they wait on."""
        async with self._lock:
            batch = self._batch()
            if batch is None:
                return True
            stored = await self._store(lambda: self._counts.flush(batch))
            return stored or self._unstored is None  # all of it that can be

    @asynccontextmanager
    async def all_stored(self) -> AsyncIterator[None]:
        """Everything counted so far is in storage, and nothing more is written until the end.

        Raises StorageError when storage refuses.
        """
        if not await self.flush():
            raise StorageError(self.problem or "The database refused to store the counts.")
        async with self._lock:
            yield

    async def acknowledge(self, incident_id: str, by: str) -> tuple[bool, str | None]:
        """Somebody takes an incident: whether there is one of that id, and why it was in vain."""
        vain: str | None = None

        def take(file: IncidentFile, context: Context) -> Decision:
            nonlocal vain
            vain = in_vain(file.incident)
            return acknowledge(file, by, context)

        return await self.upon(incident_id, take), vain

    async def put(self, decide: Callable[[Context], Decision]) -> None:
        """Decide on what is no alert's change, and store it. Raises StorageError."""
        if not await self._write(lambda context: ([decide(context)], {})):
            raise StorageError(self.problem or "The database refused to store the decision.")

    async def upon(
        self, incident_id: str, decide: Callable[[IncidentFile, Context], Decision]
    ) -> bool:
        """Decide on one incident, and store it; False when there is none of that id.

        Raises StorageError.
        """
        known = False

        def decide_on(context: Context) -> tuple[list[Decision], States]:
            nonlocal known
            file = self._records.incident_file(incident_id)
            known = file is not None
            context = self._seeing_all(context)
            return ([] if file is None else [decide(file, context)]), {}

        stored = await self._write(decide_on)
        if not stored:
            raise StorageError(self.problem or "The database refused to store the decision.")
        return known

    async def _settle_next(self) -> bool:
        changes, rules = list(self._waiting), self._rules
        states = self._states_of(changes)
        # What a tier took over from another is stored under its own name.
        going_on = {} if rules is None else self._going_on(rules)
        budgets = [change for change in changes if isinstance(change, AlertChange)]
        marks = Decision(marks=self._marks_of(budgets))

        def decide_on(context: Context) -> tuple[list[Decision], States]:
            if rules is None:
                return [*self._decisions(changes, context), marks], states
            self._records.rename_receivers(rules.receivers)
            # A rule that comes back begins anew: were it still firing, nobody would be told.
            gone = self._records.alert_states().keys() - rules.configured
            kept = {**dict.fromkeys(gone, AlertState()), **going_on, **states}
            return [*self._decisions(changes, context, rules), marks], kept

        stored = await self._write(decide_on)
        if not stored:
            self._refused = self._failed
        else:
            self._recover(refused=None)
            del self._waiting[: len(changes)]
            if self._rules is rules:
                self._rules = None
        return stored

    def _decisions(
        self,
        changes: Sequence[AlertChange | Remark],
        context: Context,
        rules: Rules | None = None,
    ) -> list[Decision]:
        by_service: dict[str, list[AlertChange | Remark]] = {}
        hidden: list[AlertChange] = []
        for change in changes:
            if isinstance(change, Remark):
                by_service.setdefault(change.service, []).append(change)
            elif change.kind is AlertKind.BUDGET and not change.firing:
                continue  # nothing but marks to store
            elif change.shadow:
                hidden.append(self._explained(change))
            else:
                by_service.setdefault(change.service, []).append(self._explained(change))
        if rules is not None:
            of_open = [file.incident.service for file in self._records.open_incidents()]
            of_firing = [change.service for change in rules.firing.values()]
            for service in (*of_open, *of_firing):
                by_service.setdefault(service, [])
        if not by_service and not hidden and rules is None:
            return []
        context = self._seeing_all(context, changes)
        files = self._open_incidents_of(by_service.keys())
        decisions = [
            decide(
                of_service,
                files[service],
                context,
                None if rules is None else rules.of(service),
            )
            for service, of_service in by_service.items()
        ]
        if hidden or rules is not None:
            decisions.append(shadow.record(hidden, self._shadows.open(), context, rules))
        return decisions

    def _open_incidents_of(self, services: Set[str]) -> Mapping[str, list[IncidentFile]]:
        """Of each service; one that is known to have none open is not asked about."""
        found: dict[str, list[IncidentFile]] = {service: [] for service in services}
        if asked := services & self._open.services():
            found.update(self._records.open_incidents_of(asked))
        return found

    def _seeing_all(
        self,
        context: Context,
        changes: Sequence[AlertChange | Remark] = (),
        files: Sequence[IncidentFile] | None = None,
    ) -> Context:
        """The same, with what flaps and, where one alert may hold back another, all that fires."""
        context = replace(context, recent=self._beginnings.recent(context.now))
        if not context.looks_beyond:
            return context
        if files is None:
            firing = list(self._open.firing())
        else:
            firing = [alert for file in files for alert in file.alerts if alert.firing]
        moved = [one for one in changes if isinstance(one, AlertChange) and not one.shadow]
        over = {one.rule for one in moved if not one.firing}
        begun = [one for one in moved if one.firing and one.kind is not AlertKind.BUDGET]
        sources = [source_of(alert, context) for alert in firing if alert.rule not in over]
        ended: list[Ended] = []
        if context.dependencies:
            since = context.now - context.dependencies.wait
            found = self._endings.since(since)
            ended = [Ended(source_of(one, context), one.ended_at or since) for one in found]
            ended += [Ended(begun_source(c, context), c.at) for c in moved if not c.firing]
        elsewhere = [*sources, *(begun_source(c, context) for c in begun)]
        return replace(context, elsewhere=elsewhere, ended=ended)

    def _explained(self, change: AlertChange) -> AlertChange:
        """A notice with what took most of the budget."""
        if change.kind is not AlertKind.BUDGET:
            return change
        return replace(change, facts=replace(change.facts, spent_most=self._spent_most(change)))

    async def _write(
        self,
        decide_on: Callable[[Context], tuple[Sequence[Decision], States]],
        *,
        with_counts: bool = True,
    ) -> bool:
        """Read, decide and write on the one writing thread, so that nothing comes in between."""
        touched: set[str] = set()
        moved: list[Incident] = []
        events: list[IncidentEvent] = []
        hidden: list[ShadowAlert] = []
        looks: dict[str, datetime | None] = {}
        begun: list[Alert] = []
        tried: list[tuple[Notification, Attempt]] = []
        waits: list[Notification] = []
        context = self._context()

        def write() -> None:
            decisions, states = decide_on(context)
            decision = begin_first_tries(_together(decisions), offer, context.now)
            first = {one.notification_id: one for one in decision.attempts}
            for one in decision.notifications:
                if one.id in first:
                    tried.append((one, first[one.id]))
                else:
                    waits.append(one)
            moved.extend(decision.incidents)
            touched.update(incident.id for incident in decision.incidents)
            touched.update(event.incident_id for event in decision.events)
            events.extend(decision.events)
            hidden.extend(decision.shadows)
            begun.extend(decision.alerts)
            looks.update(decision.looks)
            self._records.apply(decision, states, batch)

        async with self._lock:
            batch = self._batch() if with_counts else None
            tries, stored = self._tries(), False
            offer = tries.offer()
            try:
                stored = await self._store(write, with_counts=with_counts)
            finally:
                # Before anything else: people are to hear of it.
                tries.begin(offer, tried if stored else ())
        self._decisions_written += 1
        if not stored:
            self._open.forget()
        else:
            self._open.moved(moved, begun)
            if waits or not tried:
                self._decided()
            self._beginnings.add(begun)
            self._endings.add(begun)
            # People first: what begins now is on its way before the log is told.
            asyncio.get_running_loop().call_later(0, _report, events)
            self._hidden(hidden)
            self._broadcast.tell(incident_ids=touched)
            self._heed(looks)
        return stored

    def _batch(self) -> CountBatch | None:
        """The batch to write next: one whose writing failed keeps its id and goes first.

        The id is what makes trying again safe when it is unknown whether a commit went through.
        """
        if self._unstored is None:
            self._unstored = self._engine.take_batch(self._new_id())
        return self._unstored

    async def _store(self, call: Callable[[], None], *, with_counts: bool = True) -> bool:
        try:
            await self._threads.write(call)
        except RestoredError as error:
            if not self.was_restored:
                log.warning("database_restored", text=str(error))
            self.was_restored = True
            self._failed = str(error)
            self._restored()
            return False
        except UnfitError as error:
            log.error("storage_refused", error=str(error))  # noqa: TRY400 - a sentence suffices
            if not with_counts or self._unstored is None:
                self._failed = f"Storing failed for a fault of Nines itself: {error}"
                return False
            await self._store_fitting(self._unstored)
            return False  # what else was to be written with it is tried again, without it
        except StorageError as error:
            if self.problem is None:
                log.error("storage_refused", error=str(error))  # noqa: TRY400 - a sentence suffices
            self._failed = f"Storing failed, counts and alerts wait in memory: {error}"
            return False
        if with_counts:
            self._unstored = None
        self._recover(refused=self._refused)
        return True

    async def _store_fitting(self, batch: CountBatch) -> None:
        """Store what fits of a batch, and set the rest aside, so that it keeps nothing else out."""

        def write() -> None:
            refused.extend(self._counts.flush_fitting(batch))

        refused: list[Refused] = []
        if not await self._store(write, with_counts=False):
            return
        self._unstored = None
        self.set_aside += len(refused)
        for one in refused:  # whole, as this line is all that is left of it
            log.error("counts_set_aside", why=one.why, part=repr(one.part))

    def _recover(self, *, refused: str | None) -> None:
        """Writing goes again; `refused` says why what waits could not be written yet."""
        before, self._failed, self._refused = self.problem, None, refused
        if before is not None and self.problem is None:
            log.info("storage_recovered")

    def _going_on(self, rules: Rules) -> States:
        return {
            rule: state
            for rule, state in self._engine.states().items()
            if state != AlertState() and rule in rules.configured
        }

    def _states_of(self, changes: Sequence[AlertChange | Remark]) -> States:
        states = self._engine.states()
        rules = [change.rule for change in changes if isinstance(change, AlertChange)]
        return {rule: states[rule] for rule in rules if rule in states}


def _report(events: Sequence[IncidentEvent]) -> None:
    for event in events[:_LOGGED]:
        log.info(str(event.kind), incident=event.incident_id, text=event.text)
    if len(events) > _LOGGED:  # in a storm; the timelines have all of them
        incidents = len({event.incident_id for event in events})
        log.info("and_more", events=len(events) - _LOGGED, incidents=incidents)


def _together(decisions: Sequence[Decision]) -> Decision:
    return Decision(
        incidents=tuple(row for decision in decisions for row in decision.incidents),
        alerts=tuple(row for decision in decisions for row in decision.alerts),
        events=tuple(row for decision in decisions for row in decision.events),
        notifications=tuple(row for decision in decisions for row in decision.notifications),
        shadows=tuple(row for decision in decisions for row in decision.shadows),
        marks={slo: marks for decision in decisions for slo, marks in decision.marks.items()},
        grounds=tuple(row for decision in decisions for row in decision.grounds),
        outside={mark: entry for decision in decisions for mark, entry in decision.outside.items()},
        attempts=tuple(row for decision in decisions for row in decision.attempts),
        looks={id_: at for decision in decisions for id_, at in decision.looks.items()},
    )


def ids(clock_now: Callable[[], datetime], random_bits: Callable[[int], int]) -> Callable[[], str]:
    """Ids that sort by age: 48 bits of milliseconds, 80 bits of chance, Crockford base 32."""
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

    def new_id() -> str:
        value = int(clock_now().timestamp() * 1000) << 80 | random_bits(80)
        return "".join(alphabet[value >> shift & 31] for shift in range(125, -5, -5))

    return new_id
