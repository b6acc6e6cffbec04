"""What customers are told, on record: each update once, in the transaction of its audit entry."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from alerting.status_incident import (
    ComponentState,
    Impact,
    Stage,
    StatusIncident,
    StatusUpdate,
    Touched,
)
from nines.storage.audit import told as as_json
from nines.storage.audit import write_audit
from nines.storage.database import Database
from nines.storage.schema import status_incidents, status_updates
from nines.storage.upsert import upsert
from slo.key import KeyReusedError

_INCIDENT, _UPDATE = status_incidents.c, status_updates.c


@dataclass(frozen=True, slots=True)
class Request:
    """By what name of the sender's own a request came (None: none), and a digest of it."""

    key: str | None = None
    told: str = ""


# What an incident becomes; asked with what is on record now, None where there is none.
Decide = Callable[[StatusIncident | None], StatusIncident]


class StatusIncidentRecords:
    """Writes come from one thread, reads from any."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[StatusIncident]:
        """Every incident that is kept, newest first."""
        query = select(status_incidents).order_by(_INCIDENT.created_at.desc(), _INCIDENT.id.desc())
        with self._database.read() as connection:
            updates: dict[str, list[Row[Any]]] = {}
            for row in connection.execute(select(status_updates).order_by(_UPDATE.number)):
                updates.setdefault(row.incident_id, []).append(row)
            return [
                _incident(row, updates[row.id])
                for row in connection.execute(query)
                if row.id in updates
            ]

    def tell(
        self, incident_id: str | None, decide: Decide, request: Request
    ) -> tuple[StatusIncident, bool]:
        """Put one more update on record; False beside it: its request came before.

        `incident_id` None begins a new incident. Raises LookupError where there is none of that id,
        KeyReusedError where something else was told under the key, and what `decide` raises.
        """
        with self._database.write() as connection:
            if request.key is not None:
                query = select(status_updates).where(_UPDATE.key == request.key)
                known = connection.execute(query).one_or_none()
                if known is not None:
                    if known.told != request.told:
                        raise KeyReusedError(request.key)
                    return self._one(connection, known.incident_id), False
            before = None if incident_id is None else self._one(connection, incident_id)
            after = decide(before)
            self._put(connection, before, after, request)
        return after, True

    def prune(self, now: datetime, keep: timedelta) -> int:
        """Forget what is over since more than `keep`; gives how many."""
        old = _INCIDENT.resolved_at < now - keep
        with self._database.write() as connection:
            return connection.execute(delete(status_incidents).where(old)).rowcount

    def _one(self, connection: Connection, incident_id: str) -> StatusIncident:
        query = select(status_incidents).where(_INCIDENT.id == incident_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise LookupError(incident_id)
        updates = (
            select(status_updates)
            .where(_UPDATE.incident_id == incident_id)
            .order_by(_UPDATE.number)
        )
        return _incident(row, connection.execute(updates).all())

    def _put(
        self,
        connection: Connection,
        before: StatusIncident | None,
        after: StatusIncident,
        request: Request,
    ) -> None:
        upsert(
            connection,
            status_incidents,
            [
                {
                    "id": after.id,
                    "title": after.title,
                    "impact": after.impact.value,
                    "created_at": after.created_at,
                    "resolved_at": after.resolved_at,
                }
            ],
            key=("id",),
            change=("impact", "resolved_at"),
        )
        last = after.updates[-1]
        connection.execute(
            insert(status_updates),
            {
                "id": last.id,
                "incident_id": after.id,
                "stage": last.stage.value,
                "text": last.text,
                "by": last.by,
                "at": last.at,
                "components": json.dumps(last.components),
                "key": request.key,
                "told": request.told,
            },
        )
        write_audit(
            connection,
            at=last.at,
            by=last.by,
            action="status incident posted" if before is None else "status incident updated",
            subject=after.id,
            before=None if before is None else as_json(_facts(before)),
            after=as_json(_facts(after)),
        )


def _facts(incident: StatusIncident) -> dict[str, object]:
    """How it stands, for the log of changes."""
    return {
        "title": incident.title,
        "impact": incident.impact.value,
        "stage": incident.stage.value,
        "text": incident.updates[-1].text,
        "components": dict(incident.components),
    }


def _incident(row: Row[Any], updates: Sequence[Row[Any]]) -> StatusIncident:
    return StatusIncident(
        row.id, row.title, Impact(row.impact), row.created_at, tuple(map(_update, updates))
    )


def _update(row: Row[Any]) -> StatusUpdate:
    return StatusUpdate(
        row.id, Stage(row.stage), row.text, row.by, row.at, _touched(row.components)
    )


def _touched(written: str) -> Touched:
    return {
        key: None if state is None else ComponentState(state)
        for key, state in json.loads(written).items()
    }
