"""Which reports were mailed, and which are owed, as rows: what makes each be sent once."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, or_, select, update

from dashboards.report_posting import Posting, PostingState
from nines.storage.database import Database
from nines.storage.schema import report_mails
from nines.storage.upsert import insert_or

_KEPT_AT_LEAST = timedelta(days=400)  # a month's report is told from by its successor


class ReportMailRecords:
    """Postings by the name of their entry and their period."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> list[Posting]:
        """All of them, in the order in which they were due."""
        query = select(report_mails).order_by(
            report_mails.c.due_at, report_mails.c.name, report_mails.c.period
        )
        with self._database.read() as connection:
            return [_posting(row) for row in connection.execute(query)]

    def plan(self, postings: Sequence[Posting]) -> None:
        """Write these down, where they are not yet."""
        if not postings:
            return
        with self._database.write() as connection:
            new = insert_or(connection, report_mails).values([_row(one) for one in postings])
            connection.execute(new.on_conflict_do_nothing())

    def claim(self, posting: Posting, now: datetime, until: datetime) -> Posting | None:
        """Take it on, to be sent by `until`; None where it is not owed, or somebody else has it."""
        key = _key(posting)
        with self._database.write() as connection:
            taken = connection.execute(
                update(report_mails)
                .where(
                    *key,
                    report_mails.c.state == PostingState.WAITING,
                    report_mails.c.next_at <= now,
                    or_(report_mails.c.lease_until.is_(None), report_mails.c.lease_until <= now),
                )
                .values(lease_until=until, tries=report_mails.c.tries + 1)
            )
            if not taken.rowcount:
                return None
            return _posting(connection.execute(select(report_mails).where(*key)).one())

    def settle(self, posting: Posting) -> None:
        """What became of it; nobody has taken it on any more."""
        values = {**_row(posting), "lease_until": None}
        with self._database.write() as connection:
            connection.execute(update(report_mails).where(*_key(posting)).values(values))

    def prune(self, now: datetime, kept: timedelta) -> int:
        """Forget old ones; gives how many."""
        before = now - max(kept, _KEPT_AT_LEAST)
        with self._database.write() as connection:
            old = delete(report_mails).where(report_mails.c.due_at < before)
            return connection.execute(old).rowcount


def _key(posting: Posting) -> tuple[Any, Any]:
    return report_mails.c.name == posting.name, report_mails.c.period == posting.period


def _row(one: Posting) -> dict[str, Any]:
    return {
        "name": one.name,
        "period": one.period,
        "state": one.state.value,
        "due_at": one.due_at,
        "next_at": one.next_at,
        "tries": one.tries,
        "had": json.dumps(one.had),
        "problem": one.problem,
        "ended_at": one.ended_at,
    }


def _posting(row: Row[Any]) -> Posting:
    return Posting(
        name=row.name,
        period=row.period,
        state=PostingState(row.state),
        due_at=row.due_at,
        next_at=row.next_at,
        tries=row.tries,
        had=tuple(json.loads(row.had)),
        problem=row.problem,
        ended_at=row.ended_at,
    )
