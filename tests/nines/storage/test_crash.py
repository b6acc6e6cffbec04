"""Killed at any instant, the database opens again and holds whole batches only."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nines.storage.alerts import AlertRecords
from nines.storage.counts import CountStore
from nines.storage.database import Database, open_database
from tests.nines.storage.builders import T0

_SERIES = 50


# Writes one batch after another; in the third it stops dead before one statement.
_WRITER = f"""
import signal, sys
from sqlalchemy import event
from alerting.store import Decision
from nines.storage.alerts import AlertRecords
from nines.storage.batches import CauseDelta, CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import open_database
from slo.alert_state import AlertState, Phase
from slo.ledger import BucketDelta
from tests.nines.storage.builders import T0, a_notification, an_alert, an_event, an_incident

database = open_database(sys.argv[1])
counts, records = CountStore(database), AlertRecords(database)
numbers = [counts.register(f"shop/{{n}}", "v1", T0).series_id for n in range({_SERIES})]
bucket = int(T0.timestamp())
turn = 0

def before(connection, cursor, statement, *_):
    if turn == 3 and sys.argv[2] in statement:
        print("reached", flush=True)
        signal.pause()

event.listen(database.engine, "before_cursor_execute", before)
while True:
    turn += 1
    batch = CountBatch(
        deltas={{n: [BucketDelta(bucket, good=1)] for n in numbers}},
        causes={{n: [CauseDelta(bucket, "status", 1)] for n in numbers}},
    )
    name = f"inc-{{turn:06}}"
    decision = Decision(
        (an_incident(name),),
        (an_alert(f"alert-{{turn}}", incident_id=name),),
        (an_event("opened", name),),
        (a_notification(f"n-{{turn}}", incident_id=name),),
    )
    records.apply(decision, {{f"rule-{{turn}}": AlertState(Phase.FIRING, T0)}}, batch)
    print(turn, flush=True)
"""


@contextmanager
def _writing(url: str, stop_before: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _WRITER, url, stop_before]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    while (said := process.stdout.readline()) != f"{line}\n":
        assert said, "the writer ended by itself"


def _whole_batches(url: str) -> int:
    """How many batches are stored; fails unless every table holds the same ones."""
    database = open_database(url)
    store, records = CountStore(database), AlertRecords(database)
    turns = {f"shop/{n}": _turns_of_series(store, f"shop/{n}") for n in range(_SERIES)}
    files = records.open_incidents()
    turns["incidents"] = len(files)
    turns["alerts"] = sum(len(file.alerts) for file in files)
    turns["told"] = sum(len(file.told) for file in files)
    turns["outbox"] = records.outbox_pending()[0]
    turns["states"] = len(records.alert_states())
    _check_integrity(database)
    database.close()
    assert len(set(turns.values())) == 1, turns
    return turns["incidents"]


def _turns_of_series(store: CountStore, slo_id: str) -> int:
    (record,) = store.series(slo_id)
    end = T0.replace(hour=23)
    base = store.load(record.series_id, 10, T0, end)
    sums = store.load(record.series_id, 300, T0, end)
    causes = store.causes(record.series_id, T0, end)
    assert base == sums
    assert causes == {"status": base[0][1]}
    assert record.lifetime.good == base[0][1]
    return record.lifetime.good


def _check_integrity(database: Database) -> None:
    if database.dialect == "sqlite":
        with database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


@pytest.mark.parametrize(
    "stop_before",
    [
        pytest.param("INSERT INTO counts", id="before the counts"),
        pytest.param("INSERT INTO sums", id="between counts and sums"),
        pytest.param("UPDATE series", id="before the lifetime totals"),
        pytest.param("INSERT INTO incidents", id="between counts and the decision"),
        pytest.param("INSERT INTO notifications", id="before the outbox"),
        pytest.param("INSERT INTO alert_states", id="before the last statement"),
    ],
)
def test_a_process_killed_within_a_transaction_leaves_nothing_of_it(
    database_url: str, stop_before: str
) -> None:
    with _writing(database_url, stop_before) as process:
        _wait_for(process, "reached")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    assert _whole_batches(database_url) == 2


def test_what_was_acknowledged_before_the_kill_is_there(database_url: str) -> None:
    with _writing(database_url, "never reached") as process:
        _wait_for(process, "5")
        os.kill(process.pid, signal.SIGKILL)  # somewhere in the sixth, or after it
        process.wait()

    assert _whole_batches(database_url) >= 5
