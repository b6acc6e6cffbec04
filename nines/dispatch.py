"""Turn alert changes into stored decisions, in their order, until storage takes them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Protocol, TypeAlias

import structlog

from alerting.alert import Alert, AlertChange, Remark, ShadowAlert
from alerting.context import Context
from alerting.desk import acknowledge, escalate, in_vain, note, reached, review
from alerting.first_try import Offer, begin_first_tries
from alerting.hearing import soonest
from alerting.incident import Incident, IncidentEvent
from alerting.notification import Attempt, Notification
from alerting.rules import Rules
from alerting.store import Decision, IncidentFile
from nines.bell import Bell
from nines.changes import Broadcast
from nines.deciding import Deciding
from nines.engine import Engine
from nines.storage.alerts import AlertRecords
from nines.storage.counts import CountStore
from nines.storage.errors import StorageError
from nines.threads import StorageThreads
from nines.writing import Writing
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
        self._threads = threads
        self._context = context
        self._decided = decided
        self._tries = tries
        self._broadcast = broadcast
        self._marks_of = marks_of
        self._hidden = hidden
        self._deciding = Deciding(records, spent_most)
        self._writing = Writing(engine, counts, threads, new_id, restored)
        self._waiting: list[AlertChange | Remark] = []
        self._rules: Rules | None = None  # what is open is still to be made to fit them
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._settling = asyncio.Lock()  # two at once would both take what waits
        self._decisions_written = 0
        self._due: dict[str, datetime] = {}  # by incident: when time may make a change
        self.next_review: datetime | None = None  # the next moment at which time makes a change
        self.rescheduled = Bell()  # rung whenever `next_review` comes to be earlier

    @property
    def problem(self) -> str | None:
        """Why storing fails, until all that was refused is stored."""
        return self._writing.problem

    @property
    def was_restored(self) -> bool:
        """Whether a restore replaced the database: nothing more is written."""
        return self._writing.was_restored

    @property
    def set_aside(self) -> int:
        """Parts of batches that could not be stored for a fault of Nines."""
        return self._writing.set_aside

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
        if self._deciding.open.is_none:
            return
        context, decided = self._context(), self._decisions_written
        if due:
            await self._review_due(context.now)
            return

        def look() -> tuple[Decision, bool]:
            files = self._records.open_incidents()
            return review(files, self._deciding.seeing_all(context, (), files)), not files

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
                self._deciding.open.nothing()
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
            return [
                review(self._records.incident_files(ids), self._deciding.seeing_all(context))
            ], {}

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
            return [*self._deciding.decisions(changes, context), page], {}

        if not await self._write(decide_on, with_counts=False):
            raise self._writing.failure("alerts")

    async def store(self, page: Decision) -> None:
        """Write what nobody has to hear of; raises StorageError."""
        async with self._lock:
            stored = await self._writing.write(
                lambda: self._records.apply(page, {}, None), with_counts=False
            )
        if not stored:
            raise self._writing.failure("alerts")

    async def flush(self) -> bool:
        """Store the counts that wait; False when storage refused and they wait on."""
        async with self._lock:
            return await self._writing.flush()

    @asynccontextmanager
    async def all_stored(self) -> AsyncIterator[None]:
        """Everything counted so far is in storage, and nothing more is written until the end.

        Raises StorageError when storage refuses.
        """
        if not await self.flush():
            raise self._writing.failure("counts")
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

    async def note(self, incident_id: str, text: str, by: str) -> bool:
        """Somebody writes into an incident's timeline; False when there is none of that id."""
        return await self.upon(incident_id, lambda file, context: note(file, text, by, context))

    async def escalate(self, incident_id: str, by: str) -> list[str] | None:
        """Somebody does not wait for an escalation: who is told now; None: there is none."""
        told: list[str] = []

        def press(file: IncidentFile, context: Context) -> Decision:
            decision = escalate(file, by, context)
            told[:] = reached(decision)
            return decision

        return told if await self.upon(incident_id, press) else None

    async def put(self, decide: Callable[[Context], Decision]) -> None:
        """Decide on what is no alert's change, and store it. Raises StorageError."""
        if not await self._write(lambda context: ([decide(context)], {})):
            raise self._writing.failure("decision")

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
            context = self._deciding.seeing_all(context)
            return ([] if file is None else [decide(file, context)]), {}

        stored = await self._write(decide_on)
        if not stored:
            raise self._writing.failure("decision")
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
                return [*self._deciding.decisions(changes, context), marks], states
            self._records.rename_receivers(rules.receivers)
            # A rule that comes back begins anew: were it still firing, nobody would be told.
            gone = self._records.alert_states().keys() - rules.configured
            kept = {**dict.fromkeys(gone, AlertState()), **going_on, **states}
            return [*self._deciding.decisions(changes, context, rules), marks], kept

        stored = await self._write(decide_on)
        self._writing.tried(stored=stored)
        if stored:
            del self._waiting[: len(changes)]
            if self._rules is rules:
                self._rules = None
        return stored

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
            decision = begin_first_tries(Decision.of(decisions), offer, context.now)
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
            batch = self._writing.batch() if with_counts else None
            tries, stored = self._tries(), False
            offer = tries.offer()
            try:
                stored = await self._writing.write(write, with_counts=with_counts)
            finally:
                # Before anything else: people are to hear of it.
                tries.begin(offer, tried if stored else ())
        self._decisions_written += 1
        if not stored:
            self._deciding.open.forget()
        else:
            self._deciding.stored(moved, begun)
            if waits or not tried:
                self._decided()
            # People first: what begins now is on its way before the log is told.
            asyncio.get_running_loop().call_later(0, _report, events)
            self._hidden(hidden)
            self._broadcast.tell(incident_ids=touched)
            self._heed(looks)
        return stored

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
