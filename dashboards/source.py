"""What a page may ask for. Implemented by the wiring; read-only, and never raw observations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import ClassVar, Protocol

from alerting.alert import Alert, ShadowAlert
from alerting.audit import Overdue
from alerting.grounds import Course, Grounds
from alerting.heartbeat import Heartbeat
from alerting.incident import Incident, IncidentEvent
from alerting.incident_times import IncidentTimes
from alerting.notification import Attempt, Notification
from alerting.receipt import Known
from alerting.shadow import ShadowSummary
from alerting.silence import Silence, SilencePlan
from alerting.similar import Similar
from alerting.way import Way
from alerting.wording import NoDataCause
from collectors.lateness import LateRuns
from collectors.observation import Observation
from dashboards.glance import Roll
from dashboards.logbook import Annotations, Gatekeeping, Logbook
from dashboards.receivers_page import ReceiverStanding
from dashboards.report_posting import ReportMailStanding
from slo.alert_state import AlertState
from slo.audit import AuditEntry
from slo.budget_ledger import BudgetLedger
from slo.digest import Sheet
from slo.exclusion import Exclusion, Plan
from slo.ledger import BucketDelta
from slo.outlook import Outlook
from slo.rule_status import RuleStatus
from slo.slice_history import SliceHistory
from slo.status import SLOStatus
from slo.versions import Version


@dataclass(frozen=True, slots=True)
class ServiceCard:
    """A service as configured. `slo_ids` and `collectors` are in the file's order."""

    name: str
    title: str
    owner: str | None
    runbook: str | None
    labels: dict[str, str]
    slo_ids: tuple[str, ...]
    collectors: tuple[str, ...]  # service/collector


@dataclass(frozen=True, slots=True)
class Point:
    """The counts of one step of a chart: [start, start + step).

    `seen`: observations that came, also those in which nothing had happened.
    """

    start: datetime
    good: int
    bad: int
    unknown: int
    seen: int = 0
    excluded: int = 0  # events beside these


@dataclass(frozen=True, slots=True)
class CollectorHealth:
    """How one collector is doing. `target` has its secrets removed."""

    id: str
    kind: str
    target: str
    interval: timedelta
    last: Observation | None
    lateness: timedelta | None
    recent: tuple[Observation, ...]  # newest first, at most 100
    runs: dict[str, int]  # by outcome


@dataclass(frozen=True, slots=True)
class SystemHealth:
    """How Nines itself is doing; `problems` are sentences, empty when all is well."""

    started_at: datetime
    last_evaluation: datetime | None
    evaluation_seconds: float
    outbox_pending: int
    outbox_oldest: datetime | None
    config_loaded_at: datetime
    config_ok: bool
    version: str
    problems: tuple[str, ...]
    storage_bytes: int | None = None  # None: not looked yet
    storage_rows: Mapping[str, int] = field(default_factory=dict)  # by table
    template_errors: Mapping[str, int] = field(default_factory=dict)  # by receiver
    discovered: Mapping[str, int] = field(default_factory=dict)  # services, by group
    overdue: tuple[Overdue, ...] = ()
    heartbeat: Heartbeat | None = None  # None: nobody listens for one
    lateness: LateRuns = field(default_factory=LateRuns)  # of all collectors since the start
    backfilling: Mapping[str, Fraction] = field(
        default_factory=dict
    )  # collectors: past read so far


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    incident: Incident
    alerts: tuple[Alert, ...]
    events: tuple[IncidentEvent, ...]  # oldest first
    notifications: tuple[Notification, ...]
    attempts: tuple[Attempt, ...]
    receipts: Mapping[str, Known] = field(default_factory=dict)  # by notification


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An incident that somebody acknowledged; `in_vain` says why that changed nothing."""

    detail: IncidentDetail
    in_vain: str | None = None


@dataclass(frozen=True, slots=True)
class WhyFile:
    """An alert, what was written down of it, and what the configuration of now makes of it.

    `labels` and `courses` are those that it would have now; `courses` None: its rule is no longer
    configured. `edits` are the definitions of its SLO that came into force after it began.
    """

    alert: Alert
    detail: IncidentDetail
    grounds: tuple[Grounds, ...]  # oldest first
    labels: Mapping[str, str]
    courses: tuple[Course, ...] | None
    edits: tuple[Version, ...] = ()


@dataclass(frozen=True, slots=True)
class Fired:
    """What fired of one SLO or threshold rule at a moment; `shadows` told nobody."""

    alerts: tuple[Alert, ...]
    shadows: tuple[ShadowAlert, ...] = ()


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What an incident came to. `costs` are of each SLO in it, and of those beside it in its
    service that lost budget, from `since` to its end, or to now.

    `began` is when it first did harm; None: not known. Without it, `since` is when it was opened.
    `learning` are those of whose budget too little was seen to tell a share of it. `excluded`:
    which stretches of that time did not count.
    """

    times: IncidentTimes
    began: datetime | None
    since: datetime
    costs: tuple[tuple[str, BudgetLedger], ...]  # by the SLO's id
    similar: tuple[Similar, ...]
    learning: frozenset[str] = frozenset()
    excluded: tuple[tuple[str, tuple[tuple[datetime, datetime], ...]], ...] = ()  # by the SLO's id

    def spent(self, slo_id: str, ledger: BudgetLedger) -> Fraction | None:
        """The share of its whole budget that an SLO lost; None: not known, or not yet."""
        return None if slo_id in self.learning else ledger.spent


@dataclass(frozen=True, slots=True)
class MailLink:
    """What the link in a mail is about; `used` says by whom and when, once it was."""

    incident: Incident
    used: str | None


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """A page of incidents, newest first; `next_cursor` goes on after the last one."""

    incidents: tuple[Incident, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class AsOf:
    """An SLO at a moment in the past, with what is known now.

    `states`: the rules that fired. `bucket`: how long the base buckets are.
    """

    status: SLOStatus
    states: Mapping[str, AlertState]
    bucket: timedelta


@dataclass(frozen=True, slots=True)
class ByVersion:
    """An SLO by one of its definitions, over the counts that this one counted.

    `told` is None where they are no longer kept, or this Nines cannot read the definition.
    """

    version: Version
    told: AsOf | None


@dataclass(frozen=True, slots=True)
class ExclusionFile:
    """An exclusion with what was done to it (oldest first), and the SLOs that it is for."""

    exclusion: Exclusion
    trail: tuple[AuditEntry, ...]
    slo_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SilenceFile:
    """A silence with what was done to it (oldest first), and which alerts it takes.

    `now`: of those that fire; `week`: of those of the last seven days (of one that recurs, at its
    times of the week).
    """

    silence: Silence
    trail: tuple[AuditEntry, ...]
    now: tuple[Alert, ...]
    week: tuple[Alert, ...]


class NotAnsweringError(Exception):
    """What the facts are kept in does not answer; in a sentence. `passing`: it will again."""

    passing: ClassVar[bool] = True


class TooMuchError(Exception):
    """More was asked for at once than is good for the rest; in a sentence."""


class Source(Protocol):
    """The facts behind every page, API answer and metric."""

    def bucket(self) -> timedelta:
        """How long the base buckets are."""

    def services(self) -> Sequence[ServiceCard]: ...

    async def roll(self) -> Roll:
        """Every SLO at a glance. Of very many, some may be as they were at the last evaluation."""
        ...

    def latest_roll(self) -> Roll:
        """The one that was asked for last."""
        ...

    def sequence(self) -> int:
        """A number that rises whenever an open page is to hear of a change."""
        ...

    def slo_ids(self) -> Sequence[str]:
        """Every SLO, in the file's order."""

    def status(self, slo_id: str) -> SLOStatus | None: ...

    def digests(self) -> Sequence[Sheet]:
        """What the newest statuses of SLOs at rest say; of some it is not told."""

    def tier_states(self, slo_id: str) -> dict[str, AlertState]:
        """By tier key (`page:1h:5m`), and `no_data`."""

    def shadow(self, owner: str) -> ShadowSummary | None:
        """What people would have been told of an SLO or threshold rule in shadow, by its id; None
        of any other.
        """

    def rules(self) -> Sequence[RuleStatus]:
        """Every threshold rule's newest status, in the file's order."""

    def why_silent(self, slo_id: str) -> tuple[NoDataCause, str] | None:
        """Why observations of it do not come, were they not to; and what the collector says."""

    def collectors(self) -> Sequence[CollectorHealth]: ...

    def health(self) -> SystemHealth: ...

    def receivers(self) -> Sequence[ReceiverStanding]:
        """How every configured receiver stands, in the file's order."""

    async def unpark(self, receiver: str, by: str) -> bool:
        """Try it again at once; False when there is none of that name."""

    async def canary(self, receiver: str, by: str) -> bool | None:
        """Send it a canary; False when one is on its way, None when there is none of that name."""

    async def report_mails(self) -> Sequence[ReportMailStanding]:
        """How every report that is mailed stands, in the file's order."""

    async def mail_report(self, name: str, period: str | None, by: str) -> str:
        """Mail one now; gives what the server said. Raises ReportMailError."""

    async def ways(
        self, labels: Mapping[str, str], at: datetime
    ) -> tuple[Mapping[str, str], Sequence[Way]]:
        """Where the routes would take an alert, and all its labels, those of its service too."""

    def notifications_total(self) -> dict[tuple[str, str], int]:
        """(receiver, outcome) to how many attempts ended so since the start."""

    async def points(
        self, slo_id: str, start: datetime, end: datetime, step: timedelta
    ) -> Sequence[Point]:
        """Counts from start to end; steps are whole multiples of the base bucket."""

    async def causes(self, slo_id: str, start: datetime, end: datetime) -> dict[str, int]:
        """Bad events by cause, largest first."""

    async def budget_ledger(
        self, slo_id: str, start: datetime | None, end: datetime
    ) -> BudgetLedger | None:
        """What [start, end) cost, of the budget of the window that ends then.

        Without a `start` it is that window itself.
        """

    async def outlook(self, slo_id: str, at: datetime) -> Outlook | None:
        """What will be left of its budget, were the weeks after `at` like those before."""

    async def steps(
        self, slo_id: str, start: datetime, end: datetime, width: timedelta
    ) -> Sequence[BucketDelta]:
        """Stored counts of [start, end) in buckets of `width` that are not empty.

        The first and the last are cut where the stretch begins and ends.
        """

    async def slices(self, slo_id: str, start: datetime, end: datetime) -> SliceHistory | None:
        """The closed slices of [start, end); None of an SLO that has none."""

    async def as_of(self, at: datetime, slo_ids: Sequence[str] | None) -> Sequence[AsOf]:
        """These SLOs (None: all), in the file's order, at `at`; back to the last bucket's edge.

        Raises TooMuchError.
        """

    def kept_since(self) -> datetime | None:
        """Since when anything is known of any SLO; None while nothing is."""

    async def incidents_at(
        self, at: datetime, *, service: str | None, limit: int
    ) -> Sequence[Incident]:
        """The newest opened by `at`, at most `limit`, and those open then; as they are now.

        Newest first.
        """

    def versions(self, slo_id: str) -> Sequence[Version]:
        """The definitions that an SLO has had, oldest first; the last one is in force."""

    async def by_version(self, slo_id: str, number: int, at: datetime) -> ByVersion | None:
        """What one of them makes of its counts at `at`; None when there is no such version."""

    async def incidents_of(self, slo_id: str, start: datetime, end: datetime) -> Sequence[Incident]:
        """The incidents that its alerts stood in between `start` and `end`, oldest first."""

    async def slos_of(self, incident_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """By incident, the names of the SLOs whose alerts stand in it, in order of the names."""

    async def incidents(
        self, *, state: str | None, service: str | None, cursor: str | None, limit: int
    ) -> IncidentPage:
        """One page. Raises ValueError for a cursor that is none of its own."""

    async def incident(self, incident_id: str) -> IncidentDetail | None: ...

    async def why(self, alert_id: str) -> WhyFile | None:
        """Why anybody was told of an alert, or nobody; None when there is no such alert."""

    async def why_several(
        self, detail: IncidentDetail, alerts: Sequence[Alert]
    ) -> Sequence[WhyFile]:
        """The same of some alerts of one incident."""

    async def aftermath(self, detail: IncidentDetail) -> Aftermath:
        """What it cost, how long it took, and which incidents of the past resemble it."""

    async def incident_times(
        self, start: datetime, end: datetime, limit: int
    ) -> Sequence[tuple[Incident, IncidentTimes]]:
        """The newest incidents opened in [start, end), at most `limit`; budget notices are none."""

    async def fired(self, owner: str, at: datetime) -> Fired:
        """What fired at `at` of an SLO (`service/slo`) or a threshold rule (`service/rule`)."""

    async def named(self, name: str, at: datetime | None, limit: int) -> Sequence[WhyFile]:
        """All about the alerts from outside of this name (`service/alertname`), oldest first.

        The newest `limit` of those that fired at `at`, or ever.
        """

    async def acknowledge(self, incident_id: str, by: str) -> Acknowledged | None:
        """Acknowledge. On one that is resolved or taken, a note says that nothing changed.

        None when there is no such incident.
        """

    async def note(self, incident_id: str, text: str, by: str) -> bool:
        """Write it into the timeline, and tell nobody. False when there is no such incident."""

    async def escalate(self, incident_id: str, by: str) -> Sequence[str] | None:
        """Tell whom the next step of an escalation would reach; those that are told.

        Nobody where nobody is left or it is resolved, as a note says; None: there is none.
        """

    def exclusions(self) -> Sequence[Exclusion]:
        """All that are remembered, undone or not, newest first."""

    def excluded_slos(self, exclusion: Exclusion) -> tuple[str, ...]:
        """The ids of the SLOs that an exclusion is for."""

    def excluded(
        self, slo_id: str, start: datetime, end: datetime
    ) -> Sequence[tuple[datetime, datetime]]:
        """The stretches of [start, end) that are excluded for an SLO, oldest first."""

    async def exclusion(self, exclusion_id: str) -> ExclusionFile | None: ...

    def try_exclusion(self, plan: Plan) -> Exclusion:
        """What `exclude` would make. Raises PlanError."""

    async def exclude(self, plan: Plan) -> Exclusion:
        """Exclude it from now on; the numbers are the new ones when this returns.

        Raises PlanError.
        """

    async def end_exclusion(self, exclusion_id: str, by: str) -> Exclusion | None:
        """It is over now. None: there is none. Raises PlanError where that cannot be."""

    async def undo_exclusion(self, exclusion_id: str, by: str) -> Exclusion | None:
        """As if it had never been. None: there is none. Raises PlanError where that cannot be."""

    def silences(self) -> Sequence[Silence]:
        """All that are remembered, expired or not, newest first."""

    def active_silences(self) -> int:
        """How many of them mute now."""

    def muted_alerts(self) -> int:
        """How many of the alerts that fire are muted by a silence."""

    async def silence(self, silence_id: str) -> SilenceFile | None: ...

    async def try_silence(self, plan: SilencePlan) -> SilenceFile:
        """What `make_silence` would make, and mute. Raises PlanError."""

    async def make_silence(self, plan: SilencePlan, instead_of: str | None = None) -> Silence:
        """Mute from now on, by the plan's author; `instead_of` names one that it changes.

        That one stays itself where no history is rewritten; else it ends, and another begins.
        Raises PlanError, and LookupError where there is none to change.
        """

    async def end_silence(self, silence_id: str, by: str) -> Silence | None:
        """It is over now. None: there is none. Raises PlanError where that cannot be."""

    def logbook(self) -> Logbook:
        """What was written down beside the counts: deployments."""

    def gatekeeping(self) -> Gatekeeping:
        """The policy of releases, and its overrides."""

    def annotations(self) -> Annotations:
        """What people remarked on services and SLOs."""

    def changes(self) -> "Changes":
        """Subscribe to what changes; close it when the client goes."""


class Changes(Protocol):
    """A bounded stream of changed ids, coalesced; iterate it, then close it."""

    async def next(self, timeout: timedelta) -> "Change | None":
        """The next coalesced change; None on timeout. Raises StopAsyncIteration at shutdown."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Change:
    """`sequence` only rises. `resync`: too much was missed, fetch everything again."""

    sequence: int
    slo_ids: frozenset[str]
    incident_ids: frozenset[str]
    resync: bool = False
