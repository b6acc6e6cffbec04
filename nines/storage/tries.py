"""How a try to deliver begins and ends, as rows; each is part of one transaction."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Update, bindparam, or_, select, update

from alerting.lease import SKEW, TERM, LeaseError
from alerting.notification import Attempt, AttemptOutcome, Handle
from alerting.result import Result
from nines.storage.codec import mapping_from_json, mapping_to_json
from nines.storage.notification_rows import PENDING, attempt_values, progress
from nines.storage.prepared import Prepared
from nines.storage.schema import Instant, attempts, handles, notifications
from nines.storage.upsert import add, upsert

_LOST = "The answer to this try was never recorded."
_ENDS = ("state", "next_attempt_at", "attempts", "finished_at", "reason")


def _begins() -> Update:
    """Counting the try up locks the row: two processes never get the same number."""
    until, at = notifications.c.leased_until, bindparam("at_", type_=Instant)
    beyond = bindparam("beyond", type_=Instant)
    ours = notifications.c.lease_owner == bindparam("by_")
    return (
        update(notifications)
        .where(
            notifications.c.id == bindparam("id_"),
            PENDING,
            notifications.c.next_attempt_at <= at,
            or_(until.is_(None), ours, until <= at, until > beyond),  # as `Lease.free_at` says
        )
        .values(
            attempts=notifications.c.attempts + 1,
            lease_owner=bindparam("owner"),
            leased_until=bindparam("until", type_=Instant),
        )
        .returning(notifications.c.attempts, notifications.c.incident_id, notifications.c.receiver)
    )


def _set(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: bindparam(f"new_{name}") for name in names}


_BEGIN = Prepared(lambda _: _begins())
_CLOSE = Prepared(
    lambda _: (
        update(attempts)
        .where(attempts.c.ended_at.is_(None), attempts.c.notification_id == bindparam("id_"))
        .values(
            ended_at=bindparam("at_", type_=Instant),
            outcome=AttemptOutcome.AMBIGUOUS,
            detail=_LOST,
        )
    )
)
_HANDLE = Prepared(
    lambda _: select(handles.c.handle).where(
        handles.c.incident_id == bindparam("incident"), handles.c.receiver == bindparam("to")
    )
)
_END = Prepared(
    lambda _: (
        update(notifications)
        .where(
            notifications.c.id == bindparam("id_"),
            notifications.c.attempts == bindparam("number_"),
            notifications.c.lease_owner == bindparam("by_"),
            PENDING,
        )
        .values(**_set(_ENDS), lease_owner=None, leased_until=None)
    )
)
_HOW = ("started_at", "ended_at", "outcome", "status", "detail", "by")
_SAY_HOW = Prepared(
    lambda _: (
        update(attempts)
        .where(
            attempts.c.notification_id == bindparam("id_"),
            attempts.c.number == bindparam("number_"),
        )
        .values(**_set(_HOW))
    )
)


def begin_try(
    connection: Connection, notification_id: str, by: str, at: datetime
) -> tuple[Attempt, Handle]:
    """Lease it and write down that a try begins.

    An earlier try without an end is closed as ambiguous: it must not hold up this one. Raises
    LeaseError.
    """
    asked = {"id_": notification_id, "at_": at, "beyond": at + TERM + SKEW, "by_": by}
    leased = {"owner": by, "until": at + TERM}
    found = next(iter(_BEGIN.rows(connection, asked | leased)), None)
    if found is None:
        raise LeaseError(f"The notification {notification_id} is not ours to send.")
    _CLOSE.change(connection, [{"id_": notification_id, "at_": at}])
    attempt = Attempt(notification_id, found.attempts, at, by=by)
    add(connection, attempts, [attempt_values(attempt)])
    of = {"incident": found.incident_id, "to": found.receiver}
    stored = next(iter(_HANDLE.rows(connection, of)), None)
    return attempt, mapping_from_json(stored.handle) if stored else {}


def end_try(connection: Connection, result: Result) -> None:
    """Write how it ended, and what the receiver gave. Raises LeaseError when it is not the newest
    try of its notification any more.
    """
    attempt, notification = result.attempt, result.notification
    ended = progress(replace(notification, attempts=attempt.number))
    this = {"id_": notification.id, "number_": attempt.number}
    changed = _END.change(
        connection, [this | {"by_": attempt.by} | {f"new_{k}": v for k, v in ended.items()}]
    )
    if changed != 1:
        raise LeaseError(
            f"Try {attempt.number} of {attempt.notification_id} is not the one under way."
        )
    how = attempt_values(attempt)
    _SAY_HOW.change(connection, [this | {f"new_{name}": how[name] for name in _HOW}])
    if result.handle is not None:
        key = {"incident_id": notification.incident_id, "receiver": notification.receiver}
        upsert(
            connection,
            handles,
            [key | {"handle": mapping_to_json(result.handle)}],
            key=("incident_id", "receiver"),
            change=("handle",),
        )
