"""Alerts in shadow as rows: what nobody was told of."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, or_, select

from alerting.alert import AlertKind, ShadowAlert
from nines.storage.codec import facts_from_json, facts_to_json, names_from_json, names_to_json
from nines.storage.database import Database
from nines.storage.schema import shadow_alerts
from nines.storage.upsert import upsert
from slo.severity import Severity

_PRUNE_ROWS = 1_000  # a batch: the writer is never held up for long
_ENDED_AT = shadow_alerts.c.ended_at


class ShadowRecords:
    """What rules in shadow would have told; written with the decisions of alerting."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self) -> list[ShadowAlert]:
        """The episodes that go on, oldest first."""
        return self._find(_ENDED_AT.is_(None))

    def since(self, since: datetime) -> list[ShadowAlert]:
        """Every episode that went on after `since`, oldest first."""
        return self._find(or_(_ENDED_AT.is_(None), since < _ENDED_AT))

    def at(self, at: datetime) -> list[ShadowAlert]:
        """The episodes that went on at `at`; their facts are of when they last changed."""
        return self._find(
            shadow_alerts.c.started_at <= at, or_(_ENDED_AT.is_(None), at < _ENDED_AT)
        )

    def prune(self, now: datetime, keep: timedelta, limit: int = _PRUNE_ROWS) -> int:
        """Forget at most `limit` episodes that ended more than `keep` ago; gives how many."""
        old = select(shadow_alerts.c.id).where(now - keep > _ENDED_AT).limit(limit)
        with self._database.write() as connection:
            forget = delete(shadow_alerts).where(shadow_alerts.c.id.in_(old))
            return connection.execute(forget).rowcount

    def _find(self, *where: ColumnElement[bool]) -> list[ShadowAlert]:
        query = (
            select(shadow_alerts)
            .where(*where)
            .order_by(shadow_alerts.c.started_at, shadow_alerts.c.id)
        )
        with self._database.read() as connection:
            return [_shadow(row) for row in connection.execute(query)]


def write_shadows(connection: Connection, episodes: Iterable[ShadowAlert]) -> None:
    """Insert them by their id; one that is stored already is replaced."""
    rows = [_values(one) for one in episodes]
    if rows:
        upsert(connection, shadow_alerts, rows, key=("id",), change=list(rows[0]))


def _values(one: ShadowAlert) -> dict[str, Any]:
    return {
        "id": one.id,
        "rule": one.rule,
        "service": one.service,
        "slo": one.slo,
        "kind": one.kind,
        "severity": one.severity,
        "started_at": one.started_at,
        "ended_at": one.ended_at,
        "facts": facts_to_json(one.facts),
        "receivers": names_to_json(one.receivers),
    }


def _shadow(row: Row[Any]) -> ShadowAlert:
    return ShadowAlert(
        id=row.id,
        rule=row.rule,
        service=row.service,
        slo=row.slo,
        kind=AlertKind(row.kind),
        severity=Severity(row.severity),
        started_at=row.started_at,
        facts=facts_from_json(row.facts),
        receivers=names_from_json(row.receivers),
        ended_at=row.ended_at,
    )
