"""One SLO under watch: how its rules stand, and its status when somebody asks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nines.indicator import Indicator
from nines.looks import Moment
from slo.alert_state import AlertState
from slo.definition import SLO
from slo.ledger import Ledger
from slo.status import SLOStatus


@dataclass(frozen=True, slots=True)
class Told:
    """A status, and what it was made from."""

    status: SLOStatus
    at: Moment
    revision: int
    states: Mapping[str, AlertState]


@dataclass(slots=True)
class Entry:
    """One SLO under watch, judged over its SLI: its rules' states, and its status when asked."""

    slo: SLO
    indicator: Indicator
    states: dict[str, AlertState] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)  # tiers gone, and who took their place
    watched_from: datetime | None = None  # None: since the engine is awake
    told: Told | None = field(default=None, init=False, repr=False)
    tell: "Callable[[Entry], SLOStatus | None] | None" = field(
        default=None, init=False, repr=False, compare=False
    )

    @property
    def ledger(self) -> Ledger:
        return self.indicator.ledger

    @property
    def status(self) -> SLOStatus | None:
        """As of the newest look at it; made when somebody asks. None before there was one."""
        return None if self.tell is None else self.tell(self)


def rule_key(slo: SLO, key: str) -> str:
    """What names a rule over its episodes: `service/slo#page:1h:5m`."""
    return f"{slo.id}#{key}"
