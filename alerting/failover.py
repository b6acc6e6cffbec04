"""Failover: who gets a message in the place of a receiver that cannot be told. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from alerting import wording
from alerting.notification import Message, Notification, NotificationKind, NotificationState

_FOLLOWS = (NotificationKind.RESOLVE, NotificationKind.ACKNOWLEDGE, NotificationKind.MISSED)


@dataclass(frozen=True, slots=True)
class Standing:
    """Of a notification of an incident, what decides whom it goes on for."""

    id: str
    receiver: str
    instead_of: str
    kind: NotificationKind
    revision: int
    state: NotificationState
    over: bool


def standing_in(rows: Iterable[Standing], for_: str) -> tuple[str, ...]:
    """Who was told in a receiver's place, and not yet that it is over; `rows` are in order."""
    last = {row.receiver: row.over for row in _counting(rows) if row.instead_of == for_}
    return tuple(name for name, over in last.items() if not over)


def owed(rows: Sequence[Standing], receiver: str) -> dict[str, str]:
    """For whom it goes on in what `receiver` was told: itself, and those in whose place it was.

    By their name, the id of what was decided for them last. `rows` are in order. How a decision was
    delivered is of no account: what was decided to fire fires.
    """
    own = {row.receiver: row for row in rows if not row.instead_of and row.kind.stands}
    told = {
        row.instead_of or receiver: row.over for row in _counting(rows) if row.receiver == receiver
    }
    names = [receiver, *(name for name, over in told.items() if not over)]
    return {name: own[name].id for name in names if name in own and not own[name].over}


def told_already(rows: Sequence[Standing], waiting: Notification) -> bool:
    """Whether one that was told in another's place hears of this acknowledgement anyway."""
    if waiting.kind is not NotificationKind.ACKNOWLEDGE or not waiting.instead_of:
        return False
    alike = [
        row
        for row in rows
        if (row.receiver, row.kind, row.revision)
        == (waiting.receiver, waiting.kind, waiting.revision)
        and row.state is not NotificationState.SKIPPED
    ]
    return any(not row.instead_of for row in alike) or alike[0].id != waiting.id


def goes_on(row: Notification, others: Sequence[Notification]) -> Notification:
    """The end of a part of what its receiver was told, as an update that shows what fires on.

    `others` are what was decided last for those for whom it goes on.
    """
    still = " and ".join(
        f"what is routed to {row.receiver} itself"
        if other.receiver == row.receiver
        else f"what you were told of instead of {other.receiver}"
        for other in others
    )
    loudest = min(others, key=lambda other: other.severity.rank)
    fire = [line for other in others for line in other.message.alerts if line.ended_at is None]
    ended = [line for line in row.message.alerts if line.ended_at is not None]
    lines = {(line.rule, line.started_at): line for line in (*ended, *fire)}.values()
    ranked = sorted(lines, key=lambda line: (line.ended_at is not None, line.severity.rank))
    message: Message = replace(
        loudest.message,
        notification_id=row.id,
        receiver=row.receiver,
        kind=NotificationKind.UPDATE,
        revision=row.revision,
        decided_at=row.message.decided_at,
        what_changed=wording.sentences(
            row.message.what_changed, f"{wording.capital(still)} still fires"
        ),
        alerts=tuple(ranked),
    )
    return replace(
        row,
        kind=NotificationKind.UPDATE,
        severity=loudest.severity,
        message=message,
        alerts=(),
        reason=message.what_changed,
    )


def _counting(rows: Iterable[Standing]) -> Iterator[Standing]:
    """Of those that say how it stands, all but a beginning that was never sent."""
    for row in rows:
        if row.kind.stands and (row.over or row.state is not NotificationState.SKIPPED):
            yield row


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
    ends = row.over and row.kind is not NotificationKind.MISSED
    kind = NotificationKind.REPORT if ends else row.kind
    instead = f"Sent to {name} instead of {row.receiver}: {why}"
    return _to(replace(row, failover=left, kind=kind), name, instead, now)


def followers(
    row: Notification, stand_ins: Iterable[str], now: datetime
) -> tuple[Notification, ...]:
    """What those who stood in for a receiver are told when it is acknowledged, or over.

    What it was told in another's place itself is that other's: its own end is followed.
    """
    if row.kind not in _FOLLOWS or row.instead_of:
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
