"""The pages of who somebody is: signing in, setting up, one's own account, the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards import format as write
from dashboards.access_facts import AuditRecord, TokenCard, changes
from dashboards.format import Moment
from dashboards.links import with_query


@dataclass(frozen=True, slots=True)
class SignInView:
    """The form. `next`: where it leads. `setup`: it makes the first admin, by a token."""

    next: str
    name: str = ""
    wrong: str = ""
    by_password: bool = True
    oidc: str | None = None
    oidc_url: str = ""
    setup: bool = False
    token: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token in the list; `used` None: never."""

    id: str
    name: str
    roles: str
    by: str
    state: str
    expires: Moment
    used: Moment | None


@dataclass(frozen=True, slots=True)
class AccountView:
    """One's own account. `made`: a token that is shown this once."""

    name: str
    roles: str
    has_password: bool
    tokens: tuple[TokenRow, ...]
    roles_to_give: tuple[str, ...]
    owners: str
    made: str | None = None
    notice: str | None = None
    wrong: str | None = None
    field: str = ""


def token_rows(tokens: Sequence[TokenCard], now: datetime) -> tuple[TokenRow, ...]:
    """Valid ones first, newest first."""
    ordered = sorted(tokens, key=lambda one: one.created_at, reverse=True)
    return tuple(
        TokenRow(
            id=one.id,
            name=one.name,
            roles=one.roles,
            by=one.by,
            state=one.state(now),
            expires=write.moment(one.expires_at, now),
            used=None if one.used_at is None else write.moment(one.used_at, now),
        )
        for one in sorted(ordered, key=lambda one: one.state(now) != "valid")
    )


@dataclass(frozen=True, slots=True)
class AuditRow:
    at: Moment
    by: str
    address: str
    action: str
    subject: str
    changes: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class AuditView:
    """A page of the log, newest first. `older`: the address of the next."""

    rows: tuple[AuditRow, ...]
    by: str
    action: str
    older: str | None
    wrong: str | None = None


def audit_view(
    records: Sequence[AuditRecord], *, by: str, action: str, before: int | None, now: datetime
) -> AuditView:
    """The page; `before` goes on after it."""
    return AuditView(
        rows=tuple(
            AuditRow(
                at=write.moment(one.at, now),
                by=one.by,
                address=one.address,
                action=one.action,
                subject=one.subject,
                changes=changes(one),
            )
            for one in records
        ),
        by=by,
        action=action,
        older=None if before is None else with_query("/audit", before=before, by=by, action=action),
    )
