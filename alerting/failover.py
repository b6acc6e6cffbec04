"""Failover: who gets a message in the place of a receiver that cannot be told. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from alerting import wording
from alerting.notification import Notification, NotificationKind, NotificationState

_FOLLOWS = (NotificationKind.RESOLVE, NotificationKind.ACKNOWLEDGE, NotificationKind.MISSED)


def stand_in(
    row: Notification, why: str, well: Collection[str], now: datetime
) -> Notification | None:
    """The same message to the first name of its chain that is `well`; None: there is none.

    That a receiver cannot be told of an end is news to whoever was not told of the beginning. A
    digest has none: what it tells goes its own ways, see `alerting.digest.ended`.
    """
    if row.kind is NotificationKind.DIGEST:
        return None
    names = [name for name in row.failover if name in well]
    if not names:
        return None
    name = names[0]
    left = row.failover[row.failover.index(name) + 1 :]
    kind = NotificationKind.REPORT if row.kind is NotificationKind.RESOLVE else row.kind
    instead = f"Sent to {name} instead of {row.receiver}: {why}"
    return _to(replace(row, failover=left, kind=kind), name, instead, now)


def followers(
    row: Notification, stand_ins: Iterable[str], now: datetime
) -> tuple[Notification, ...]:
    """What those who stood in for a receiver are told when it is acknowledged, or over."""
    if row.kind not in _FOLLOWS:
        return ()
    kind = NotificationKind.RESOLVE if row.kind.over else row.kind
    alike = replace(row, kind=kind, failover=())
    return tuple(
        _to(alike, name, f"You were told of it instead of {row.receiver}", now)
        for name in stand_ins
    )


def report(row: Notification, name: str, title: str, text: str, now: datetime) -> Notification:
    """Receiver `name` is told, in an incident's timeline, something about delivery itself."""
    told = _to(replace(row, kind=NotificationKind.REPORT, failover=()), name, "", now)
    said = wording.sentences(text)
    message = replace(told.message, title=title, what_changed=said, story="", html="")
    id_ = f"{told.id}.report"
    return replace(told, id=id_, message=replace(message, notification_id=id_), reason=text)


def listed(names: Iterable[Notification]) -> Iterator[str]:
    """Where they go, for a timeline."""
    for row in names:
        yield f"To send: {row.kind} to {row.receiver}, instead of {row.instead_of}"


def _to(row: Notification, name: str, why: str, now: datetime) -> Notification:
    id_ = f"{row.id}.{name}"
    message = replace(
        row.message,
        notification_id=id_,
        receiver=name,
        kind=row.kind,
        what_changed=wording.sentences(row.message.what_changed, why),
    )
    return replace(
        row,
        id=id_,
        receiver=name,
        message=message,
        state=NotificationState.PENDING,
        created_at=now,
        next_attempt_at=now,
        attempts=0,
        finished_at=None,
        reason=why or row.reason,
        instead_of=row.instead_of or row.receiver,
        lease=None,
        digest="",
    )
