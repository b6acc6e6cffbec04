"""The outbox as rows: what waits for whom, who sends it, and what became of each try."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)

from alerting.backlog import Backlog, Tidied
from alerting.destination import Destination
from alerting.digest import Digest, ended
from alerting.failover import Standing, owed, standing_in, told_already
from alerting.incident import IncidentEvent, IncidentState
from alerting.lease import SKEW, TERM, LeaseError
from alerting.notification import (
    Attempt,
    AttemptOutcome,
    Handle,
    Message,
    Notification,
    NotificationKind,
    NotificationState,
)
from alerting.result import Result
from nines.storage.codec import (
    destination_from_json,
    destination_to_json,
    message_from_json,
    names_from_json,
)
from nines.storage.database import Database
from nines.storage.incident_rows import replace_rows, write_events
from nines.storage.notification_rows import (
    PENDING,
    content,
    notification_of,
    notification_values,
    progress,
)
from nines.storage.prepared import Prepared
from nines.storage.schema import attempts, destinations, handles, incidents, notifications
from nines.storage.tries import begin_try, end_try
from nines.storage.upsert import upsert

_IDS_AT_ONCE = 500
_FORGOTTEN_BEYOND = 2  # times what waits: of messages that are remembered as they were read
_SAID_ALONE = [kind for kind in NotificationKind if kind.alone]
_CRASHED = "Our process ended in the middle of this try."


def _due() -> Select[tuple[object, ...]]:
    earlier, digest = notifications.alias(), notifications.alias()
    # What is told in a digest is on its way for as long as that is.
    in_digest = exists().where(
        digest.c.id == earlier.c.digest, digest.c.state == NotificationState.PENDING
    )
    blocked = exists().where(
        or_(
            earlier.c.state == NotificationState.PENDING,
            and_(earlier.c.state == NotificationState.DIGESTED, in_digest),
        ),
        earlier.c.incident_id == notifications.c.incident_id,
        earlier.c.receiver == notifications.c.receiver,
        tuple_(earlier.c.revision, earlier.c.sequence)
        < tuple_(notifications.c.revision, notifications.c.sequence),
        earlier.c.digest.is_distinct_from(notifications.c.id),
    )
    return (
        select(*(column for column in notifications.c if column.name != "message"))
        .where(PENDING, notifications.c.next_attempt_at <= bindparam("now"), ~blocked)
        .order_by(notifications.c.created_at, notifications.c.sequence)
        .limit(bindparam("most", type_=Integer))
    )


# Asked every half a minute where there is nothing to do.
_DUE = Prepared(lambda _: _due())
_DESTINATIONS = Prepared(lambda _: select(destinations))


_ORDER = (notifications.c.revision, notifications.c.sequence)
_TO_RECEIVER = and_(
    notifications.c.incident_id == bindparam("incident"),
    notifications.c.receiver == bindparam("to"),
)
_OPENS = notifications.c.kind.not_in([NotificationKind.RESOLVE, *_SAID_ALONE])
_DELIVERED = notifications.c.state == NotificationState.DELIVERED
# Not by revision: what is told in another's place comes late, and bears that other's.
_AFTER = notifications.c.sequence > bindparam("sequence", type_=BigInteger)


def _unsure(id_: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a try of it may have arrived."""
    in_doubt = or_(attempts.c.outcome == AttemptOutcome.AMBIGUOUS, attempts.c.ended_at.is_(None))
    return exists().where(attempts.c.notification_id == id_, in_doubt)


def _told_in_digests() -> Select[tuple[object, ...]]:
    one = notifications.alias()
    arrived = or_(one.c.state == NotificationState.DELIVERED, _unsure(one.c.id))
    return (
        select(one.c.state)
        .join(notifications, notifications.c.digest == one.c.id)
        .where(_TO_RECEIVER, _OPENS, _AFTER, arrived)
        .distinct()
    )


# The parts of a backlog.
_QUEUE = select(notifications).where(_TO_RECEIVER, PENDING).order_by(*_ORDER)
_LAST_RESOLVE = (
    select(notifications.c.sequence)
    .where(_TO_RECEIVER, notifications.c.kind == NotificationKind.RESOLVE, _DELIVERED)
    .order_by(notifications.c.sequence.desc())
    .limit(1)
)
_TOLD = (
    select(notifications.c.state)
    .where(_TO_RECEIVER, _OPENS, _AFTER, or_(_DELIVERED, _unsure(notifications.c.id)))
    .distinct()
)
_TOLD_IN_DIGESTS = _told_in_digests()
_STANDING: Select[tuple[object, ...]] = (
    select(
        notifications.c.id,
        notifications.c.receiver,
        notifications.c.instead_of,
        notifications.c.kind,
        notifications.c.revision,
        notifications.c.state,
        notifications.c.alerts,
    )
    .where(
        notifications.c.incident_id == bindparam("incident"),
        notifications.c.kind.in_([kind for kind in NotificationKind if kind.stands]),
    )
    .order_by(*_ORDER)
)
_BY_ID = select(notifications).where(notifications.c.id.in_(bindparam("ids", expanding=True)))


class OutboxRecords:
    """Notifications on their way, and how receivers stand; every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # What waits is looked at again and again in a storm, and says the same each time.
        self._said: dict[tuple[str, str, str], Message] = {}

    def due_notifications(self, now: datetime, limit: int = 200) -> list[Notification]:
        """The head of each (incident, receiver) queue that is due, oldest first."""
        with self._database.read() as connection:
            rows = list(_DUE.rows(connection, {"now": now, "most": limit}))
            known = {_version(row): self._said.get(_version(row)) for row in rows}
            new = [id_ for (id_, _, _), message in known.items() if message is None]
            texts = _messages(connection, new)
        said = {key: message or message_from_json(texts[key[0]]) for key, message in known.items()}
        self._said |= said
        if len(self._said) > _FORGOTTEN_BEYOND * len(said) + _IDS_AT_ONCE:
            self._said = dict(said)
        return [notification_of(row, said[_version(row)]) for row in rows]

    def backlog(self, incident_id: str, receiver: str) -> Backlog:
        """What waits for a receiver about an incident; see `AlertStore`."""
        of = {"incident": incident_id, "to": receiver}
        with self._database.read() as connection:
            rows = connection.execute(_QUEUE, of).all()
            since = connection.execute(_LAST_RESOLVE, of).one_or_none()
            after = of | {"sequence": -1 if since is None else since.sequence}
            states = set(connection.execute(_TOLD, after).scalars())
            states |= set(connection.execute(_TOLD_IN_DIGESTS, after).scalars())
            standing = [
                _standing(row) for row in connection.execute(_STANDING, {"incident": incident_id})
            ]
            waiting = tuple(map(notification_of, rows))
            goes_on: list[Notification] = []
            if any(row.kind is NotificationKind.RESOLVE for row in waiting):
                last = {"ids": list(owed(standing, receiver).values())}
                goes_on = [notification_of(row) for row in connection.execute(_BY_ID, last)]
        return Backlog(
            waiting,
            arrived=NotificationState.DELIVERED in states,
            may_have_arrived=bool(states),
            stand_ins=standing_in(standing, receiver),
            goes_on=tuple(goes_on),
            repeats=frozenset(row.id for row in waiting if told_already(standing, row)),
        )

    def queues(
        self, receiver: str, incident_ids: Sequence[str]
    ) -> dict[str, tuple[Notification, ...]]:
        """All that waits for a receiver about these incidents, by incident, oldest first."""
        found: dict[str, list[Notification]] = {}
        with self._database.read() as connection:
            for start in range(0, len(incident_ids), _IDS_AT_ONCE):
                query = (
                    select(notifications)
                    .where(
                        PENDING,
                        notifications.c.receiver == receiver,
                        notifications.c.incident_id.in_(incident_ids[start : start + _IDS_AT_ONCE]),
                    )
                    .order_by(notifications.c.revision, notifications.c.sequence)
                )
                for row in connection.execute(query):
                    found.setdefault(row.incident_id, []).append(notification_of(row))
        return {incident: tuple(rows) for incident, rows in found.items()}

    def put_together(self, digest: Digest, by: str, at: datetime) -> None:
        """Put a digest into the outbox in the place of what it tells, in one transaction.

        Raises LeaseError when one of those does not wait any more, or somebody sends it.
        """
        with self._database.write() as connection:
            for row in (*digest.told, *digest.skipped):
                changed = connection.execute(
                    update(notifications)
                    .where(notifications.c.id == row.id, PENDING, _free(by, at))
                    .values(progress(row) | content(row) | {"digest": row.digest or None})
                )
                if changed.rowcount != 1:
                    raise LeaseError(f"The notification {row.id} does not wait any more.")
            replace_rows(connection, notifications, [notification_values(digest.notification)])
            write_events(connection, digest.events)

    def tidy(self, tidied: Tidied, events: Sequence[IncidentEvent], by: str, at: datetime) -> None:
        """End and change rows that wait and that nobody sends; raises LeaseError else."""
        with self._database.write() as connection:
            for row in (*tidied.skipped, *tidied.changed):
                changed = connection.execute(
                    update(notifications)
                    .where(notifications.c.id == row.id, PENDING, _free(by, at))
                    .values(progress(row) | content(row))
                )
                if changed.rowcount != 1:
                    raise LeaseError(f"The notification {row.id} does not wait any more.")
                _follow(connection, row)
            replace_rows(connection, notifications, map(notification_values, tidied.added))
            write_events(connection, events)

    def begin_attempt(self, notification_id: str, by: str, at: datetime) -> tuple[Attempt, Handle]:
        """Lease it and write down that a try begins; see `AlertStore`."""
        with self._database.write() as connection:
            return begin_try(connection, notification_id, by, at)

    def finish_attempt(self, result: Result) -> None:
        """Write how a try ended, and all that comes of it.

        Raises LeaseError when it is not the newest try of its notification any more.
        """
        with self._database.write() as connection:
            end_try(connection, result)
            _follow(connection, result.notification)
            replace_rows(connection, notifications, map(notification_values, result.added))
            _write_destination(connection, result.destination)
            write_events(connection, result.events)

    def rename_receivers(self, names: Mapping[str, str]) -> None:
        """What was said to a receiver of open incidents, or waits for it, was to the new name.

        What an earlier receiver of that name kept of such an incident gives way.
        """
        names = {old: new for old, new in names.items() if old != new}  # taken back meanwhile
        if not names:
            return
        still = select(incidents.c.id).where(incidents.c.state != IncidentState.RESOLVED)
        with self._database.write() as connection:
            for old, new in names.items():
                kept = select(handles.c.incident_id).where(handles.c.receiver == old)
                connection.execute(
                    delete(handles).where(
                        handles.c.receiver == new,
                        handles.c.incident_id.in_(kept),
                        handles.c.incident_id.in_(still),
                    )
                )
                own = notifications.c.receiver == old
                concerned = or_(notifications.c.incident_id.in_(still), PENDING)
                connection.execute(update(notifications).where(own, concerned).values(receiver=new))
                instead = notifications.c.instead_of == old
                connection.execute(
                    update(notifications).where(instead, concerned).values(instead_of=new)
                )
                connection.execute(
                    update(handles)
                    .where(handles.c.receiver == old, handles.c.incident_id.in_(still))
                    .values(receiver=new)
                )

    def destinations(self) -> dict[str, Destination]:
        """How the receivers stand of which anything is remembered, by name."""
        with self._database.read() as connection:
            return {
                row.receiver: destination_from_json(row.state)
                for row in _DESTINATIONS.rows(connection, {})
            }

    def probe(self, destination: Destination, now: datetime) -> None:
        """Remember how a receiver stands, and have what waits for it sent at once."""
        waits = notifications.c.receiver == destination.receiver
        with self._database.write() as connection:
            _write_destination(connection, destination)
            connection.execute(
                update(notifications)
                .where(PENDING, waits, notifications.c.next_attempt_at > now)
                .values(next_attempt_at=now)
            )

    def pull_back(self, now: datetime) -> None:
        """The clock was set back: what it had put off by what it said then is due at once."""
        with self._database.write() as connection:
            _pull_back(connection, now)

    def waiting(self) -> dict[str, tuple[int, datetime]]:
        """By receiver, how many notifications wait for it, and when the oldest was decided."""
        query = (
            select(notifications.c.receiver, func.count(), func.min(notifications.c.created_at))
            .where(PENDING)
            .group_by(notifications.c.receiver)
        )
        with self._database.read() as connection:
            return {name: (count, at) for name, count, at in connection.execute(query)}

    def close_open_attempts(self, now: datetime, by: str) -> int:
        """After a crash of `by`: mark its tries without an end as ambiguous; gives how many."""
        ours = or_(notifications.c.lease_owner.is_(None), notifications.c.lease_owner == by)
        of_ours = attempts.c.notification_id.in_(select(notifications.c.id).where(ours))
        with self._database.write() as connection:
            closed = _close_attempts(connection, now, _CRASHED, of_ours)
            free = update(notifications).where(PENDING, notifications.c.lease_owner == by)
            connection.execute(free.values({"lease_owner": None, "leased_until": None}))
            _pull_back(connection, now)  # it may have been set back while nobody was here
            return closed

    def outbox_pending(self) -> tuple[int, datetime | None]:
        """How many notifications wait, and when the oldest was decided."""
        query = select(func.count(), func.min(notifications.c.created_at)).where(PENDING)
        with self._database.read() as connection:
            count, oldest = connection.execute(query).one()
        return count, oldest


def _follow(connection: Connection, digest: Notification) -> None:
    """A digest came to an end: what it tells goes on from there."""
    if digest.kind is not NotificationKind.DIGEST or digest.finished_at is None:
        return
    of_it = and_(
        notifications.c.digest == digest.id,
        notifications.c.state == NotificationState.DIGESTED,
    )
    told = connection.execute(select(notifications).where(of_it).order_by(notifications.c.sequence))
    rows, events = ended(digest, [notification_of(row) for row in told])
    for row in rows:
        connection.execute(
            update(notifications).where(notifications.c.id == row.id).values(progress(row))
        )
    write_events(connection, events)


def _standing(row: Row[Any]) -> Standing:
    kind = NotificationKind(row.kind)
    over = kind.over or (row.alerts is not None and not names_from_json(row.alerts))
    state = NotificationState(row.state)
    return Standing(row.id, row.receiver, row.instead_of, kind, row.revision, state, over)


def _version(row: Row[Any]) -> tuple[str, str, str]:
    """Which words of a notification: they change with these alone."""
    return row.id, row.kind, row.severity


def _messages(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """By id, what notifications say, as it is stored."""
    found: dict[str, str] = {}
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = ids[start : start + _IDS_AT_ONCE]
        query = select(notifications.c.id, notifications.c.message)
        for row in connection.execute(query.where(notifications.c.id.in_(some))):
            found[row.id] = row.message
    return found


def _write_destination(connection: Connection, destination: Destination) -> None:
    row = {"receiver": destination.receiver, "state": destination_to_json(destination)}
    upsert(connection, destinations, [row], key=("receiver",), change=("state",))


def _pull_back(connection: Connection, now: datetime) -> None:
    """What was decided or tried later than it is now waits for a moment of another clock."""
    tried = exists().where(
        attempts.c.notification_id == notifications.c.id, attempts.c.started_at > now + SKEW
    )
    connection.execute(
        update(notifications)
        .where(
            PENDING,
            notifications.c.next_attempt_at > now,
            or_(notifications.c.created_at > now + SKEW, tried),
        )
        .values(next_attempt_at=now)
    )


def _free(by: str, at: datetime) -> ColumnElement[bool]:
    """Whether worker `by` may take a notification; `Lease.free_at` says the same."""
    until = notifications.c.leased_until
    ours = notifications.c.lease_owner == by
    return or_(until.is_(None), ours, until <= at, until > at + TERM + SKEW)


def _close_attempts(
    connection: Connection, at: datetime, detail: str, *where: ColumnElement[bool]
) -> int:
    return connection.execute(
        update(attempts)
        .where(attempts.c.ended_at.is_(None), *where)
        .values(ended_at=at, outcome=AttemptOutcome.AMBIGUOUS, detail=detail)
    ).rowcount
