"""Is the database well? Every check says in a sentence what it found."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import func, select

from alerting.notification import NotificationState
from nines.storage.counts import CountStore
from nines.storage.database import Database, schema_version
from nines.storage.errors import StorageError
from nines.storage.packing import add_up
from nines.storage.schema import metadata, notifications, series
from slo.ledger import FIVE_MINUTES

_OVERDUE = timedelta(minutes=5)
_CLOCK_ERROR = timedelta(minutes=1)
_LEAST_FREE = 256 * 1024 * 1024  # bytes
_COMPARED = timedelta(days=2)
_SHOWN = 3  # examples in a sentence
_OF_SERIES = ("counts", "sums", "packed_counts", "packed_sums", "edge_counts", "causes")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `ok`: there is nothing to do."""

    check: str
    ok: bool
    sentence: str


def examine(database: Database, now: datetime, detail: timedelta) -> Iterator[Finding]:
    """Look at everything; nothing is written. `detail` is how long base buckets are kept."""
    schema = _schema(database)
    yield schema
    if not schema.ok:
        return
    checks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("integrity", lambda: _integrity(database)),
        ("sums", lambda: _sums_equal_detail(database, now, min(detail, _COMPARED))),
        ("orphans", lambda: _orphans(database)),
        ("outbox", lambda: _outbox(database, now)),
        ("clock", lambda: _clock(database, now)),
        ("disk", lambda: _disk(database)),
    )
    for name, check in checks:
        try:
            yield check()
        except StorageError as error:
            yield Finding(name, ok=False, sentence=str(error))


def storage_bytes(database: Database) -> int:
    """What the database takes on disk, its log included."""
    if database.dialect == "sqlite":
        file = str(database.engine.url.database)
        return sum(
            path.stat().st_size for path in (Path(file), Path(file + "-wal")) if path.exists()
        )
    with database.read() as connection:
        query = "SELECT pg_database_size(current_database())"
        return int(connection.exec_driver_sql(query).scalar_one())


def storage_rows(database: Database) -> dict[str, int]:
    """How many rows each table has."""
    with database.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def _schema(database: Database) -> Finding:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    newest = ScriptDirectory.from_config(config).get_current_head()
    found = schema_version(database)
    if found == newest:
        return Finding("schema", ok=True, sentence=f"The schema is {found}, the newest.")
    why = "it is empty" if found is None else f"its schema is {found}"
    return Finding(
        "schema",
        ok=False,
        sentence=f"The database {database.name} does not fit this version, which writes schema"
        f" {newest}: {why}. `nines migrate` brings an older one up to date.",
    )


def _integrity(database: Database) -> Finding:
    if database.dialect != "sqlite":
        return Finding(
            "integrity", ok=True, sentence="PostgreSQL answers and checks its own pages."
        )
    with database.read() as connection:
        damage = connection.exec_driver_sql("PRAGMA integrity_check(3)").scalars().all()
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if damage != ["ok"]:
        said = "; ".join(damage)
        return Finding(
            "integrity", ok=False, sentence=f"The file is damaged, restore a backup: {said}."
        )
    if broken:
        said = f"{len(broken)} rows refer to rows that do not exist, the first in {broken[0][0]}."
        return Finding("integrity", ok=False, sentence=said)
    return Finding("integrity", ok=True, sentence="Every page of the file is sound.")


def _sums_equal_detail(database: Database, now: datetime, over: timedelta) -> Finding:
    """Five-minute sums are the base buckets added up, wherever both are kept."""
    end = int(now.timestamp()) // FIVE_MINUTES * FIVE_MINUTES
    # Two hours short of retention, which forgets detail while we look.
    first = end - int(over.total_seconds()) + 7_200
    since, until = (datetime.fromtimestamp(at, UTC) for at in (first, end))
    with database.read() as connection:
        names = {row.series_id: row.slo_id for row in connection.execute(select(series))}
    wrong = []
    for number, history in CountStore(database).histories(names, since, since, until):
        fine, coarse = (
            rows[(rows[:, 0] >= first) & (rows[:, 0] < end)]
            for rows in (add_up(history.detail, FIVE_MINUTES), add_up(history.sums, FIVE_MINUTES))
        )
        if not np.array_equal(fine, coarse):
            wrong.append(names[number])
    if wrong:
        return Finding(
            "sums",
            ok=False,
            sentence=f"The five-minute sums of {_some(wrong)} differ from their base buckets"
            f" since {since:%Y-%m-%d %H:%M} UTC: restore a backup, and tell us.",
        )
    return Finding(
        "sums",
        ok=True,
        sentence=f"Sums equal base buckets for all {len(names)} series"
        f" since {since:%Y-%m-%d %H:%M} UTC.",
    )


def _orphans(database: Database) -> Finding:
    found = []
    with database.read() as connection:
        for name in _OF_SERIES:
            table = metadata.tables[name]
            query = (
                select(func.count())
                .select_from(table)
                .where(table.c.series_id.not_in(select(series.c.series_id)))
            )
            count = connection.execute(query).scalar_one()
            if count:
                found.append(f"{count:,} rows in {name}")
    if found:
        said = f"Counts without a series, which nobody reads: {', '.join(found)}."
        return Finding("orphans", ok=False, sentence=said)
    return Finding("orphans", ok=True, sentence="Every count belongs to a series.")


def _outbox(database: Database, now: datetime) -> Finding:
    query = select(func.count(), func.min(notifications.c.next_attempt_at)).where(
        notifications.c.state == NotificationState.PENDING,
        notifications.c.next_attempt_at < now - _OVERDUE,
    )
    with database.read() as connection:
        count, oldest = connection.execute(query).one()
    if count:
        return Finding(
            "outbox",
            ok=False,
            sentence=f"{count} notifications are overdue, the oldest since"
            f" {oldest:%Y-%m-%d %H:%M} UTC: is Nines running?",
        )
    return Finding("outbox", ok=True, sentence="No notification is overdue.")


def _clock(database: Database, now: datetime) -> Finding:
    with database.read() as connection:
        newest = connection.execute(select(func.max(series.c.last_observation))).scalar()
        server = None
        if database.dialect == "postgresql":
            server = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    if newest is not None and newest - now > _CLOCK_ERROR:
        return Finding(
            "clock",
            ok=False,
            sentence=f"The newest observation is of {newest:%Y-%m-%d %H:%M:%S} UTC, which this"
            f" machine's clock says is yet to come: the clock was set back, or was ahead then.",
        )
    if server is not None and abs(server - now) > _CLOCK_ERROR:
        return Finding(
            "clock",
            ok=False,
            sentence=f"This machine's clock and the database server's are"
            f" {abs(server - now).total_seconds():.0f} s apart.",
        )
    return Finding("clock", ok=True, sentence="Nothing was observed in the future.")


def _disk(database: Database) -> Finding:
    if database.dialect != "sqlite":
        return Finding("disk", ok=True, sentence="The disk is the database server's.")
    folder = Path(str(database.engine.url.database)).absolute().parent
    free, size = shutil.disk_usage(folder).free, storage_bytes(database)
    sentence = f"{free / 1e9:.1f} GB are free where the database takes {size / 1e9:.3f} GB."
    # As much again: a backup beside it, and the log of a long reader.
    if free < max(_LEAST_FREE, size):
        return Finding("disk", ok=False, sentence=f"The disk is nearly full: {sentence}")
    return Finding("disk", ok=True, sentence=sentence)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(sorted(names)[:_SHOWN]) + more
