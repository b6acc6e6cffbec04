"""Users, tokens and the audit log, as plain values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class TokenCard:
    """A token as it may be shown: never itself. `mine`: of whoever asks."""

    id: str
    name: str
    roles: str
    by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None

    def state(self, now: datetime) -> str:
        """In a word."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= now else "valid"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Somebody changed something, or was refused. `before` and `after` are JSON, or not known."""

    number: int
    at: datetime
    by: str
    address: str
    action: str
    subject: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class AuditRecordFacts:
    """The same for programs."""

    number: int
    at: datetime
    by: str
    address: str
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def audit_record_facts(record: AuditRecord) -> AuditRecordFacts:
    """The facts of a record."""
    return AuditRecordFacts(
        number=record.number,
        at=record.at,
        by=record.by,
        address=record.address,
        action=record.action,
        subject=record.subject,
        before=None if record.before is None else json.loads(record.before),
        after=None if record.after is None else json.loads(record.after),
    )


def changes(record: AuditRecord) -> tuple[tuple[str, str, str], ...]:
    """What differs between before and after: the field, and how it was and is."""
    before = json.loads(record.before) if record.before else {}
    after = json.loads(record.after) if record.after else {}
    return tuple(
        (key, _told(before.get(key)), _told(after.get(key)))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )


def _told(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
