"""A notification: one message about one incident to one receiver, logged before it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from alerting.alert import AlertKind, Facts
from alerting.lease import Lease
from alerting.origin import Origin
from slo.severity import Severity


class NotificationKind(StrEnum):
    TRIGGER = "trigger"
    UPDATE = "update"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    NOTICE = "notice"  # said once; it leaves nothing open
    MISSED = "missed"  # fired and resolved before anything of it was delivered; said once
    REPORT = "report"  # about delivery itself, in its own words; said once
    CANARY = "canary"  # nothing but that the receiver can be reached; said once
    DIGEST = "digest"  # many messages in one; said once

    @property
    def alone(self) -> bool:
        """Said once: nothing goes on in its place, and it leaves nothing open."""
        return self in (
            NotificationKind.NOTICE,
            NotificationKind.MISSED,
            NotificationKind.REPORT,
            NotificationKind.CANARY,
            NotificationKind.DIGEST,
        )

    @property
    def over(self) -> bool:
        """Tells that nothing fires for this receiver any more."""
        return self in (NotificationKind.RESOLVE, NotificationKind.MISSED)

    @property
    def stands(self) -> bool:
        """Tells how an incident stands: the last such is what a receiver knows of it."""
        return self.over or not self.alone


class NotificationState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up, for a stated reason
    SKIPPED = "skipped"  # there was nothing left to say with it, for a stated reason
    DIGESTED = "digested"  # it is told in a digest; finished as soon as that has arrived

    def arrived(self, finished_at: datetime | None) -> bool:
        """Whether the receiver took what is in this state, by itself or in a digest."""
        in_digest = self is NotificationState.DIGESTED and finished_at is not None
        return self is NotificationState.DELIVERED or in_digest


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert as a message shows it.

    `labels` are those that routes match on; none of one from outside, whose origin has them, and of
    what an older version decided.
    """

    rule: str
    slo: str
    kind: AlertKind
    severity: Severity
    started_at: datetime
    ended_at: datetime | None
    facts: Facts
    dashboard_url: str
    origin: Origin | None = None  # of one from outside
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """Everything that a receiver may say. Fixed when it was decided; receivers only shape it."""

    notification_id: str
    incident_id: str
    revision: int
    kind: NotificationKind
    receiver: str
    severity: Severity
    service: str
    service_title: str
    title: str  # one line, at most 200 characters
    what_changed: str  # one sentence: why this message is sent now
    opened_at: datetime
    decided_at: datetime
    incident_url: str
    alerts: tuple[AlertLine, ...]  # firing first, then resolved; loudest first
    owner: str | None = None
    runbook: str | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    linked_to: str | None = None
    # The first alert of the incident that concerned this receiver, the same in all its messages.
    first_slo: str = ""
    first_severity: Severity | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    # A template's words, put in while it is sent; empty: the built-in ones.
    story: str = ""
    html: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """A row of the outbox.

    `alerts` are the ids of those it says to be firing; None, of one that an older version decided:
    all that fired then. `failover` are the receivers left to try, in this order, should it fail;
    `instead_of` is the one that it was decided for, where another gets it in its place. `digest` is
    the id of the one that tells it, with others, or that was to and was given up.
    """

    id: str
    incident_id: str
    receiver: str
    kind: NotificationKind
    revision: int
    severity: Severity
    message: Message
    state: NotificationState
    created_at: datetime
    next_attempt_at: datetime
    attempts: int = 0
    finished_at: datetime | None = None
    reason: str = ""  # why it is sent; once failed or skipped: why it was not
    alerts: tuple[str, ...] | None = None
    failover: tuple[str, ...] = ()
    instead_of: str = ""
    lease: Lease | None = None  # who sends it at this moment
    digest: str = ""

    @property
    def arrived(self) -> bool:
        """Whether its receiver took it, by itself or in a digest."""
        return self.state.arrived(self.finished_at)

    @property
    def over(self) -> bool:
        """Tells that nothing of what it was decided for fires any more; as an update where its
        receiver was told of more, which still fires.
        """
        return self.kind.over or (self.alerts == () and not self.kind.alone)

    def of_kind(self, kind: NotificationKind) -> "Notification":
        """The same, said as another kind."""
        return replace(self, kind=kind, message=replace(self.message, kind=kind))


class AttemptOutcome(StrEnum):
    """How one try ended."""

    OK = "ok"
    RETRY = "retry"
    PERMANENT = "permanent"
    AMBIGUOUS = "ambiguous"  # it may have arrived: the answer was lost, or our process died


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver, written before the call and completed after it.

    Its number is its fencing token: numbers only rise, and only the newest may be completed.
    """

    notification_id: str
    number: int
    started_at: datetime
    ended_at: datetime | None = None
    outcome: AttemptOutcome | None = None
    status: int | None = None  # HTTP or SMTP
    detail: str = ""
    by: str = ""  # the worker that makes it


Handle = Mapping[str, str]  # what a receiver needs to go on in the same place (Slack: channel, ts)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The other side's yes."""

    detail: str
    status: int | None = None
    handle: Handle | None = None  # None: keep the one that is stored
    problem: str | None = None  # what was wrong with the words it went out in


class DeliveryError(Exception):
    """A delivery that failed: a sentence for the person on call, and whether to try again."""

    def __init__(
        self,
        message: str,
        *,
        outcome: AttemptOutcome = AttemptOutcome.RETRY,
        status: int | None = None,
        retry_after: timedelta | None = None,
        parks: bool = False,
    ) -> None:
        """`parks`: no other message would get through either, until somebody mends something."""
        super().__init__(message)
        self.outcome = outcome
        self.status = status
        self.retry_after = retry_after
        self.parks = parks


class Receiver(Protocol):
    """One destination. `deliver` never retries; it returns a Receipt or raises DeliveryError."""

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt: ...

    async def close(self) -> None: ...
