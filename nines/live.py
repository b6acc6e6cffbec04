"""The facts behind every page, read from the running engine and from storage."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Protocol

import structlog

from alerting.alert import Alert
from alerting.context import Context
from alerting.incident import Incident
from alerting.incident_times import IncidentTimes
from alerting.notification import AttemptOutcome
from alerting.shadow import ShadowSummary
from alerting.silence import Silence, SilencePlan
from alerting.way import Way
from alerting.wording import NoDataCause
from collectors.lateness import Lateness
from dashboards.glance import Roll
from dashboards.receivers_page import ReceiverStanding, receiver_problems
from dashboards.report_posting import ReportMailStanding
from dashboards.source import (
    Acknowledged,
    Aftermath,
    AsOf,
    ByVersion,
    Changes,
    CollectorHealth,
    ExclusionFile,
    Fired,
    IncidentDetail,
    IncidentPage,
    Point,
    ServiceCard,
    SilenceFile,
    SystemHealth,
    TooMuchError,
    WhyFile,
)
from nines.aftermath import Aftermaths
from nines.annotations import Annotations
from nines.auditor import Auditor
from nines.board import Board
from nines.canaries import Canaries
from nines.changes import Broadcast
from nines.collector_log import CollectorLog
from nines.discovery.following import Following
from nines.dispatch import Dispatch
from nines.engine import Engine
from nines.entry import Entry
from nines.exclusions import Change, Exclusions, Terms, ended, holds_for_any, made, undone
from nines.gatekeeping import Gatekeeping
from nines.logbook import Logbook
from nines.memory import MOST_AS_OF, Memory
from nines.past import Past
from nines.receipts import Receipts
from nines.report_mails import ReportMails
from nines.shadows import Shadows
from nines.silencing import Silencing
from nines.storage.alerts import AlertRecords
from nines.storage.counts import CountStore
from nines.storage.exclusions import ExclusionStore
from nines.tasks import SideTasks
from nines.threads import StorageThreads
from nines.ways import Ways
from nines.why import Why
from slo.alert_state import AlertState
from slo.budget_ledger import BudgetLedger
from slo.definition import steps
from slo.digest import Sheet
from slo.evaluate import NO_DATA
from slo.exclusion import NOTHING, Exclusion, Overlay, Plan
from slo.ledger import BucketDelta
from slo.outlook import Outlook
from slo.planning import PlanError
from slo.rule_status import RuleStatus
from slo.slice_history import SliceHistory
from slo.status import SLOStatus
from slo.versions import Definition, Version, history

log = structlog.get_logger("nines.live")
_NO_COUNTS = (0, 0, 0, 0)


def _point(at: int, left: Sequence[int], raw: Sequence[int]) -> Point:
    good, bad, unknown, seen = left
    excluded = sum(raw[:3]) - good - bad - unknown
    return Point(datetime.fromtimestamp(at, UTC), good, bad, unknown, seen, excluded)


@dataclass(frozen=True, slots=True)
class CollectorCard:
    """A collector as configured; `target` without secrets."""

    id: str
    kind: str
    target: str
    interval: timedelta


@dataclass(slots=True)
class Pulse:
    """How the service itself is doing; written by its tasks, read by pages."""

    started_at: datetime
    config_loaded_at: datetime
    version: str
    last_evaluation: datetime | None = None
    evaluation_seconds: float = 0.0
    config_problem: str | None = None
    outbox_pending: int = 0
    outbox_oldest: datetime | None = None
    receivers: tuple[ReceiverStanding, ...] = ()
    storage_bytes: int | None = None
    storage_rows: Mapping[str, int] = field(default_factory=dict)
    backfilling: dict[str, Fraction] = field(default_factory=dict)  # by collector, how much so far
    notifications: Counter[tuple[str, str]] = field(default_factory=Counter)
    lateness: Lateness = field(default_factory=Lateness)

    template_errors: Counter[str] = field(default_factory=Counter)  # by receiver
    words: dict[str, str] = field(default_factory=dict)  # what was wrong last, by receiver

    def worded(self, receiver: str, problem: str | None) -> None:
        """How a receiver's last message was worded: None, as it was meant to be."""
        if problem is None:
            self.words.pop(receiver, None)
            return
        self.template_errors[receiver] += 1
        self.words[receiver] = problem

    def count_attempt(self, receiver: str, outcome: AttemptOutcome) -> None:
        self.notifications[receiver, str(outcome)] += 1


class Excluding(Protocol):
    """Who keeps the exclusions, and changes them together with the counts."""

    exclusions: Exclusions

    def terms(self) -> Terms: ...

    async def change_exclusions(
        self, decide: Callable[[Exclusions, Terms], Sequence[Change]]
    ) -> None: ...


class Live:
    """Implements dashboards.source.Source."""

    def __init__(
        self,
        *,
        engine: Engine,
        dispatch: Dispatch,
        counts: CountStore,
        records: AlertRecords,
        shadows: Shadows,
        threads: StorageThreads,
        broadcast: Broadcast,
        pulse: Pulse,
        unpark: Callable[[str], Awaitable[None]],
        canary: Callable[[str, str], Awaitable[bool]],
        paced: Callable[[], Mapping[str, datetime]],
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        detail: Callable[[], timedelta],
        sums: Callable[[], timedelta],
        excluding: Excluding,
        trails: ExclusionStore,
        silencing: Silencing,
        receipts: Receipts,
        auditor: Auditor,
        context: Callable[[], Context],
        canaries: Canaries,
        report_mails: ReportMails,
        side_tasks: SideTasks,
        discovery: Following,
        logbook: Logbook,
        gatekeeping: Gatekeeping,
        annotations: Annotations,
    ) -> None:
        """`detail` says how long buckets finer than five minutes are kept, `sums` the others."""
        self._excluding = excluding
        self._engine = engine
        self._dispatch = dispatch
        self._counts = counts
        self._records = records
        self._shadows = shadows
        self._threads = threads
        self._broadcast = broadcast
        self._pulse = pulse
        self._unpark = unpark
        self._canary = canary
        self._paced = paced
        self._canaries = canaries
        self._report_mails = report_mails
        self._side_tasks = side_tasks
        self._discovery = discovery
        self._logbook = logbook
        self._gatekeeping = gatekeeping
        self._annotations = annotations
        self._now = now
        self._board = Board(
            lambda: engine.entries,
            engine.digests,
            engine.take_evaluated,
            lambda: pulse.last_evaluation,
            monotonic,
        )
        self._sums = sums
        self._trails = trails
        self._silencing = silencing
        self._receipts = receipts
        self._auditor = auditor
        self._ways = Ways(records, context, silencing.suppressors)
        self._why = Why(records, receipts, context, self._configured, self.versions)
        self._past = Past(counts, records, engine.bucket_seconds, now, detail)
        self._memory = Memory(self._past, threads)
        self._aftermaths = Aftermaths(self._past, lambda: dict(engine.entries), now)
        self._oldest: tuple[Mapping[str, Entry], datetime | None, datetime] | None = None
        self._definitions: Mapping[str, Sequence[Definition]] = {}
        self._services: tuple[ServiceCard, ...] = ()
        self._collectors: Mapping[str, CollectorCard] = {}
        self.logs: dict[str, CollectorLog] = {}

    def show(self, services: Sequence[ServiceCard], collectors: Sequence[CollectorCard]) -> None:
        """Show these from now on; what is known of collectors that stay is kept."""
        self._services = tuple(services)
        self._collectors = {card.id: card for card in collectors}
        self.logs = {card.id: self.logs.get(card.id) or CollectorLog() for card in collectors}

    def services(self) -> Sequence[ServiceCard]:
        return self._services

    async def roll(self) -> Roll:
        return await self._board.roll()

    def latest_roll(self) -> Roll:
        return self._board.latest

    def sequence(self) -> int:
        return self._broadcast.sequence

    async def close(self) -> None:
        """Stop what is made beside the pages."""
        await self._board.close()

    def slo_ids(self) -> Sequence[str]:
        return list(self._engine.entries)

    def status(self, slo_id: str) -> SLOStatus | None:
        entry = self._engine.entries.get(slo_id)
        return entry.status if entry else None

    def digests(self) -> Sequence[Sheet]:
        return self._engine.digests()

    def tier_states(self, slo_id: str) -> dict[str, AlertState]:
        entry = self._engine.entries.get(slo_id)
        return dict(entry.states) if entry else {}

    def shadow(self, owner: str) -> ShadowSummary | None:
        entry = self._engine.entries.get(owner)
        rule = self._engine.thresholds.watched.get(owner)
        hidden = (entry is not None and entry.slo.shadow) or (rule is not None and rule.rule.shadow)
        return self._shadows.summary(owner, self._now()) if hidden else None

    def rules(self) -> Sequence[RuleStatus]:
        return [one.status() for one in self._engine.thresholds.watched.values()]

    def bucket(self) -> timedelta:
        return timedelta(seconds=self._engine.bucket_seconds)

    def why_silent(self, slo_id: str) -> tuple[NoDataCause, str] | None:
        return self._engine.why_silent(slo_id)

    def collectors(self) -> Sequence[CollectorHealth]:
        return [
            CollectorHealth(
                id=card.id,
                kind=card.kind,
                target=card.target,
                interval=card.interval,
                last=log.last,
                lateness=log.lateness,
                recent=tuple(log.recent),
                runs=dict(log.runs),
            )
            for card in self._collectors.values()
            for log in (self.logs[card.id],)
        ]

    def health(self) -> SystemHealth:
        pulse = self._pulse
        return SystemHealth(
            started_at=pulse.started_at,
            last_evaluation=pulse.last_evaluation,
            evaluation_seconds=pulse.evaluation_seconds,
            outbox_pending=pulse.outbox_pending,
            outbox_oldest=pulse.outbox_oldest,
            config_loaded_at=pulse.config_loaded_at,
            config_ok=pulse.config_problem is None,
            version=pulse.version,
            problems=tuple(self._problems()),
            template_errors=dict(self._pulse.template_errors),
            storage_bytes=pulse.storage_bytes,
            backfilling=dict(pulse.backfilling),
            storage_rows=pulse.storage_rows,
            discovered=self._discovery.targets(),
            overdue=self._auditor.overdue,
            lateness=pulse.lateness.so_far(),
            heartbeat=self._auditor.heartbeat if self._auditor.beats else None,
        )

    def receivers(self) -> Sequence[ReceiverStanding]:
        paced = self._paced()
        return [replace(one, paced_until=paced.get(one.name)) for one in self._pulse.receivers]

    async def unpark(self, receiver: str, by: str) -> bool:
        if receiver not in {one.name for one in self._pulse.receivers}:
            return False
        await self._unpark(receiver)
        log.info("receiver_unparked", receiver=receiver, by=by)
        return True

    async def canary(self, receiver: str, by: str) -> bool | None:
        if receiver not in {one.name for one in self._pulse.receivers}:
            return None
        return await self._canary(receiver, by)

    async def report_mails(self) -> Sequence[ReportMailStanding]:
        return await self._report_mails.standing()

    async def mail_report(self, name: str, period: str | None, by: str) -> str:
        return await self._report_mails.send(name, period, by)

    async def ways(
        self, labels: Mapping[str, str], at: datetime
    ) -> tuple[Mapping[str, str], Sequence[Way]]:
        return await self._threads.read(lambda: self._ways.of(labels, at))

    def notifications_total(self) -> dict[tuple[str, str], int]:
        return dict(self._pulse.notifications)

    async def points(
        self, slo_id: str, start: datetime, end: datetime, step: timedelta
    ) -> Sequence[Point]:
        entry = self._engine.entries.get(slo_id)
        if entry is None:
            return []
        series, seconds = entry.indicator.number, int(step.total_seconds())
        overlay = entry.ledger.overlay

        def read(under: Overlay) -> dict[int, Sequence[int]]:
            rows = self._counts.points(series, start, end, seconds, under)
            return {at: counts for at, *counts in rows}

        found = await self._threads.read(lambda: read(overlay))
        raw = await self._threads.read(lambda: read(NOTHING)) if overlay else found
        return [
            _point(at, found.get(at, _NO_COUNTS), raw.get(at, _NO_COUNTS))
            for at in range(int(start.timestamp()), int(end.timestamp()), seconds)
        ]

    async def causes(self, slo_id: str, start: datetime, end: datetime) -> dict[str, int]:
        entry = self._engine.entries.get(slo_id)
        if entry is None:
            return {}
        series = entry.indicator.number
        overlay = entry.ledger.overlay
        return await self._threads.read(lambda: self._counts.causes(series, start, end, overlay))

    async def budget_ledger(
        self, slo_id: str, start: datetime | None, end: datetime
    ) -> BudgetLedger | None:
        entry = self._engine.entries.get(slo_id)
        if entry is None:
            return None
        return await self._threads.read(lambda: self._past.budget_ledger(entry, start, end))

    async def outlook(self, slo_id: str, at: datetime) -> Outlook | None:
        entry = self._engine.entries.get(slo_id)
        if entry is None:
            return None
        return await self._threads.read(lambda: self._past.outlook(entry, at))

    async def steps(
        self, slo_id: str, start: datetime, end: datetime, width: timedelta
    ) -> Sequence[BucketDelta]:
        entry = self._engine.entries.get(slo_id)
        if entry is None:
            return []
        return await self._threads.read(lambda: self._past.steps(entry, start, end, width))

    async def slices(self, slo_id: str, start: datetime, end: datetime) -> SliceHistory | None:
        entry = self._engine.entries.get(slo_id)
        if entry is None:
            return None
        return await self._threads.read(lambda: self._past.slices(entry, start, end))

    async def as_of(self, at: datetime, slo_ids: Sequence[str] | None) -> Sequence[AsOf]:
        wanted = self._engine.entries if slo_ids is None else slo_ids
        entries = [self._engine.entries[one] for one in wanted if one in self._engine.entries]
        if len(entries) > MOST_AS_OF:
            raise TooMuchError(
                f"{len(entries):,} SLOs at a moment in the past are too many to count again at "
                f"once ({MOST_AS_OF:,} are not): ask for one service, or for one SLO."
            )
        return await self._memory.recall(entries, at, self._now())

    def kept_since(self) -> datetime | None:
        earliest = self._earliest()
        return None if earliest is None else max(earliest, self._now() - self._sums())

    def _earliest(self) -> datetime | None:
        """When the oldest booking was due; looked for once for each evaluation."""
        entries, evaluated = self._engine.entries, self._pulse.last_evaluation
        kept = self._oldest
        if kept is not None and kept[0] is entries and kept[1] == evaluated:
            return kept[2]
        watched = [entry.ledger.watched_since for entry in entries.values()]
        earliest = min((at for at in watched if at is not None), default=None)
        if earliest is not None:
            self._oldest = entries, evaluated, earliest
        return earliest

    async def incidents_at(
        self, at: datetime, *, service: str | None, limit: int
    ) -> Sequence[Incident]:
        return await self._threads.read(lambda: self._records.incidents_at(at, service, limit))

    def define(self, definitions: Mapping[str, Sequence[Definition]]) -> None:
        """These are the versions of every SLI's SLOs from now on, oldest first."""
        self._definitions = definitions

    def versions(self, slo_id: str) -> Sequence[Version]:
        entry = self._engine.entries.get(slo_id)
        return history(self._definitions.get(entry.slo.sli_id, ())) if entry is not None else ()

    async def by_version(self, slo_id: str, number: int, at: datetime) -> ByVersion | None:
        found = {version.definition.number: version for version in self.versions(slo_id)}
        entry, version = self._engine.entries.get(slo_id), found.get(number)
        if entry is None or version is None:
            return None
        told = await self._threads.read(
            lambda: self._past.by_definition(entry, version.definition, at)
        )
        return ByVersion(version, told)

    async def incidents_of(self, slo_id: str, start: datetime, end: datetime) -> Sequence[Incident]:
        entry = self._engine.entries.get(slo_id)
        if entry is None:
            return []
        return await self._threads.read(lambda: self._past.incidents_of(entry, start, end))

    async def slos_of(self, incident_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        if not incident_ids:
            return {}
        return await self._threads.read(lambda: self._records.slos_of(incident_ids))

    async def incidents(
        self, *, state: str | None, service: str | None, cursor: str | None, limit: int
    ) -> IncidentPage:
        return await self._threads.read(
            lambda: self._records.incidents(
                state=state, service=service, cursor=cursor, limit=limit
            )
        )

    async def incident(self, incident_id: str) -> IncidentDetail | None:
        def look() -> IncidentDetail | None:
            detail = self._records.incident_detail(incident_id)
            return None if detail is None else replace(detail, receipts=self._receipts.of(detail))

        return await self._threads.read(look)

    async def why(self, alert_id: str) -> WhyFile | None:
        return await self._threads.read(lambda: self._why.of(alert_id))

    async def why_several(
        self, detail: IncidentDetail, alerts: Sequence[Alert]
    ) -> Sequence[WhyFile]:
        return await self._threads.read(lambda: self._why.of_several(detail, alerts))

    async def fired(self, owner: str, at: datetime) -> Fired:
        return await self._threads.read(lambda: self._why.fired(owner, at))

    async def named(self, name: str, at: datetime | None, limit: int) -> Sequence[WhyFile]:
        return await self._threads.read(lambda: self._why.named(name, at, limit))

    async def aftermath(self, detail: IncidentDetail) -> Aftermath:
        return await self._threads.read(lambda: self._aftermaths.of(detail))

    async def incident_times(
        self, start: datetime, end: datetime, limit: int
    ) -> Sequence[tuple[Incident, IncidentTimes]]:
        return await self._threads.read(lambda: self._aftermaths.times(start, end, limit))

    def _configured(self, rule: str) -> bool:
        """Whether a rule, by its key, is one of those that are watched."""
        slo_id, _, key = rule.partition("#")
        entry = self._engine.entries.get(slo_id)
        if entry is not None:
            return key == NO_DATA or any(tier.key == key for tier in entry.slo.tiers)
        return any(rule in one.keys for one in self._engine.thresholds.watched.values())

    async def acknowledge(self, incident_id: str, by: str) -> Acknowledged | None:
        known, vain = await self._dispatch.acknowledge(incident_id, by)
        detail = await self.incident(incident_id) if known else None
        return None if detail is None else Acknowledged(detail, vain)

    async def note(self, incident_id: str, text: str, by: str) -> bool:
        return await self._dispatch.note(incident_id, text, by)

    async def escalate(self, incident_id: str, by: str) -> Sequence[str] | None:
        return await self._dispatch.escalate(incident_id, by)

    def exclusions(self) -> Sequence[Exclusion]:
        return list(self._excluding.exclusions.by_id.values())[::-1]

    def excluded_slos(self, exclusion: Exclusion) -> tuple[str, ...]:
        labels = {card.name: card.labels for card in self._services}
        by_sli = {entry.slo.sli_id: entry.slo for entry in self._engine.entries.values()}
        return tuple(
            slo_id
            for slo_id, entry in self._engine.entries.items()
            if holds_for_any(exclusion.scope, steps(entry.slo, by_sli), labels)
        )

    def excluded(
        self, slo_id: str, start: datetime, end: datetime
    ) -> Sequence[tuple[datetime, datetime]]:
        entry = self._engine.entries.get(slo_id)
        return [] if entry is None else entry.ledger.overlay.periods(start, end)

    async def exclusion(self, exclusion_id: str) -> ExclusionFile | None:
        exclusion = self._excluding.exclusions.by_id.get(exclusion_id)
        if exclusion is None:
            return None
        trail = await self._threads.read(lambda: self._trails.trail(exclusion_id))
        return ExclusionFile(exclusion, tuple(trail), self.excluded_slos(exclusion))

    def try_exclusion(self, plan: Plan) -> Exclusion:
        exclusion, _ = made(plan, self._excluding.terms(), self._excluding.exclusions)
        if not self.excluded_slos(exclusion):
            raise PlanError("scope", f"there is no SLO for {plan.scope.label}")
        return exclusion

    async def exclude(self, plan: Plan) -> Exclusion:
        self.try_exclusion(plan)
        return await self._change(lambda known, terms: made(plan, terms, known))

    async def end_exclusion(self, exclusion_id: str, by: str) -> Exclusion | None:
        if exclusion_id not in self._excluding.exclusions.by_id:
            return None
        return await self._change(
            lambda known, terms: ended(known.by_id[exclusion_id], by, terms.now)
        )

    async def undo_exclusion(self, exclusion_id: str, by: str) -> Exclusion | None:
        if exclusion_id not in self._excluding.exclusions.by_id:
            return None
        return await self._change(
            lambda known, terms: undone(known.by_id[exclusion_id], by, terms.now)
        )

    async def _change(self, decide: Callable[[Exclusions, Terms], Change]) -> Exclusion:
        done: list[Change] = []

        def decide_once(known: Exclusions, terms: Terms) -> list[Change]:
            done.append(decide(known, terms))
            return done

        await self._excluding.change_exclusions(decide_once)
        return done[0][0]

    def silences(self) -> Sequence[Silence]:
        return list(self._silencing.silences.by_id.values())[::-1]

    def active_silences(self) -> int:
        return sum(1 for _ in self._silencing.silences.active(self._now()))

    def muted_alerts(self) -> int:
        return self._silencing.muted_alerts

    async def silence(self, silence_id: str) -> SilenceFile | None:
        return await self._silencing.file(silence_id)

    async def try_silence(self, plan: SilencePlan) -> SilenceFile:
        return await self._silencing.preview(plan)

    async def make_silence(self, plan: SilencePlan, instead_of: str | None = None) -> Silence:
        return await self._silencing.make(plan, instead_of)

    async def end_silence(self, silence_id: str, by: str) -> Silence | None:
        return await self._silencing.end(silence_id, by)

    def logbook(self) -> Logbook:
        return self._logbook

    def gatekeeping(self) -> Gatekeeping:
        return self._gatekeeping

    def annotations(self) -> Annotations:
        return self._annotations

    def changes(self) -> Changes:
        return self._broadcast.subscribe()

    def _problems(self) -> list[str]:
        problems = []
        pulse, now = self._pulse, self._now()
        if self._dispatch.problem:
            problems.append(self._dispatch.problem)
        if aside := self._dispatch.set_aside:
            problems.append(
                f"By a fault of Nines itself {aside} counts could not be stored and are missing in"
                " budgets once it starts anew; they are in the log as counts_set_aside."
            )
        if pulse.config_problem:
            problems.append(pulse.config_problem)
        if self._engine.setback is not None:
            problems.append(self._engine.setback.sentence)
        problems += [
            f"The last message to {receiver} was {problem}."
            for receiver, problem in sorted(pulse.words.items())
        ]
        behind = now - (pulse.last_evaluation or pulse.started_at)
        if behind > timedelta(seconds=max(30, 3 * self._engine.bucket_seconds)):
            problems.append(
                f"Evaluation is behind: the last one was {behind.total_seconds():.0f} s ago."
            )
        problems += self._side_tasks.problems()
        problems += self._discovery.problems()
        problems += self._auditor.problems()
        problems += receiver_problems(pulse.receivers)
        problems += self._canaries.problems()
        problems += self._report_mails.problems()
        if pulse.outbox_oldest and now - pulse.outbox_oldest > timedelta(minutes=2):
            waited = (now - pulse.outbox_oldest).total_seconds() / 60
            problems.append(
                f"{pulse.outbox_pending} notifications wait to be delivered, "
                f"the oldest for {waited:.0f} min."
            )
        problems += [
            f"{slo_id} cannot be judged, by a fault of Nines: {why}"
            for slo_id, why in sorted(self._engine.faults.items())
        ]
        problems += [
            f"The alert {one.rule.service}/{one.rule.name} cannot be judged, by a fault of Nines: "
            f"{one.fault}"
            for one in self._engine.thresholds.watched.values()
            if one.fault
        ]
        for card in self._collectors.values():
            last = self.logs[card.id].last
            if last is not None and last.outcome == "unknown":
                problems.append(f"Collector {card.id} could not look: {last.detail}")
        return problems
