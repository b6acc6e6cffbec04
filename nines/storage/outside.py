"""Alerts from outside that fire, as rows."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select

from alerting.alert import Alert
from alerting.outside.book import Outside
from nines.storage.codec import origin_from_json, origin_to_json
from nines.storage.database import Database
from nines.storage.incident_rows import alert_of
from nines.storage.schema import alerts, outside_alerts
from nines.storage.upsert import upsert
from slo.severity import Severity

_EVERY = select(outside_alerts).order_by(outside_alerts.c.updated_at)


class OutsideRecords:
    """The book of alerts from outside; written with the decisions of alerting."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> dict[str, Outside]:
        """All that fire, by fingerprint."""
        with self._database.read() as connection:
            return {row.fingerprint: _outside(row) for row in connection.execute(_EVERY)}

    def own_firing(self) -> list[Alert]:
        """Our own alerts that fire, oldest first."""
        query = (
            select(alerts)
            .where(alerts.c.ended_at.is_(None), alerts.c.origin.is_(None))
            .order_by(alerts.c.started_at, alerts.c.id)
        )
        with self._database.read() as connection:
            return [alert_of(row) for row in connection.execute(query)]


def write_outside(connection: Connection, entries: Mapping[str, Outside | None]) -> None:
    """Insert or replace those that fire, and delete the others."""
    rows = [_values(one) for one in entries.values() if one is not None]
    if rows:
        told = [name for name in rows[0] if name not in ("fingerprint", "place", "severity")]
        upsert(connection, outside_alerts, rows, key=("fingerprint",), change=told)
    over = [{"over": mark} for mark, one in entries.items() if one is None]
    if over:
        of_it = outside_alerts.c.fingerprint == bindparam("over")
        connection.execute(delete(outside_alerts).where(of_it), over)


def _values(one: Outside) -> dict[str, Any]:
    return {
        "fingerprint": one.fingerprint,
        "origin": origin_to_json(one.origin),
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "updated_at": one.updated_at,
        "open_ended": one.open_ended,
        "place": one.place,
        "severity": one.severity,
        "decided": one.decided,
        "over": one.over,
    }


def _outside(row: Row[Any]) -> Outside:
    return Outside(
        fingerprint=row.fingerprint,
        origin=origin_from_json(row.origin),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        updated_at=row.updated_at,
        open_ended=row.open_ended,
        place=row.place,
        severity=Severity(row.severity),
        decided=row.decided,
        over=row.over,
    )
