"""Deployments as rows: written once, found by service and time."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, insert, or_, select

from dashboards.logbook import Wanted
from nines.storage.database import Database
from nines.storage.schema import deployments
from slo.deployment import Deployment, Rollout
from slo.key import KeyReusedError

_PRUNE_ROWS = 1_000  # a batch: the writer is never held up for long
_C = deployments.c


class DeploymentRecords:
    """Writes come from one thread, reads from any."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def deploy(self, deployment: Deployment) -> tuple[Deployment, bool]:
        """Insert it, unless one with its key is there: then that one, and False.

        Raises KeyReusedError where that one was told otherwise.
        """
        rollout = deployment.rollout
        with self._database.write() as connection:
            if rollout.key is not None:
                known = connection.execute(
                    select(deployments).where(_C.key == rollout.key)
                ).one_or_none()
                if known is not None:
                    if known.told != rollout.told:
                        raise KeyReusedError(rollout.key)
                    return _deployment(known), False
            connection.execute(insert(deployments), _values(deployment))
        return deployment, True

    def deployments(self, wanted: Wanted, limit: int) -> list[Deployment]:
        """The newest, at most `limit`."""
        query = (
            select(deployments)
            .where(*_conditions(wanted))
            .order_by(_C.at.desc(), _C.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_deployment(row) for row in connection.execute(query)]

    def deployment(self, deployment_id: str) -> Deployment | None:
        with self._database.read() as connection:
            row = connection.execute(
                select(deployments).where(_C.id == deployment_id)
            ).one_or_none()
        return None if row is None else _deployment(row)

    def prune(self, now: datetime, keep: timedelta, limit: int = _PRUNE_ROWS) -> int:
        """Forget at most `limit` of more than `keep` ago; gives how many."""
        old = select(_C.id).where(now - keep > _C.at).limit(limit)
        with self._database.write() as connection:
            return connection.execute(delete(deployments).where(_C.id.in_(old))).rowcount


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.service is not None:
        found.append(_C.service == wanted.service)
    if wanted.environment is not None:
        found.append(_C.environment == wanted.environment)
    if wanted.start is not None:
        found.append(_C.at >= wanted.start)
    if wanted.end is not None:
        found.append(_C.at < wanted.end)
    if wanted.before is not None:
        at, last = wanted.before
        found.append(or_(_C.at < at, and_(_C.at == at, _C.id < last)))
    return found


def _values(deployment: Deployment) -> dict[str, Any]:
    rollout = deployment.rollout
    return {
        "id": deployment.id,
        "service": rollout.service,
        "version": rollout.version,
        "environment": rollout.environment,
        "at": rollout.at,
        "commit_id": rollout.commit,
        "url": rollout.url,
        "by": rollout.by,
        "origin": rollout.origin,
        "key": rollout.key,
        "told": rollout.told,
        "created_at": deployment.created_at,
    }


def _deployment(row: Row[Any]) -> Deployment:
    rollout = Rollout(
        service=row.service,
        version=row.version,
        at=row.at,
        by=row.by,
        environment=row.environment,
        commit=row.commit_id,
        url=row.url,
        origin=row.origin,
        key=row.key,
        told=row.told,
    )
    return Deployment(row.id, rollout, row.created_at)
