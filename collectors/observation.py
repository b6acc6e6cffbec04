"""What one run of a collector saw."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from slo.exposition import Page


class Outcome(StrEnum):
    """PASSED and FAILED speak of the target; UNKNOWN is our own failure to look."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Cause(StrEnum):
    """Why the target failed: a closed list."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    STATUS = "status"
    BODY = "body"
    LATENCY = "latency"
    ASSERTION = "assertion"
    CERTIFICATE = "certificate"
    PROTOCOL = "protocol"
    # Of a job that tells of its own runs:
    MISSED = "missed"
    LATE = "late"
    FAILED = "failed"
    TOO_LONG = "too long"


class Phase(StrEnum):
    """Where in a run it happened; the values are blackbox_exporter's phase names."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    PROCESSING = "processing"  # request sent to first byte
    TRANSFER = "transfer"
    JUDGE = "judge"  # the answer was read; an assertion looked at it


@dataclass(frozen=True, slots=True)
class ToldRun:
    """A run of a job that tells of its runs: one event, booked at the moment that decided it.

    `label` names the cause of a FAILED one for charts.
    """

    at: datetime
    outcome: Outcome
    label: str
    detail: str


@dataclass(frozen=True, slots=True)
class Told:
    """The runs that were decided since the position before. `position` is stored with them.

    `stands` is how the newest of all is taken now; UNKNOWN before the first.
    """

    runs: tuple[ToldRun, ...]
    position: str
    stands: Outcome


@dataclass(frozen=True, slots=True)
class Observation:
    """One run. `due` is when it should have started; it is booked there. `detail` is a sentence.

    A FAILED run has a cause and a phase; an UNKNOWN one has a detail that says what ailed us.
    `page` holds what a good scrape read, and is None for probes and for failed scrapes.
    """

    collector_id: str  # service/collector
    due: datetime
    started: datetime
    lateness: timedelta
    duration: timedelta
    outcome: Outcome
    cause: Cause | None = None
    phase: Phase | None = None
    detail: str = ""
    phases: Mapping[Phase, timedelta] = field(default_factory=dict)
    http_status: int | None = None
    http_version: str | None = None
    redirects: int = 0
    body_bytes: int | None = None
    tls_version: str | None = None
    certificate_expires: datetime | None = None  # the first of what was presented
    leaf_expires: datetime | None = None
    verified_chain_expires: datetime | None = None
    first_to_expire: str | None = None  # whose certificate is the first of what was presented
    address: str | None = None
    warning: str | None = None
    page: Page | None = None
    told: Told | None = None  # such a look is no event itself
