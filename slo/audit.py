"""Who did what to something planned, and how it was before and after."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of a trail: `before` (None when it was made) and `after`, as JSON."""

    subject_id: str
    at: datetime
    by: str
    action: str  # created, changed, ended, undone
    before: str | None
    after: str
