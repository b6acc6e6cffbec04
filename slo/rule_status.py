"""What is true of a threshold rule at one moment: what every page, API and metric reads."""

from dataclasses import dataclass
from datetime import datetime

from slo.alert_state import AlertState
from slo.outage import Outage
from slo.rule import Rule
from slo.rule_reading import Reading
from slo.status import Verdict


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """Everything there is to say about one rule at `at`.

    `outage` is what a probe's runs came to, of a rule about one. `no_data` is where its no-data
    rule stands. `missing` says why a page has nothing for it, `remark` what a look confirmed not.
    `excluded`: planned work is going on, in which it says nothing.
    """

    rule: Rule
    at: datetime
    reading: Reading
    outage: Outage
    verdict: Verdict
    state: AlertState
    no_data: AlertState
    last_seen: datetime | None = None
    missing: str = ""
    remark: str = ""
    excluded: bool = False
