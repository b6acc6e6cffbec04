"""Trails of who did what, as plain values and as words."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboards import format as write
from dashboards.format import Moment
from slo.audit import AuditEntry

_ACTIONS = {
    "created": "made it",
    "changed": "changed it",
    "ended": "ended it",
    "undone": "undid it",
    "warned": "told that it ends soon",
}


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """Who did what, and how it was before (None: it was not there) and after."""

    at: datetime
    by: str
    action: str  # created, changed, ended, undone, warned
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]


def audit_facts(trail: Sequence[AuditEntry]) -> tuple[AuditFacts, ...]:
    """The facts of a trail, in its order."""
    return tuple(
        AuditFacts(
            at=entry.at,
            by=entry.by,
            action=entry.action,
            before=None if entry.before is None else json.loads(entry.before),
            after=json.loads(entry.after),
        )
        for entry in trail
    )


def trail_words(trail: Sequence[AuditEntry], now: datetime) -> tuple[tuple[Moment, str], ...]:
    """What was done, newest first, in words."""
    return tuple(
        (write.moment(entry.at, now), f"{entry.by} {_ACTIONS.get(entry.action, entry.action)}")
        for entry in reversed(trail)
    )
