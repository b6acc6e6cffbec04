"""The versions of every SLO's definition, as rows."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, insert, select

from nines.storage.database import Database
from nines.storage.schema import definitions
from slo.versions import Definition

_LEAST_STEP = timedelta(microseconds=1)  # however the clock was set, a later version begins later


class DefinitionRecords:
    """What was promised, from when on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_up(self, wanted: Iterable[Definition]) -> None:
        """These are in force from now on: those that differ from the newest are new versions."""
        with self._database.write() as connection:
            newest = {one.sli_id: one for one in _all(connection)}
            rows = []
            for one in wanted:
                before = newest.get(one.sli_id)
                if before is None:
                    rows.append(_values(one))
                elif (before.text, before.mark) != (one.text, one.mark):
                    valid_from = max(one.valid_from, before.valid_from + _LEAST_STEP)
                    after = replace(one, number=before.number + 1, valid_from=valid_from)
                    rows.append(_values(after))
            if rows:
                connection.execute(insert(definitions), rows)

    def load(self) -> dict[str, tuple[Definition, ...]]:
        """By SLI, every version, oldest first."""
        with self._database.read() as connection:
            found = _all(connection)
        return {sli: tuple(rows) for sli, rows in groupby(found, key=lambda one: one.sli_id)}

    def prune(self, now: datetime, keep: timedelta) -> int:
        """Forget versions that another one followed more than `keep` ago; gives how many."""
        later = definitions.alias()
        followed = exists().where(
            and_(
                later.c.sli_id == definitions.c.sli_id,
                later.c.version > definitions.c.version,
                later.c.valid_from < now - keep,
            )
        )
        with self._database.write() as connection:
            return connection.execute(delete(definitions).where(followed)).rowcount


def _all(connection: Connection) -> list[Definition]:
    query = select(definitions).order_by(definitions.c.sli_id, definitions.c.version)
    return [_definition(row) for row in connection.execute(query)]


def _values(one: Definition) -> dict[str, Any]:
    return {
        "sli_id": one.sli_id,
        "version": one.number,
        "definition": one.text,
        "fingerprint": one.mark,
        "valid_from": one.valid_from,
    }


def _definition(row: Row[Any]) -> Definition:
    return Definition(
        sli_id=row.sli_id,
        number=row.version,
        text=row.definition,
        mark=row.fingerprint,
        valid_from=row.valid_from,
    )
