"""An alert: one rule that fires, with the evidence at the moment it changed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alerting.origin import Origin
from slo.severity import Severity


class AlertKind(StrEnum):
    """What sort of rule speaks."""

    BURN = "burn"  # a burn-rate tier
    NO_DATA = "no_data"  # observations stopped coming
    BUDGET = "budget"  # a mark of the error budget was passed: told once, never firing
    THRESHOLD = "threshold"  # a threshold rule
    OUTSIDE = "outside"  # somebody else's rule, such as a Prometheus has


NO_DATA_SEVERITY = Severity.TICKET
NOTICE_SEVERITY = Severity.TICKET


@dataclass(frozen=True, slots=True)
class Facts:
    """The evidence as numbers for people: displayed, never compared. None: not known.

    Ratios are 0..1, times UTC. `headline` is one sentence without the SLO's name; `reason` says
    why the rule is true (or no longer is).
    """

    headline: str
    reason: str
    objective: str = ""  # "99.9"
    window: str = ""  # "30d"
    long: str | None = None  # "1h"
    short: str | None = None  # "5m"
    factor: float | None = None
    burn_long: float | None = None
    burn_short: float | None = None
    bad: int | None = None  # events in the long window
    total: int | None = None
    long_spent_ratio: float | None = None  # share of the whole budget spent in the long window
    budget_left_ratio: float | None = None
    budget_left_seconds: float | None = None
    # While a window is mostly empty, this stands in place of what is left of the budget:
    # "2 of 20 probes failed; the whole 30d budget is 43 min".
    learning: str | None = None
    exhausts_at: datetime | None = None
    lasts: bool | None = None  # at this pace the budget lasts beyond the window
    top_cause: str | None = None  # "status: 212 of 230 failures"
    found: str | None = None  # what a look by other means saw after the first failure
    spent_most: str | None = None  # what took most of the budget, as a sentence
    # Of a threshold rule, which has no objective: what it saw, against which limit, and where.
    measured: str | None = None  # "83.2 %"
    limit: str | None = None  # "above 70% for 5m"
    series: str | None = None  # "instance=a 83.2 %, instance=b 71 %"
    since: datetime | None = None  # of one on a probe: the first run that failed; its end keeps it


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of one rule: from firing to resolved. Resolved when `ended_at` is set.

    `held_by` names what kept it from being told when last somebody looked. `origin`: of one from
    outside, what its sender said when it began.
    """

    id: str
    rule: str  # "service/slo#page:1h:5m", stable over episodes
    service: str
    # The SLO's key: its name, and `@` and which variant where there are several. Of a threshold
    # rule, and of one from outside, its own name.
    slo: str
    kind: AlertKind
    severity: Severity
    started_at: datetime
    facts: Facts
    incident_id: str
    ended_at: datetime | None = None
    held_by: tuple[str, ...] = ()
    origin: Origin | None = None

    @property
    def sli(self) -> str:
        """The SLO's name, whichever of its objectives and windows this is about."""
        return self.slo if self.origin else sli_of(self.slo)

    @property
    def firing(self) -> bool:
        return self.ended_at is None

    def fired_at(self, at: datetime) -> bool:
        """Whether it had begun by then, and was not over yet."""
        return self.started_at <= at and (self.ended_at is None or self.ended_at > at)


def sli_of(slo: str) -> str:
    """The name in an SLO's key: of `requests@99.99` it is `requests`."""
    return slo.partition("@")[0]


@dataclass(frozen=True, slots=True)
class ShadowAlert:
    """One episode of a rule in shadow: recorded, told to nobody, part of no incident.

    `receivers`: whom the routes named when it began.
    """

    id: str
    rule: str
    service: str
    slo: str
    kind: AlertKind
    severity: Severity
    started_at: datetime
    facts: Facts
    receivers: tuple[str, ...]
    ended_at: datetime | None = None

    @property
    def firing(self) -> bool:
        return self.ended_at is None


@dataclass(frozen=True, slots=True)
class AlertChange:
    """The engine says: this rule began (`firing`) or ceased to fire at `at`.

    Of a budget's mark: it was passed, which is told once; or it may be told again from now on.
    `shadow`: nobody is to be told.
    """

    rule: str
    service: str
    slo: str
    kind: AlertKind
    severity: Severity
    firing: bool
    at: datetime
    facts: Facts
    shadow: bool = False
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """Evidence that begins and ends nothing: it belongs to what is open of its service, if any.

    With `incident_id`, to that incident alone.
    """

    service: str
    at: datetime
    text: str
    incident_id: str | None = None
