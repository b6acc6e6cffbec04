"""The whole, built from a configuration: what `nines serve` runs. Only here is everything known."""

import asyncio
import contextlib
import random
import secrets
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from alerting.alert import AlertChange
from alerting.bucket import Rate
from alerting.context import Context
from alerting.delivery import Delivery
from alerting.destination import Destination
from alerting.incident import Incident
from alerting.notification import Message, Receiver
from alerting.receivers import RECEIVERS, worded
from alerting.service import Service as AlertedService
from alerting.shadow import SHOWN
from alerting.silence import SilencePlan
from alerting.wording import moment, spent_most
from collectors.build import build
from collectors.observation import Observation
from collectors.runnable import Runnable
from collectors.schedule import Schedule
from dashboards.receivers_page import ReceiverStanding
from dashboards.source import ServiceCard
from nines import standing
from nines.callbacks import KEPT as CALLBACKS_KEPT
from nines.callbacks import Callbacks
from nines.changes import Broadcast
from nines.clock import Clock, SystemClock
from nines.config import Config, ConfigError, Problem, load
from nines.config.watch import Watch, digest
from nines.dispatch import Dispatch, ids
from nines.engine import Engine, Entry
from nines.exclusions import Change, Exclusions, Terms, configured
from nines.live import CollectorCard, Live, Pulse
from nines.notices import Notices
from nines.past import Past
from nines.receipts import Receipts
from nines.resume import book_our_absence, resume_entries, resume_rules, resume_target
from nines.shadows import Shadows
from nines.silencing import Silencing
from nines.storage import recorded
from nines.storage.alerts import AlertRecords
from nines.storage.callbacks import CallbackRecords
from nines.storage.counts import CollectorRecord, CountStore
from nines.storage.database import Database, migrate, open_database
from nines.storage.definitions import DefinitionRecords
from nines.storage.doctor import storage_bytes, storage_rows
from nines.storage.errors import StorageError
from nines.storage.exclusions import ExclusionStore
from nines.storage.instance import hold
from nines.storage.marks import MarkRecords
from nines.storage.shadows import ShadowRecords
from nines.storage.silences import SilenceStore
from nines.threads import StorageThreads
from nines.version import VERSION
from slo.alert_state import AlertState
from slo.definition import sources, steps
from slo.recurrence import Once
from slo.selector import matcher
from slo.versions import define
from web.app import create_app
from web.serve import ListenError, serve
from web.settings import ReloadResult, WebSettings

log = structlog.get_logger("nines.service")
_FLUSH_EVERY = timedelta(seconds=1)
_RELOAD_WAITS = 5.0  # seconds for what a reload changed to be decided on
_TICK_TOGETHER = 20  # SLOs evaluated before the loop may do something else
_STOP_WITHIN = timedelta(seconds=3)
_SETTLE_WITHIN = 1.0  # seconds


class Service:
    """A running Nines. `open` it, `run` it until `stop` is set, `close` it."""

    def __init__(
        self, path: Path, environ: Mapping[str, str], config: Config, clock: Clock
    ) -> None:
        self._path = path
        self._environ = environ
        self._clock = clock
        self.config = config
        self.stop = asyncio.Event()
        self.told_to_stop = False  # by somebody, not by a restore
        self.port: int | None = None  # the one that is served, once it is
        self.threads = StorageThreads()
        self.database: Database
        self.receivers: dict[str, Receiver] = {}
        self._collectors: dict[str, Runnable] = {}
        self.broadcast = Broadcast()
        now = clock.now()
        self.pulse = Pulse(started_at=now, config_loaded_at=now, version=VERSION)
        self.engine = Engine(int(config.server.bucket.total_seconds()), awake_since=now)
        self.exclusions = Exclusions()
        self._new_id = ids(clock.now, secrets.randbits)
        self._reloading = asyncio.Lock()
        self._files: Watch | None = None
        self._running = False
        self._settling: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        path: Path,
        environ: Mapping[str, str],
        clock: Clock | None = None,
    ) -> "Service":
        """Load, migrate, resume. Raises ConfigError or StorageError; then nothing is left open."""
        service = cls(path, environ, load(path, environ), clock or SystemClock())
        try:
            service.database = await service.threads.write(service._open_database)
        except BaseException:
            service.threads.close()
            raise
        try:
            await service._open()
        except ValueError as error:  # a TLS file that vanished since the configuration was read
            await service.close()
            raise ConfigError([Problem(str(path), 1, 1, str(error))]) from error
        except BaseException:
            await service.close()
            raise
        return service

    async def _open(self) -> None:
        self.counts = CountStore(self.database)
        self.records = AlertRecords(self.database)
        self.marks = MarkRecords(self.database)
        self.definitions = DefinitionRecords(self.database)
        marks = await self.threads.read(self.marks.load)
        self.notices = Notices(marks, self.engine.settled)
        since = self._clock.now() - SHOWN
        shadows = ShadowRecords(self.database)
        self.shadows = Shadows(await self.threads.read(lambda: shadows.since(since)))
        self._past = Past(
            self.counts,
            self.records,
            self.engine.bucket_seconds,
            self._clock.now,
            lambda: self.config.server.retention.detail,
        )
        self.exclusion_store = ExclusionStore(self.database)
        found = await self.threads.read(self.exclusion_store.all)
        self.exclusions = Exclusions.of(found)
        self.silencing = Silencing(
            store=SilenceStore(self.database),
            records=self.records,
            threads=self.threads,
            context=self.context,
            now=self._clock.now,
            new_id=self._new_id,
            remark=lambda remarks: self.dispatch.submit(remarks),
            review=lambda: self.dispatch.review(),
        )
        await self.silencing.load()
        self.dispatch = Dispatch(
            engine=self.engine,
            records=self.records,
            counts=self.counts,
            threads=self.threads,
            context=self.context,
            decided=lambda: self.delivery.notify(),
            restored=self.stop.set,
            broadcast=self.broadcast,
            new_id=self._new_id,
            marks_of=self.notices.marks_of,
            spent_most=self._spent_most,
            hidden=self.shadows.add,
        )
        self.receipts = Receipts(
            records=CallbackRecords(self.database),
            alerts=self.records,
            threads=self.threads,
            config=lambda: self.config.alerting,
            clock=self._clock,
            told=self._told_instead,
        )
        self.live = Live(
            engine=self.engine,
            dispatch=self.dispatch,
            counts=self.counts,
            records=self.records,
            shadows=self.shadows,
            threads=self.threads,
            broadcast=self.broadcast,
            pulse=self.pulse,
            unpark=self.unpark,
            now=self._clock.now,
            detail=lambda: self.config.server.retention.detail,
            sums=lambda: self.config.server.retention.sums,
            excluding=self,
            trails=self.exclusion_store,
            silencing=self.silencing,
            receipts=self.receipts,
        )
        self.callbacks = await self._open_callbacks()
        self.receivers = build_receivers(self.config, self._acknowledge_url, self.pulse.worded)
        self.delivery = Delivery(
            self.records,
            self.threads.write,
            self.receivers,
            self._clock,
            random.Random(secrets.randbits(64)),  # noqa: S311 - jitter, no secret
            self.pulse.count_attempt,
            rates=receiver_rates(self.config),
        )
        self.schedule = Schedule(self._clock, self.on_observation)
        await self._watch(self.config)
        missed = book_our_absence(self.engine, self._clock.now())
        if missed:
            log.info("resumed", unknown_observations=missed)

    async def _open_callbacks(self) -> Callbacks:
        records = CallbackRecords(self.database)
        fresh = secrets.token_hex(32)
        return Callbacks(
            records=records,
            dispatch=self.dispatch,
            threads=self.threads,
            config=lambda: self.config.alerting,
            key=await self.threads.write(lambda: records.signing_key("mail links", fresh)),
            now=self._clock.now,
            monotonic=self._clock.monotonic,
            silence=self._silence,
        )

    def _told_instead(self, incident_id: str) -> None:
        self.delivery.notify()
        self.broadcast.tell(incident_ids={incident_id})

    async def _silence(self, incident: Incident, by: str, until: datetime) -> str:
        """Silence its service, as a button asks for."""
        matchers = (matcher("service", "=", incident.service),)
        reason = f"A button in the message about incident {incident.id}"
        plan = SilencePlan(matchers, Once(self._clock.now(), until), reason, by)
        made = await self.silencing.make(plan, None)
        return f"{by} silenced {incident.service} until {moment(until)} (silence {made.id})."

    def _acknowledge_url(self, message: Message) -> str:
        """Where a mail's reader acknowledges."""
        token = self.callbacks.link(
            message.incident_id, message.notification_id, message.decided_at
        )
        return f"{self.config.server.external_url.rstrip('/')}/callbacks/mail/{token}"

    def _open_database(self) -> Database:
        database = open_database(self.config.server.database.value)
        try:
            # Before the first write: a second copy must not resolve what the first one watches.
            self._hold = hold(database)
        except StorageError:
            database.close()
            raise
        try:
            migrate(database)
            database.rest_on_this_life()
        except StorageError:
            self._hold.release()
            database.close()
            raise
        return database

    @property
    def was_restored(self) -> bool:
        """Whether the database was replaced under it: what it holds has to be taken up anew."""
        return self.dispatch.was_restored

    async def run(self, *, serve_web: bool = True, watch_file: bool = True) -> None:
        """Everything at once until `stop` is set; then everything ends within five seconds."""
        self._running = True
        steady = [
            asyncio.create_task(job, name=name)
            for name, job in (
                ("decide", self.dispatch.run()),
                ("flush", self._forever(self._flush, _FLUSH_EVERY)),
                ("tick", self._tick_at_bucket_edges()),
                ("review", self._review_when_due()),
                ("deliver", self.delivery.run()),
                ("remind", self._forever(self._remind, standing.EVERY)),
                ("act on callbacks", self.callbacks.run()),
                ("watch for receipts", self.receipts.run()),
                ("collect", self._collect()),
            )
        ]
        if watch_file:
            steady.append(asyncio.create_task(self._reload_on_change(), name="watch-file"))
        serving = [asyncio.create_task(self._serve(), name="serve")] if serve_web else []
        housekeeping = self._housekeeping()
        self.take_up()  # the configuration may have been edited while nobody was here
        try:
            await self._until_stopped([*steady, *serving])
        finally:
            self._running = False
            self.stop.set()
            self.broadcast.close()
            housekeeping.shutdown(wait=False)
            await self.delivery.stop(within=_STOP_WITHIN)
            if serving:  # its open streams end by `stop`; it bounds its own wait for them
                await asyncio.wait(serving)
            deciding, *others = steady
            await _end(others)
            try:
                # What was seen last is decided on before we go, unless storage refuses.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_SETTLE_WITHIN):
                        await self.dispatch.settle()
            finally:
                await _end([deciding])
                await self.dispatch.flush()

    async def close(self) -> None:
        """Let go of receivers, threads and the database."""
        await _close(self.receivers)
        await _close(self._collectors)
        self.threads.close()
        self._hold.release()
        self.database.close()

    async def reload(self) -> ReloadResult:
        """Read the configuration again: all of it, or on any problem nothing of it."""
        async with self._reloading:
            if self._files is not None:
                # Before it is read: a mistake that is taken back at once is a change, too.
                self._files.know(await asyncio.to_thread(digest, self._path))
            try:
                config = await asyncio.to_thread(load, self._path, self._environ)
            except ConfigError as error:
                problems = tuple(str(problem) for problem in error.problems)
                return self._reload_refused(problems)
            fixed = _needs_restart(self.config, config)
            if fixed:
                return self._reload_refused(fixed)
            receivers: dict[str, Receiver] = {}
            try:
                receivers = build_receivers(config, self._acknowledge_url, self.pulse.worded)
                await self._watch(config)
            except (StorageError, ValueError) as error:  # ValueError: a TLS file that vanished
                await _close(receivers)
                return self._reload_refused((str(error),))
            except Exception as error:
                # Our own mistake must not end what has been running well.
                log.exception("reload_failed")
                await _close(receivers)
                return self._reload_refused((f"Nines itself failed with {error!r}.",))
            edited = edited_receivers(self.config, config)
            self.config = config
            # Before anything else is decided: an edit is told at most once.
            self.take_up()
            old, self.receivers = self.receivers, receivers
            await self.delivery.replace(receivers, edited, receiver_rates(config))
            await _close(old)
            # The decide task goes on for as long as storage refuses; whoever asked need not wait.
            self._settling = asyncio.create_task(self.dispatch.settle())
            await asyncio.wait({self._settling}, timeout=_RELOAD_WAITS)
            self.pulse.config_loaded_at = self._clock.now()
            self.pulse.config_problem = None
            self.broadcast.tell(self.engine.entries)
            log.info("reloaded", slos=len(self.engine.entries))
            return ReloadResult()

    def take_up(self) -> None:
        """Judge everything by the configuration of now, and make what is open fit it."""
        self.judge()
        self.dispatch.reconcile(self.engine.take_rules(self._clock.now()))

    def judge(self, slo_ids: Sequence[str] | None = None) -> None:
        """Look at these SLOs, or at all, as time passes, and hand on what changed."""
        self.dispatch.submit(self.engine.tick(self._clock.now(), slo_ids))

    async def look_at_budgets(self) -> None:
        """Hand on which budgets passed a mark, or may be told again."""
        if self.engine.setback is not None and self.engine.setback.lost:
            return
        now = self._clock.now()
        wanted = self.engine.unsettled(now)
        for start in range(0, len(wanted), _TICK_TOGETHER):
            part = wanted[start : start + _TICK_TOGETHER]
            # A reload may come in between.
            entries = filter(None, map(self.engine.entries.get, part))
            self.dispatch.submit(self.notices.look(entries, now))
            await asyncio.sleep(0)

    async def look_at_silences(self) -> None:
        """End and tell what the silences want as time passes."""
        with contextlib.suppress(StorageError):  # the flush has reported it; the next look is soon
            await self.silencing.look()

    def context(self) -> Context:
        """What decisions rest on at this moment."""
        now = self._clock.now()
        return Context(
            now=now,
            new_id=self._new_id,
            tree=self.config.alerting.route,
            services={
                name: AlertedService(
                    name=name,
                    title=service.title or name,
                    owner=service.owner,
                    runbook=service.runbook,
                    labels=dict(service.labels),
                )
                for name, service in self.config.services.items()
            },
            external_url=self.config.server.external_url,
            present=self.engine.present_facts(),
            suppressors=self.silencing.suppressors(now),
            inhibitions=self.config.alerting.inhibitions,
        )

    def on_observation(self, observation: Observation) -> None:
        """Hops 2 to 4: count it, judge its SLOs, hand changes on."""
        collector_log = self.live.logs.get(observation.collector_id)
        if collector_log is not None:
            collector_log.add(observation)
        now = self._clock.now()
        self.dispatch.submit(self.engine.observe(observation, now))
        for look in self.engine.thresholds.take_looks():
            self.schedule.look_again(look.collector_id, look.after, self.on_confirming_look)
        self.broadcast.tell(self.engine.changed(now, observation.collector_id))

    def on_confirming_look(self, observation: Observation) -> None:
        """A look that a rule asked for: it may page, and counts for nothing else."""
        self.dispatch.submit(self.engine.confirm(observation, self._clock.now()))

    async def change_exclusions(
        self, decide: Callable[[Exclusions, Terms], Sequence[Change]]
    ) -> None:
        """Decide on what there is, write it down, and count anew what it touches, all in one."""
        async with self._reloading:
            changes = decide(self.exclusions, self.terms())
            after = self.exclusions.after(changes)
            before = {entry.slo.id: entry.ledger for entry in self.engine.entries.values()}
            async with self.dispatch.all_stored():
                entries = await self.threads.write(
                    lambda: self._entries(self.config, after, changes)
                )
                self.engine.recount(entries)
                self.exclusions = after
                self._exclude_from_rules(self.config)
        touched = [
            slo_id
            for slo_id, entry in self.engine.entries.items()
            if entry.ledger is not before.get(slo_id)
        ]
        self.dispatch.submit(self.engine.tick(self._clock.now(), touched))
        self.dispatch.submit(self.engine.tick_rules(self._clock.now()))
        self.broadcast.tell(touched)
        for exclusion, entry in changes:
            log.info(
                "exclusion", action=entry.action, id=exclusion.id, by=entry.by, slos=len(touched)
            )

    async def recount(self) -> None:
        """Read all counts from storage again, where a clock that was set has cost us some."""
        if not self.engine.wants_recount(self._clock.now()):
            return
        async with self._reloading:
            try:
                async with self.dispatch.all_stored():
                    entries = await self.threads.write(
                        lambda: self._entries(self.config, self.exclusions, (), afresh=True)
                    )
                    self.engine.recount(entries, afresh=True)
            except StorageError as error:
                log.warning("recount_put_off", error=str(error))
                return
        self.judge()
        self.broadcast.tell(self.engine.entries)
        log.info("recounted", slos=len(self.engine.entries))

    def terms(self) -> Terms:
        """What a change of exclusions rests on at this moment."""
        return Terms(self._clock.now(), self.config.server.retention.detail, self._new_id)

    async def _watch(self, config: Config) -> None:
        """Watch what this configuration says; what stays the same goes on undisturbed."""
        plans = [replace(plan, author=self._path.name) for plan in config.exclusions]
        kept = config.server.retention.sums
        quiet = config.alerting.silence_plans(self._path.name)
        await self.silencing.take_up(quiet, kept)
        async with self.dispatch.all_stored():
            changes = configured(self.exclusions, plans, self.terms(), kept)
            after = self.exclusions.after(changes)
            records = await self.threads.read(self.counts.collector_states)
            entries = await self.threads.write(lambda: self._entries(config, after, changes))
            definitions = await self.threads.read(self.definitions.load)
            states = await self.threads.read(self.records.alert_states)
            self.exclusions = after
            self._watch_these(config, entries, records, states)
            self.live.define(definitions)

    def _watch_these(
        self,
        config: Config,
        entries: list[Entry],
        records: Mapping[str, CollectorRecord],
        states: Mapping[str, AlertState],
    ) -> None:
        """The part of `_watch` in which nothing can come in between."""
        wanted: dict[str, set[str]] = {}
        for slo in config.slos:
            if slo.collector_id is None:
                continue
            names = wanted.setdefault(slo.collector_id, set())
            names.update(selector.metric for selector in sources(slo.sli))
        for rule in config.rules:
            names = wanted.setdefault(rule.collector_id, set())
            names.update(selector.metric for selector in rule.sources())
        collectors: dict[str, Runnable] = {}
        cards, services = [], []
        for name, service in config.services.items():
            for collector_name, collector_config in service.collectors.items():
                collector = build(
                    name,
                    collector_name,
                    collector_config,
                    wanted.get(f"{name}/{collector_name}", set()),
                )
                collectors[collector.id] = collector
                cards.append(
                    CollectorCard(
                        collector.id, collector.kind, collector.target, collector.interval
                    )
                )
            services.append(
                ServiceCard(
                    name=name,
                    title=service.title or name,
                    owner=service.owner,
                    runbook=service.runbook,
                    labels=dict(service.labels),
                    slo_ids=tuple(slo.id for slo in config.slos if slo.service == name),
                    collectors=tuple(f"{name}/{key}" for key in service.collectors),
                )
            )
        targets = {
            collector.id: resume_target(
                collector.interval,
                records.get(collector.id),
                self.engine.targets.get(collector.id),
                self._clock.now(),
            )
            for collector in collectors.values()
        }
        rules = resume_rules(
            config.rules,
            records=records,
            states=states,
            now=self._clock.now(),
            running=self.engine.thresholds.watched,
        )
        self.engine.watch(entries, targets, rules)
        self._exclude_from_rules(config)
        self.notices.watch(entries)
        self._collectors = collectors
        self.live.show(services, cards)
        self.schedule.set(list(collectors.values()))

    def _exclude_from_rules(self, config: Config) -> None:
        """Lay planned work over the threshold rules."""
        bucket = self.engine.bucket_seconds
        self.engine.thresholds.exclude(
            lambda rule: self.exclusions.over(rule, config.services[rule.service].labels, bucket)
        )

    def _spent_most(self, change: AlertChange) -> str | None:
        """What took most of the budget that a notice is about; blocks on storage."""
        entry = self.engine.entries.get(f"{change.service}/{change.slo}")
        if entry is None:
            return None
        losses = self._past.budget_ledger(entry, None, change.at).losses
        return spent_most(losses[0]) if losses else None

    def _entries(
        self,
        config: Config,
        exclusions: Exclusions,
        changes: Sequence[Change],
        *,
        afresh: bool = False,
    ) -> list[Entry]:
        """What is to be watched; `afresh`, with all counts from storage.

        The last that it does is to write the changed exclusions down.
        """
        self.marks.keep({slo.id for slo in config.slos})
        now = self._clock.now()
        self.definitions.take_up(
            define(config.services[slo.service].slos[slo.name], slo, config.defaults.window, now)
            for slo in config.slos
            if not slo.variant
        )
        labels = {name: service.labels for name, service in config.services.items()}
        bucket = self.engine.bucket_seconds
        by_sli = {slo.sli_id: slo for slo in config.slos}
        entries = resume_entries(
            {slo.id: slo for slo in config.slos},
            counts=self.counts,
            bucket_seconds=self.engine.bucket_seconds,
            states=self.records.alert_states(),
            now=self._clock.now(),
            running={} if afresh else self.engine.entries,
            # What is excluded of one step is excluded of the journey: it could not be whole.
            overlay_of=lambda slo: exclusions.over_all(steps(slo, by_sli), labels, bucket),
        )
        if changes:
            self.exclusion_store.write(changes)
        return entries

    async def _collect(self) -> None:
        """Look at every target until we stop."""
        # The schedule meets what is due from now on; what was due since we opened is ours to tell.
        book_our_absence(self.engine, self._clock.now())
        await self.schedule.run(self.stop)

    async def _until_stopped(self, steady: list[asyncio.Task[None]]) -> None:
        """Wait for `stop`; a task that ends before it has failed, and its error is raised.

        Better stop, and be started again, than go on half dead.
        """
        stopping = asyncio.create_task(self.stop.wait(), name="stop")
        await asyncio.wait({stopping, *steady}, return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in steady if task.done() and not self.stop.is_set()]
        self.stop.set()
        await stopping
        for task in failed:
            error = task.exception()
            if error is not None and not isinstance(error, ListenError):  # that is a sentence
                log.error("task_failed", task=task.get_name(), exc_info=error)
            task.result()

    async def _serve(self) -> None:
        listen = self.config.server.listen
        settings = WebSettings(
            external_url=self.config.server.external_url,
            version=VERSION,
            listen=listen.host,
            reload=self.reload,
            ready=self._not_ready,
            stop=self.stop,
            now=self._clock.now,
        )
        app = create_app(self.live, settings=settings, callbacks=self.callbacks)
        await serve(app, listen.host, listen.port, self.stop, self._on_started)

    def _on_started(self, host: str, port: int) -> None:
        self.port = port
        log.info("serving", url=self.config.server.external_url, host=host, port=port)

    def _not_ready(self) -> list[str]:
        if not self._running:
            return ["Nines is starting or stopping."]
        return [self.dispatch.problem] if self.dispatch.problem else []

    async def _flush(self) -> None:
        await self.dispatch.flush()
        await self.recount()
        with contextlib.suppress(StorageError):  # the flush has reported it already
            pending = await self.threads.read(self.records.outbox_pending)
            self.pulse.outbox_pending, self.pulse.outbox_oldest = pending
            self.pulse.receivers = await self.threads.read(self._standing)

    async def unpark(self, receiver: str) -> None:
        """Somebody mended it: try it again at once."""
        await self.delivery.unpark(receiver)
        self.pulse.receivers = await self.threads.read(self._standing)

    def _standing(self) -> tuple[ReceiverStanding, ...]:
        """How every configured receiver stands; blocks on storage."""
        known, waiting = self.records.destinations(), self.records.waiting()
        nothing = (0, None)
        return tuple(
            ReceiverStanding(
                name,
                receiver.kind,
                known.get(name) or Destination(name),
                *waiting.get(name, nothing),
            )
            for name, receiver in self.config.alerting.receivers.items()
        )

    async def _tick_at_bucket_edges(self) -> None:
        bucket = self.engine.bucket_seconds
        while True:
            await self._clock.sleep(bucket - self._clock.now().timestamp() % bucket)
            began = self._clock.monotonic()
            suspects = self.engine.suspects(self._clock.now())
            for start in range(0, len(suspects), _TICK_TOGETHER):
                self.judge(suspects[start : start + _TICK_TOGETHER])
                await asyncio.sleep(0)
            now = self._clock.now()
            self.dispatch.submit(self.engine.tick_rules(now))
            await self.look_at_budgets()
            await self.look_at_silences()
            self.broadcast.tell(self.engine.changed(now))
            self.pulse.last_evaluation = self._clock.now()
            self.pulse.evaluation_seconds = self._clock.monotonic() - began

    async def _review_when_due(self) -> None:
        """Look at what is open at every bucket's edge, and when there is a change to come."""
        bucket = self.engine.bucket_seconds
        while True:
            self.dispatch.rescheduled.clear()
            now, due = self._clock.now(), self.dispatch.next_review
            wait = bucket - now.timestamp() % bucket
            if due is not None:
                wait = min(wait, max((due - now).total_seconds(), 0))
            await _first_of(self._clock.sleep(wait), self.dispatch.rescheduled.wait())
            if not self.dispatch.rescheduled.is_set():
                await self.dispatch.review()

    async def _remind(self) -> None:
        told = partial(recorded.standing, self.database)
        await standing.remind(self.receivers, told, self.threads.read, self._clock.now())

    async def _forever(self, job: Callable[[], Awaitable[None]], every: timedelta) -> None:
        while True:
            await self._clock.sleep(every.total_seconds())
            await job()

    async def _reload_on_change(self) -> None:
        self._files = Watch(self._path, self._clock)
        async for _ in self._files:
            await self.reload()

    def _reload_refused(self, problems: tuple[str, ...]) -> ReloadResult:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        self.pulse.config_problem = (
            f"The configuration was not reloaded, the old one goes on: {problems[0]}{more}"
        )
        for problem in problems:
            log.error("reload_refused", problem=problem)
        return ReloadResult(problems)

    def _housekeeping(self) -> AsyncIOScheduler:
        """Calendar work that nothing that pages depends on."""
        scheduler = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        scheduler.add_job(self._measure_storage, id="storage")  # once, at the start
        scheduler.add_job(self._pack, "interval", minutes=5, id="pack")
        scheduler.add_job(self._retain, "interval", hours=1, id="retention")
        scheduler.start()
        return scheduler

    async def _pack(self) -> None:
        """Pack the counts that have come to rest."""
        now = self._clock.now()
        await self._in_turns("packing", lambda: self.counts.pack(now))
        await self._measure_storage()

    async def _measure_storage(self) -> None:
        """Look how much there is, for those who watch it grow."""
        with contextlib.suppress(StorageError):  # the flush has reported it already
            self.pulse.storage_bytes, self.pulse.storage_rows = await self.threads.read(
                lambda: (storage_bytes(self.database), storage_rows(self.database))
            )

    async def _retain(self) -> None:
        """Forget what retention says."""
        now, kept = self._clock.now(), self.config.server.retention
        for indicator in self.engine.indicators:
            indicator.forget(now)
        overlays = {one.number: one.ledger.overlay for one in self.engine.indicators}
        overlays = {number: overlay for number, overlay in overlays.items() if overlay}
        await self._in_turns(
            "retention of counts",
            lambda: self.counts.prune(now, kept.detail, kept.sums, overlays=overlays),
        )
        await self._in_turns(
            "retention of exclusions", lambda: self.exclusion_store.prune(now, kept.sums)
        )
        with contextlib.suppress(StorageError):  # the flush has reported it already
            await self.silencing.prune(kept.sums)
        await self._in_turns("retention of incidents", lambda: self.records.prune(now, kept.sums))
        back = CallbackRecords(self.database)
        await self._in_turns("retention of callbacks", lambda: back.prune(now, CALLBACKS_KEPT))
        await self.threads.write(lambda: self.definitions.prune(now, kept.sums))
        shadows = ShadowRecords(self.database)
        await self._in_turns("retention of shadows", lambda: shadows.prune(now, kept.sums))

    async def _in_turns(self, what: str, work: Callable[[], int]) -> None:
        """Many short transactions, so that flushes and pages have their turn in between."""
        rows = 0
        try:
            while done := await self.threads.write(work):
                rows += done
        except StorageError as error:
            log.warning("housekeeping_put_off", what=what, error=str(error))
        else:
            log.info("housekeeping_done", what=what, rows=rows)


class _Closable(Protocol):
    async def close(self) -> None: ...


async def _close(named: Mapping[str, _Closable]) -> None:
    """Close them all, whatever one of them raises."""
    for name, one in named.items():
        try:
            await one.close()
        except Exception:
            log.exception("close_failed", name=name)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


async def _first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Until one of them is over; the others are given up."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def build_receivers(
    config: Config,
    acknowledge_url: Callable[[Message], str | None] = lambda _: None,
    tell: Callable[[str, str | None], None] = lambda *_: None,
) -> dict[str, Receiver]:
    """Every configured receiver by its name. `tell` hears whose words failed, and why."""
    built: dict[str, Receiver] = {}
    for name, receiver in config.alerting.receivers.items():
        links = {"acknowledge_url": acknowledge_url} if RECEIVERS[receiver.kind].links else {}
        settings = {"external_url": config.server.external_url, **links}
        built[name] = worded(receiver.kind, receiver.config, settings, partial(tell, name))
    return built


def receiver_rates(config: Config) -> dict[str, Rate]:
    """How fast each receiver is told."""
    return {name: receiver.rate for name, receiver in config.alerting.receivers.items()}


def edited_receivers(old: Config, new: Config) -> list[str]:
    """The names of receivers that were there and say something else now."""
    before, after = old.alerting.receivers, new.alerting.receivers
    return [name for name in after if name in before and before[name] != after[name]]


def handle_signals(service: Service) -> None:
    """SIGTERM and SIGINT stop, SIGHUP reloads."""
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[ReloadResult]] = set()

    def reload() -> None:
        task = asyncio.create_task(service.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    def stop() -> None:
        service.told_to_stop = True
        service.stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reload)


def _needs_restart(old: Config, new: Config) -> tuple[str, ...]:
    """What cannot change under a running service."""
    fixed = {
        "listen": (old.server.listen, new.server.listen),
        "external_url": (old.server.external_url, new.server.external_url),
        "database": (old.server.database, new.server.database),
        "bucket": (old.server.bucket, new.server.bucket),
    }
    return tuple(
        f"server.{name} changed: restart Nines to apply it."
        for name, (before, after) in fixed.items()
        if before != after
    )
