"""The whole, built from a configuration: what `nines serve` runs. Only here is everything known."""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog

from alerting.alert import Alert, AlertChange
from alerting.audit import Vitals
from alerting.context import Context
from alerting.delivery import Delivery
from alerting.notification import Message, Receiver
from alerting.service import Service as AlertedService
from alerting.shadow import SHOWN
from alerting.wording import spent_most
from collectors.blackbox.probe import Prober
from collectors.runnable import Runnable
from nines import standing
from nines.accounts import Accounts
from nines.alertmanager import Alertmanager
from nines.annotations import Annotations
from nines.auditor import Auditor
from nines.backfill import backfill
from nines.callbacks import Callbacks
from nines.canaries import Canaries
from nines.changes import Broadcast
from nines.clock import Clock, SystemClock
from nines.closing import close_all
from nines.config import Config, ConfigError, Problem, load
from nines.config.saving import nothing_at
from nines.config.watch import digest
from nines.configured import Configured
from nines.confirming import Confirming
from nines.deliveries import Deliveries, DeliveryCollector
from nines.dependants import looks_of
from nines.deploy_hooks import DeployHooks
from nines.discovery.following import Following
from nines.dispatch import Dispatch
from nines.engine import Engine
from nines.first_steps import FirstSteps
from nines.gatekeeping import Gatekeeping
from nines.heartbeats import Heartbeats
from nines.housekeeping import Housekeeping
from nines.ids import ids
from nines.intake import Intake
from nines.live import Live, Pulse
from nines.logbook import Logbook
from nines.notices import Notices
from nines.outbox import Outbox
from nines.own_settings import Gathering
from nines.passwords import Passwords
from nines.past import Past
from nines.pushed_events import PushedEvents
from nines.receipts import Receipts
from nines.receivers import build_receivers, receiver_rates, receiver_shares
from nines.reception import Reception
from nines.recounting import Recounting
from nines.reloading import Reloading
from nines.report_mails import PATIENCE, ReportMails
from nines.resume import book_our_absence, last_page
from nines.rounds import Rounds
from nines.shadows import Shadows
from nines.silencing import Silencing
from nines.status_board import StatusBoard
from nines.storage import recorded
from nines.storage.alerts import AlertRecords
from nines.storage.annotations import AnnotationStore
from nines.storage.callbacks import CallbackRecords
from nines.storage.canaries import canaries
from nines.storage.counts import CountStore
from nines.storage.database import Database
from nines.storage.definitions import DefinitionRecords
from nines.storage.deliveries import deliveries
from nines.storage.deployments import DeploymentRecords
from nines.storage.discovered import DiscoveredRecords
from nines.storage.exclusions import ExclusionStore
from nines.storage.gate_overrides import OverrideStore
from nines.storage.heartbeats import PingRecords
from nines.storage.instance import open_held
from nines.storage.marks import MarkRecords
from nines.storage.outside import OutsideRecords
from nines.storage.overdue import owed
from nines.storage.pushed import PushedRecords
from nines.storage.pushed_events import PushedEventRecords
from nines.storage.report_mails import ReportMailRecords
from nines.storage.shadows import ShadowRecords
from nines.storage.silences import SilenceStore
from nines.storage.status_incidents import StatusIncidentRecords
from nines.storing import Storing
from nines.tasks import SideTasks, end, until_stopped
from nines.threads import StorageThreads
from nines.version import VERSION
from nines.vitals import vitals
from nines.watching import Watching
from slo.exposition import Page
from web.app import create_app
from web.report_making import Reports
from web.report_settings import ReportSettings
from web.safety import is_loopback
from web.serve import serve
from web.settings import WebSettings

log = structlog.get_logger("nines.service")
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
        self.configured = Configured(config)
        self.stop = asyncio.Event()
        self.told_to_stop = False  # by somebody, not by a restore
        self.port: int | None = None  # the one that is served, once it is
        self.threads = StorageThreads()
        self.database: Database
        self.broadcast = Broadcast()
        now = clock.now()
        self.pulse = Pulse(started_at=now, config_loaded_at=now, version=VERSION)
        self.side_tasks = SideTasks(clock)
        self.engine = Engine(int(config.server.bucket.total_seconds()), awake_since=now)
        # Ids have to differ, and nobody has to fail to guess them.
        self._new_id = ids(clock.now, random.Random(secrets.randbits(128)).getrandbits)  # noqa: S311
        self._reloading = asyncio.Lock()
        self._running = False

    @classmethod
    async def open(
        cls,
        path: Path,
        environ: Mapping[str, str],
        clock: Clock | None = None,
        *,
        begins_empty: bool = False,
    ) -> "Service":
        """Load, migrate, resume. Raises ConfigError or StorageError; then nothing is left open.

        `begins_empty`: where there is no file yet, nothing is watched until there is one.
        """
        config = load(path, environ, {}, nothing_at(path) if begins_empty else {})
        service = cls(path, environ, config, clock or SystemClock())
        service.configured.digest = digest(path)
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
        await self._discover()
        self.counts = CountStore(self.database)
        self.records = AlertRecords(self.database)
        self.definitions = DefinitionRecords(self.database)
        marks = await self.threads.read(MarkRecords(self.database).load)
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
            tries=lambda: self.delivery,
            restored=self.stop.set,
            broadcast=self.broadcast,
            new_id=self._new_id,
            marks_of=self.notices.marks_of,
            spent_most=self._spent_most,
            hidden=self.shadows.add,
        )
        self.recounting = Recounting(
            database=self.database,
            threads=self.threads,
            engine=self.engine,
            dispatch=self.dispatch,
            broadcast=self.broadcast,
            config=lambda: self.config,
            reloading=self._reloading,
            now=self._clock.now,
            new_id=self._new_id,
        )
        await self.recounting.load()
        self.intake = Intake(
            records=OutsideRecords(self.database),
            dispatch=self.dispatch,
            threads=self.threads,
            config=lambda: self.config.alerting.alertmanager_api,
            tree=lambda: self.config.alerting.route,
            clock=self._clock,
        )
        await self.intake.load()
        self.reception = Reception(
            records=PushedRecords(self.database),
            threads=self.threads,
            config=lambda: self.config,
            on_loopback=lambda: is_loopback(self.config.server.listen.host),
            clock=self._clock,
        )
        await self.reception.load()
        self.pushed_events = PushedEvents(
            records=PushedEventRecords(self.database),
            counts=self.counts,
            threads=self.threads,
            config=lambda: self.config,
            on_loopback=lambda: is_loopback(self.config.server.listen.host),
            clock=self._clock,
        )
        await self.pushed_events.load()
        self.heartbeats = Heartbeats(
            records=PingRecords(self.database),
            threads=self.threads,
            config=lambda: self.config,
            clock=self._clock,
        )
        await self.heartbeats.load()
        self.receipts = Receipts(
            records=CallbackRecords(self.database),
            alerts=self.records,
            threads=self.threads,
            config=lambda: self.config.alerting,
            clock=self._clock,
            told=self._told_instead,
        )
        self.canaries = Canaries(
            config=lambda: self.config.alerting,
            dispatch=self.dispatch,
            read=partial(canaries, self.database),
            threads=self.threads,
            clock=self._clock,
            moved=lambda: self.outbox.stir(),
        )
        self.report_mails = ReportMails(
            config=lambda: self.config,
            reports=lambda: self._reports,
            records=ReportMailRecords(self.database),
            threads=self.threads,
            clock=self._clock,
            new_id=self._new_id,
        )
        self.deliveries = Deliveries(
            config=lambda: self.config.alerting,
            read=partial(deliveries, self.database),
            anchor=partial(last_page, self.counts, DeliveryCollector.id),
            canaries=lambda: self.canaries.last,
            run=self.threads.read,
            started_at=self.pulse.started_at,
        )
        self.auditor = Auditor(
            config=lambda: self.config.alerting.heartbeat,
            vitals=self._vitals,
            owed=partial(owed, self.database),
            run=self.threads.read,
            clock=self._clock,
        )
        self.logbook = Logbook(
            DeploymentRecords(self.database),
            read=self.threads.read,
            write=self.threads.write,
            now=self._clock.now,
            new_id=self._new_id,
            services=lambda: self.config.services,
            changed=self._has_news,
        )
        self.gatekeeping = Gatekeeping(
            OverrideStore(self.database),
            read=self.threads.read,
            write=self.threads.write,
            now=self._clock.now,
            new_id=self._new_id,
            policy=lambda: self.config.gate.policy,
            slos=lambda: self.config.slo_names,
        )
        self.annotations = Annotations(
            AnnotationStore(self.database),
            read=self.threads.read,
            write=self.threads.write,
            now=self._clock.now,
            new_id=self._new_id,
            slos=lambda: self.config.slo_names,
            changed=self._has_news,
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
            canary=self.send_canary,
            paced=lambda: self.delivery.paced(),
            now=self._clock.now,
            monotonic=self._clock.monotonic,
            detail=lambda: self.config.server.retention.detail,
            sums=lambda: self.config.server.retention.sums,
            excluding=self.recounting,
            trails=ExclusionStore(self.database),
            silencing=self.silencing,
            receipts=self.receipts,
            auditor=self.auditor,
            context=self.context,
            canaries=self.canaries,
            report_mails=self.report_mails,
            side_tasks=self.side_tasks,
            discovery=self.discovery,
            logbook=self.logbook,
            gatekeeping=self.gatekeeping,
            annotations=self.annotations,
        )
        self.board = StatusBoard(
            StatusIncidentRecords(self.database),
            self.live,
            read=self.threads.read,
            write=self.threads.write,
            page=lambda: self.config.status_page,
            now=self._clock.now,
            new_id=self._new_id,
            sleep=self._clock.sleep,
        )
        await self.board.load()
        self._reports = Reports(
            self.live,
            self._clock.now,
            self._report_settings,
            self.config.server.external_url,
            self._clock.monotonic,
            PATIENCE,
        )
        self.outbox = Outbox(
            records=self.records,
            threads=self.threads,
            config=lambda: self.config,
            canaries=lambda: self.canaries.last,
            pulse=self.pulse,
            clock=self._clock,
            moved=self.receipts.moved,
        )
        self.storing = Storing(self.dispatch, self.recounting, self._clock)
        self.rounds = Rounds(
            engine=self.engine,
            dispatch=self.dispatch,
            notices=self.notices,
            silencing=self.silencing,
            live=self.live,
            broadcast=self.broadcast,
            pulse=self.pulse,
            clock=self._clock,
            counted=self.storing.counted,
            confirming=Confirming(
                lambda: self.config,
                self.engine.findings,
                lambda remark: self.dispatch.submit([remark]),
                self._clock.now,
            ),
        )
        self._housekeeping = Housekeeping(
            database=self.database,
            threads=self.threads,
            engine=self.engine,
            silencing=self.silencing,
            pulse=self.pulse,
            kept=lambda: self.config.server.retention,
            now=self._clock.now,
        )
        self.callbacks = await self._open_callbacks()
        self.accounts = Accounts(
            database=self.database,
            threads=self.threads,
            config=lambda: self.config.access,
            on_loopback=is_loopback(self.config.server.listen.host),
            clock=self._clock,
            passwords=Passwords(),
            external_url=self.config.server.external_url,
        )
        self.configured.receivers = self._build_receivers(self.config)
        self.delivery = Delivery(
            self.records,
            self.outbox.deliver,
            self.configured.receivers,
            self._clock,
            random.Random(secrets.randbits(64)),  # noqa: S311 - jitter, no secret
            self.pulse.count_attempt,
            rates=receiver_rates(self.config),
            shares=receiver_shares(self.config),
        )
        self.watching = Watching(
            self.configured,
            path=self._path,
            database=self.database,
            threads=self.threads,
            engine=self.engine,
            dispatch=self.dispatch,
            recounting=self.recounting,
            silencing=self.silencing,
            notices=self.notices,
            live=self.live,
            schedule=self.rounds.schedule,
            own=DeliveryCollector(self.deliveries),
            page_of=self._page_of,
            heartbeats=self.heartbeats,
            now=self._clock.now,
        )
        self.reloading = Reloading(
            self.configured,
            path=self._path,
            environ=self._environ,
            found=lambda: self.discovery.found,
            build=self._build_receivers,
            fill=self._fill,
            lock=self._reloading,
            watching=self.watching,
            rounds=self.rounds,
            dispatch=self.dispatch,
            delivery=self.delivery,
            engine=self.engine,
            broadcast=self.broadcast,
            pulse=self.pulse,
            clock=self._clock,
        )
        await self._fill(self.config)
        await self.watching.watch(self.config)
        missed = book_our_absence(self.engine, self._clock.now())
        if missed:
            log.info("resumed", unknown_observations=missed)

    def _report_settings(self) -> ReportSettings:
        return ReportSettings(self.config.reports.zone, self.config.reports.owners)

    def _page_of(self, collector: Runnable) -> Page:
        """What was sent to a collector so far."""
        where = self.pushed_events if collector.kind == "push" else self.reception
        return where.page(collector.id)

    async def _fill(self, config: Config) -> None:
        """Read the past for collectors that are new in it."""
        await backfill(
            config,
            counts=self.counts,
            threads=self.threads,
            clock=self._clock,
            new_id=self._new_id,
            running=self.engine.targets,
            progress=self.pulse.backfilling,
        )

    async def _discover(self) -> None:
        """Find the targets that come and go, and watch those that are there."""
        path = self._path
        self.discovery = Following(
            config=lambda: self.config,
            directory=path if path.is_dir() else path.parent,
            store=DiscoveredRecords(self.database),
            read=self.threads.read,
            write=self.threads.write,
            reload=lambda: self.reloading.reload(),
            clock=self._clock,
        )
        await self.discovery.begin()
        if self.discovery.found:
            try:
                found = self.discovery.found
                self.configured.config = await asyncio.to_thread(load, path, self._environ, found)
            except ConfigError as error:
                # Better watch the rest than nothing: what one target is called must not stop us.
                self.pulse.config_problem = f"Discovered targets are not watched: {error}"
                log.warning("discovery_refused", problem=str(error))

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
            silence=self.silencing.silence_incident,
        )

    def _has_news(self, service: str) -> None:
        """Something was written down about a service: its pages show it."""
        ids = self.engine.entries
        self.broadcast.tell(slo_ids=[one for one in ids if one.partition("/")[0] == service])

    def _told_instead(self, incident_id: str) -> None:
        self.delivery.notify()
        self.broadcast.tell(incident_ids={incident_id})

    def _build_receivers(self, config: Config) -> dict[str, Receiver]:
        return build_receivers(config, self._acknowledge_url, self.pulse.worded)

    def _acknowledge_url(self, message: Message) -> str:
        """Where a mail's reader acknowledges."""
        token = self.callbacks.link(
            message.incident_id, message.notification_id, message.decided_at
        )
        return f"{self.config.server.external_url.rstrip('/')}/callbacks/mail/{token}"

    def _open_database(self) -> Database:
        # Held before the first write: a second copy must not resolve what the first one watches.
        database, self._hold = open_held(self.config.server.database.value)
        return database

    @property
    def config(self) -> Config:
        """The configuration of now."""
        return self.configured.config

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
                ("store", self.storing.run()),
                ("deliver", self.delivery.run()),
                ("collect", self._collect()),
            )
        ]
        aside = {
            "look at the outbox": self.outbox.run,
            "evaluate as time passes": self.rounds.tick_at_bucket_edges,
            "review what is open": self.rounds.review_when_due,
            "end what is no longer sent": self.intake.run,
            "decide on what was stored": self.intake.decide,
            "say again what stands": self._remind,
            "act on callbacks": self.callbacks.run,
            "watch for receipts": self.receipts.run,
            "audit its own work": self.auditor.run,
            "send canaries": self.canaries.run,
            "mail reports": self.report_mails.run,
            "follow discovered targets": self.discovery.run,
            "count the days of the status page": self.board.run,
        }
        if watch_file:
            aside["follow the configuration's files"] = self.reloading.follow_files
        steady += [
            asyncio.create_task(self.side_tasks.keep(what, run), name=what)
            for what, run in aside.items()
        ]
        serving = [asyncio.create_task(self._serve(), name="serve")] if serve_web else []
        self._housekeeping.start()
        self.rounds.take_up()  # the configuration may have been edited while nobody was here
        try:
            await until_stopped(self.stop, [*steady, *serving])
        finally:
            self._running = False
            self.stop.set()
            self.broadcast.close()
            self._housekeeping.stop()
            await self.live.close()
            await self.delivery.stop(within=_STOP_WITHIN)
            if serving:  # its open streams end by `stop`; it bounds its own wait for them
                await asyncio.wait(serving)
            deciding, *others = steady
            await end(others)
            try:
                # What was seen last is decided on before we go, unless storage refuses.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_SETTLE_WITHIN):
                        await self.dispatch.settle()
            finally:
                await end([deciding])
                await self.dispatch.flush()

    def stop_for_good(self) -> None:
        """Somebody wants it to end."""
        self.told_to_stop = True
        self.stop.set()

    async def close(self) -> None:
        """Let go of receivers, threads and the database."""
        await close_all({**self.configured.leaving, **self.configured.receivers})
        await close_all(self.configured.collectors)
        if hasattr(self, "accounts"):  # it may have been refused before
            await self.accounts.close()
        self.threads.close()
        self._hold.release()
        self.database.close()

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
            present=self.intake.present(self.engine.present_facts()),
            suppressors=self.silencing.suppressors(now),
            inhibitions=self.config.alerting.inhibitions,
            dependencies=self.config.dependencies,
            looks=looks_of(self.config, self.engine),
        )

    def _spent_most(self, change: AlertChange) -> str | None:
        """What took most of the budget that a notice is about; blocks on storage."""
        entry = self.engine.entries.get(f"{change.service}/{change.slo}")
        if entry is None:
            return None
        losses = self._past.budget_ledger(entry, None, change.at).losses
        return spent_most(losses[0]) if losses else None

    async def _collect(self) -> None:
        """Look at every target until we stop."""
        # The schedule meets what is due from now on; what was due since we opened is ours to tell.
        book_our_absence(self.engine, self._clock.now())
        await self.rounds.schedule.run(self.stop)

    async def _serve(self) -> None:
        listen = self.config.server.listen
        settings = WebSettings(
            external_url=self.config.server.external_url,
            version=VERSION,
            listen=listen.host,
            reload=self.reloading.reload,
            ready=self._not_ready,
            overdue=lambda: [one.sentence for one in self.auditor.overdue],
            stop=self.stop,
            now=self._clock.now,
            monotonic=self._clock.monotonic,
            reports=self._report_settings,
            own=Gathering(
                self.configured,
                path=self._path,
                pulse=self.pulse,
                last_reload=lambda: self.reloading.last,
            ).gather,
        )
        alertmanager = Alertmanager(
            intake=self.intake,
            own=self.own_firing,
            context=self.context,
            config=lambda: self.config.alerting,
            on_loopback=is_loopback(listen.host),
            version=VERSION,
            started_at=self.pulse.started_at,
        )
        app = create_app(
            self.live,
            settings=settings,
            callbacks=self.callbacks,
            alertmanager=alertmanager,
            pushes=self.reception,
            events=self.pushed_events,
            heartbeats=self.heartbeats,
            prober=Prober(lambda: self.config.probe_endpoint, self._clock),
            access=self.accounts,
            hooks=DeployHooks(lambda: self.config.deployments, self.logbook, self._clock.now),
            steps=FirstSteps(
                path=self._path,
                environ=self._environ,
                config=lambda: self.config,
                found=lambda: self.discovery.found,
                reload=self.reloading.reload,
                clock=self._clock,
            ),
            board=self.board,
        )
        token = await self.accounts.open()
        if token is not None:
            url = f"{self.config.server.external_url}/setup?token={token}"
            log.warning("no_users_yet", make_the_first_admin_at=url)
        await serve(app, listen.host, listen.port, self.stop, self._on_started)

    async def own_firing(self) -> list[Alert]:
        """Our own alerts that fire, those from outside left out."""
        return await self.threads.read(OutsideRecords(self.database).own_firing)

    def _on_started(self, host: str, port: int) -> None:
        self.port = port
        log.info("serving", url=self.config.server.external_url, host=host, port=port)
        if not self.config.services:
            begin_at = f"{self.config.server.external_url}/start"
            log.warning("nothing_is_watched", first_steps=begin_at)

    def _not_ready(self) -> list[str]:
        if not self._running:
            return ["Nines is starting or stopping."]
        return [self.dispatch.problem] if self.dispatch.problem else []

    def _vitals(self) -> Vitals:
        stored, now = self.storing.stored_until, self._clock.now()
        return vitals(self.engine, self.pulse, self.configured.collectors, stored, now)

    async def unpark(self, receiver: str) -> None:
        """Somebody mended it: try it again at once."""
        await self.delivery.unpark(receiver)
        await self.outbox.look()

    async def send_canary(self, receiver: str, by: str) -> bool:
        """Somebody wants to see that it can be reached; False when one is on its way already."""
        sent = await self.canaries.send(receiver, by)
        await self.outbox.look()
        return sent

    async def _remind(self) -> None:
        told, read = partial(recorded.standing, self.database), self.threads.read
        while True:
            await self._clock.sleep(standing.EVERY.total_seconds())
            await standing.remind(self.configured.receivers, told, read, self._clock.now())
