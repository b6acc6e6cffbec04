"""What came back, as rows: callbacks until they are done, receipts, and the key of our links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, Table, and_, delete, exists, func, insert, select, update

from alerting.callbacks.act import Act, act_from_json
from alerting.incident import Incident, IncidentEvent
from alerting.notification import AttemptOutcome, Notification, NotificationKind, NotificationState
from alerting.receipt import ReceiptState, Received
from alerting.store import Decision
from nines.storage.alerts import write_decision
from nines.storage.database import Database
from nines.storage.incident_rows import incident_of
from nines.storage.notification_rows import notification_of
from nines.storage.schema import (
    attempts,
    callbacks,
    inbound,
    incidents,
    notifications,
    receipts,
    signing_keys,
)
from nines.storage.upsert import insert_or

_BATCH = 100
_PRUNE_ROWS = 1_000
_TOLD = notifications.c.kind.not_in([kind for kind in NotificationKind if kind.alone])


class Taken(StrEnum):
    """What became of a callback that was to be accepted."""

    NEW = "new"
    REPLAYED = "replayed"  # the very same one came before
    AGAIN = "again"  # another one that asks for what was asked for already


@dataclass(frozen=True, slots=True)
class Waiting:
    """An accepted callback that is still to be acted on."""

    id: str
    at: datetime
    act: Act


@dataclass(frozen=True, slots=True)
class Standing:
    """What a receiver knows of an incident: the newest revision that it was brought."""

    incident: Incident
    revision: int | None


class CallbackRecords:
    """Every public method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def signing_key(self, name: str, fresh: str) -> str:
        """The server's key of that name; `fresh` becomes it when there is none yet."""
        with self._database.write() as connection:
            connection.execute(
                insert_or(connection, signing_keys)
                .values(name=name, secret=fresh)
                .on_conflict_do_nothing()
            )
            of_name = signing_keys.c.name == name
            return str(connection.execute(select(signing_keys.c.secret).where(of_name)).scalar())

    def standing(self, incident_id: str, receiver: str) -> Standing | None:
        """None when there is no such incident, or the receiver was never to hear of it."""
        to_receiver = and_(
            notifications.c.incident_id == incident_id, notifications.c.receiver == receiver
        )
        delivered = select(func.max(notifications.c.revision)).where(
            to_receiver, _TOLD, notifications.c.state == NotificationState.DELIVERED
        )
        query = select(incidents).where(
            incidents.c.id == incident_id, exists().where(to_receiver, _TOLD)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            return Standing(incident_of(row), connection.execute(delivered).scalar())

    def mailed(self, incident_id: str, notification_id: str) -> Incident | None:
        """The incident, where this notification is about it."""
        query = (
            select(incidents)
            .join(notifications, notifications.c.incident_id == incidents.c.id)
            .where(incidents.c.id == incident_id, notifications.c.id == notification_id)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else incident_of(row)

    def accept(
        self,
        id_: str,
        act: Act,
        at: datetime,
        *,
        once: str | None = None,
        since: datetime | None = None,
        verified: bool = False,
    ) -> Taken:
        """Write down what is to be done, unless this callback, or one `once` like it, came before.

        `since`: likes before then do not count. `verified`: the receiver's webhook has proven
        itself by this one.
        """
        with self._database.write() as connection:
            if verified:
                _prove(connection, act.receiver, at)
            like = _like(connection, once, since)
            row: dict[str, object] = {"id": id_, "receiver": act.receiver, "at": at}
            row["act"] = act.to_json()
            row |= {"once": once, "done_at": at if like else None}
            added = _add(connection, callbacks, row)
        if not added:
            return Taken.REPLAYED
        return Taken.AGAIN if like else Taken.NEW

    def known(self, id_: str) -> Waiting | None:
        """A callback that was accepted, done or not."""
        with self._database.read() as connection:
            row = connection.execute(select(callbacks).where(callbacks.c.id == id_)).one_or_none()
        return None if row is None else Waiting(row.id, row.at, act_from_json(row.act))

    def waiting(self) -> list[Waiting]:
        """What is still to be done, oldest first."""
        query = (
            select(callbacks)
            .where(callbacks.c.done_at.is_(None))
            .order_by(callbacks.c.at, callbacks.c.id)
            .limit(_BATCH)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Waiting(row.id, row.at, act_from_json(row.act)) for row in rows]

    def done(self, id_: str, at: datetime) -> None:
        """It was acted on."""
        with self._database.write() as connection:
            connection.execute(update(callbacks).where(callbacks.c.id == id_).values(done_at=at))

    def proven(self) -> dict[str, datetime]:
        """By receiver, since when its webhook is known to reach us."""
        with self._database.read() as connection:
            return {row.receiver: row.first_at for row in connection.execute(select(inbound))}

    def receive(self, incident_id: str, receiver: str, at: datetime) -> Received | None:
        """The vendor has what opened the incident there: the newest that may have arrived.

        None when nothing is left to be receipted.
        """
        tried = exists().where(
            attempts.c.notification_id == notifications.c.id,
            (attempts.c.outcome.is_(None))
            | attempts.c.outcome.in_((AttemptOutcome.OK, AttemptOutcome.AMBIGUOUS)),
        )
        query = (
            select(notifications.c.id, notifications.c.created_at)
            .where(
                notifications.c.incident_id == incident_id,
                notifications.c.receiver == receiver,
                notifications.c.kind == NotificationKind.TRIGGER,
                tried,
            )
            .order_by(notifications.c.sequence.desc())
            .limit(1)
        )
        with self._database.write() as connection:
            found = connection.execute(query).one_or_none()
            if found is None:
                return None
            late = connection.execute(
                delete(receipts)
                .where(
                    receipts.c.notification_id == found.id,
                    receipts.c.state == ReceiptState.MISSING,
                )
                .returning(receipts.c.notification_id)
            ).first()
            row = {"notification_id": found.id, "state": ReceiptState.CONFIRMED, "at": at}
            added = _add(connection, receipts, row)
        return Received(found.id, found.created_at, late is not None) if added else None

    def unreceipted(self, receiver: str, since: datetime, before: datetime) -> list[Notification]:
        """Triggers delivered in between, after its webhook was proven, that have no receipt."""
        query = (
            select(notifications)
            .join(inbound, inbound.c.receiver == notifications.c.receiver)
            .where(
                notifications.c.receiver == receiver,
                notifications.c.kind == NotificationKind.TRIGGER,
                notifications.c.state == NotificationState.DELIVERED,
                notifications.c.finished_at >= inbound.c.first_at,
                notifications.c.finished_at > since,
                notifications.c.finished_at <= before,
                ~exists().where(receipts.c.notification_id == notifications.c.id),
            )
            .order_by(notifications.c.sequence)
        )
        with self._database.read() as connection:
            return [notification_of(row) for row in connection.execute(query)]

    def give_up_on(
        self,
        notification: Notification,
        at: datetime,
        events: Sequence[IncidentEvent],
        instead: Sequence[Notification],
    ) -> bool:
        """No receipt came: say so, and speak by others, in one. False when it came after all."""
        row = {"notification_id": notification.id, "state": ReceiptState.MISSING, "at": at}
        with self._database.write() as connection:
            added = _add(connection, receipts, row)
            if not added:
                return False
            write_decision(connection, Decision(events=tuple(events), notifications=tuple(instead)))
        return True

    def receipts_of(self, incident_id: str) -> Mapping[str, tuple[ReceiptState, datetime]]:
        """By notification, whether its receipt came, and when that was known."""
        query = (
            select(receipts)
            .join(notifications, notifications.c.id == receipts.c.notification_id)
            .where(notifications.c.incident_id == incident_id)
        )
        with self._database.read() as connection:
            return {
                row.notification_id: (ReceiptState(row.state), row.at)
                for row in connection.execute(query)
            }

    def prune(self, now: datetime, keep: timedelta, limit: int = _PRUNE_ROWS) -> int:
        """Forget at most `limit` that were done more than `keep` ago; gives how many."""
        old = select(callbacks.c.id).where(callbacks.c.done_at < now - keep).limit(limit)
        with self._database.write() as connection:
            return connection.execute(delete(callbacks).where(callbacks.c.id.in_(old))).rowcount


def _add(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Insert it; False when one with its key is there. (PostgreSQL counts no inserted rows.)"""
    (key,) = table.primary_key.columns
    insertion = insert_or(connection, table).values(row).on_conflict_do_nothing()
    return connection.execute(insertion.returning(key)).first() is not None


def _like(connection: Connection, once: str | None, since: datetime | None) -> bool:
    if once is None:
        return False
    query = select(callbacks.c.id).where(callbacks.c.once == once)
    if since is not None:
        query = query.where(callbacks.c.at > since)
    return connection.execute(query.limit(1)).first() is not None


def _prove(connection: Connection, receiver: str, at: datetime) -> None:
    stored = connection.execute(
        update(inbound).where(inbound.c.receiver == receiver).values(last_at=at)
    )
    if not stored.rowcount:
        row = {"receiver": receiver, "first_at": at, "last_at": at}
        connection.execute(insert(inbound).values(row))
