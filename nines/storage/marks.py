"""Which marks of each budget are passed, as rows."""

from collections.abc import Mapping, Set

from sqlalchemy import Connection, bindparam, delete, select

from nines.storage.codec import marks_from_json, marks_to_json
from nines.storage.database import Database
from nines.storage.schema import budget_marks
from nines.storage.upsert import upsert
from slo.notices import Marks


class MarkRecords:
    """The marks of every budget; written with the decisions of alerting."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> dict[str, Marks]:
        """By the SLO's id."""
        with self._database.read() as connection:
            rows = connection.execute(select(budget_marks)).all()
        return {row.slo_id: marks_from_json(row.marks) for row in rows}

    def keep(self, slo_ids: Set[str]) -> None:
        """Forget the budgets of all other SLOs: they are no more."""
        gone = [{"gone": slo_id} for slo_id in self.load() if slo_id not in slo_ids]
        if gone:
            with self._database.write() as connection:
                forget = delete(budget_marks).where(budget_marks.c.slo_id == bindparam("gone"))
                connection.execute(forget, gone)


def write_marks(connection: Connection, marks: Mapping[str, Marks]) -> None:
    """Insert or replace them."""
    rows = [{"slo_id": slo_id, "marks": marks_to_json(one)} for slo_id, one in marks.items()]
    upsert(connection, budget_marks, rows, key=("slo_id",), change=("marks",))
