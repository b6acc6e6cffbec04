"""What waits is found by its own index, however many notifications there ever were."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from alerting.notification import NotificationKind
from nines.storage.database import Database, migrate, open_database
from nines.storage.outbox import OutboxRecords, _follow
from nines.storage.overdue import owed
from tests.nines.storage.builders import T0, a_notification

QUESTIONS: dict[str, Callable[[Database], object]] = {
    "what is due": lambda database: OutboxRecords(database).due_notifications(T0),
    "how much waits": lambda database: OutboxRecords(database).outbox_pending(),
    "for whom it waits": lambda database: OutboxRecords(database).waiting(),
    "what is owed": lambda database: owed(database, T0, timedelta(minutes=2)),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_history_is_not_read(tmp_path: Path, question: str) -> None:
    database = open_database(f"sqlite:///{tmp_path}/nines.db")
    migrate(database)
    asked: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:  # noqa: ANN401
        asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    QUESTIONS[question](database)
    event.remove(database.engine, "before_cursor_execute", note)
    with database.read() as connection:
        plans = [
            row[3]
            for statement, parameters in asked
            if statement.startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    database.close()

    assert any("ix_notifications_pending" in plan for plan in plans)
    assert not [
        plan for plan in plans if plan.startswith("SCAN notifications") and "ix_" not in plan
    ]


def test_what_a_digest_told_is_found_by_an_index_of_its_own(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/nines.db")
    migrate(database)
    asked: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:  # noqa: ANN401
        asked.append((statement, parameters))

    digest = a_notification(kind=NotificationKind.DIGEST, finished_at=T0)
    event.listen(database.engine, "before_cursor_execute", note)
    with database.write() as connection:
        _follow(connection, digest)
    event.remove(database.engine, "before_cursor_execute", note)
    (statement, parameters) = next(one for one in asked if "notifications" in one[0])
    with database.read() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans = [row[3] for row in rows]
    database.close()

    assert any("ix_notifications_digest" in plan for plan in plans)
