"""The grounds on which an alert was told or not, as they were: for "why was I (not) paged?"."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from alerting.suppressor import Suppressor

KNOWN_ALREADY = "was told at"  # how what is decided for a receiver begins that knows of it


@dataclass(frozen=True, slots=True)
class Course:
    """One route that took an alert, on the terms of that moment, and who held it back there.

    Times are as they are configured: `30s`. `escalate` are clauses: `15m: lead`.
    """

    route: str
    receivers: tuple[str, ...]
    group: Mapping[str, str] = field(default_factory=dict)
    group_wait: str = ""
    group_interval: str = ""
    repeat_interval: str | None = None
    failover: tuple[str, ...] = ()
    escalate: tuple[str, ...] = ()
    held_by: tuple[Suppressor, ...] = ()

    @property
    def terms(self) -> "Course":
        """It without what holds back there, which time alone changes."""
        return replace(self, held_by=())


@dataclass(frozen=True, slots=True)
class Grounds:
    """What was decided about one alert at `at`, and on what that rested.

    `what` is the news of that moment, empty where only others' were. `words` say what was decided
    for each receiver, by its name.
    """

    incident_id: str
    alert_id: str
    at: datetime
    labels: Mapping[str, str]
    courses: tuple[Course, ...]
    words: Mapping[str, str]
    what: str = ""
