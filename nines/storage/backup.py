"""A backup: one SQLite file that holds everything, taken in one moment while Nines runs."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Boolean, Connection, Table, text

from nines.storage.database import (
    RESTORE_LOCK,
    Database,
    migrate,
    open_database,
    renew,
    schema_version,
)
from nines.storage.errors import HeldError, StorageError
from nines.storage.instance import hold
from nines.storage.schema import metadata

_ROWS_TOGETHER = 2_000


@dataclass(frozen=True, slots=True)
class Copied:
    """What went into a backup, or came out of it."""

    rows: int
    size: int  # of the file, bytes
    schema: str


def back_up(database: Database, file: Path, *, replace: bool = False) -> Copied:
    """Write everything as it is at this moment into `file`, which appears only when it is whole.

    The configuration and its secrets are not in the database, so not in the file either. The file
    is the same from SQLite and from PostgreSQL, and may be restored into either.
    """
    if file.exists() and not replace:
        raise StorageError(f"{file} exists already; nothing was written. --force replaces it.")
    schema = _known_schema(database)
    with _beside(file) as part:
        if database.dialect == "sqlite":
            _vacuum_into(database, part)
        else:
            with _opened(part) as copy:
                migrate(copy)
                _copy_all(database, copy)
        rows = _examine(part, file)
        _sync(part)
        part.chmod(0o600)
        part.replace(file)
    _sync(file.absolute().parent)
    return Copied(rows, file.stat().st_size, schema)


def restore(file: Path, database: Database, *, replace: bool = False) -> Copied:
    """Put a backup in place of what the database holds: all of it, or on any problem nothing.

    Raises StorageError, unless `replace`, when it holds anything. A backup that an older version
    made is brought up to date on the way. A Nines that runs on the database writes nothing more of
    what it had in memory, and starts again on what was restored.
    """
    if not file.is_file():
        raise StorageError(f"{file} is no file; nothing was changed.")
    with _held_or_running(database), tempfile.TemporaryDirectory(prefix="nines-restore-") as folder:
        part = Path(folder) / "backup.db"
        shutil.copyfile(file, part)
        _examine(part, file)
        with _opened(part) as copy:
            if schema_version(copy) is None:
                raise StorageError(f"{file} is no backup of Nines; nothing was changed.")
            migrate(copy)
            migrate(database)
            rows = _replace_all(copy, database, replace=replace)
            schema = _known_schema(database)
    return Copied(rows, file.stat().st_size, schema)


@contextmanager
def _held_or_running(database: Database) -> Iterator[None]:
    """Let no Nines start meanwhile; one that runs already looks out for restores itself."""
    try:
        held = hold(database)
    except HeldError:
        yield
        return
    try:
        yield
    finally:
        held.release()


def _known_schema(database: Database) -> str:
    schema = schema_version(database)
    if schema is None:
        raise StorageError(f"The database {database.name} is empty: there is nothing to back up.")
    return schema


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """A name in the same folder, gone at the end with what SQLite puts beside it."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{file.name}.", dir=file.absolute().parent))
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}.") from error
    try:
        yield folder / "part.db"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _opened(file: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{file}")
    try:
        yield database
        with database.engine.connect() as connection:
            # One file, without a log beside it.
            connection.connection.driver_connection.execute("PRAGMA journal_mode = DELETE")  # type: ignore[union-attr]  # the driver is sqlite3's here
    finally:
        database.close()


def _vacuum_into(database: Database, part: Path) -> None:
    # Below the pool: VACUUM wants no transaction around it, and reads one moment by itself.
    with contextlib.closing(sqlite3.connect(str(database.engine.url.database))) as connection:
        try:
            connection.execute("VACUUM INTO ?", (str(part),))
        except sqlite3.Error as error:
            raise StorageError(f"The backup was not written: {error}.") from error


def _copy_all(source: Database, target: Database) -> None:
    with source.read() as reader, target.write() as writer:
        if source.dialect == "postgresql":
            _take_as_long_as_needed(reader)
        if _revision(reader) != _revision(writer):
            raise StorageError(
                f"The database {source.name} has another schema than this Nines writes:"
                " run `nines migrate` first."
            )
        for table in metadata.sorted_tables:
            _copy(reader, writer, table)


def _replace_all(source: Database, target: Database, *, replace: bool) -> int:
    with source.read() as reader, target.write(exclusive=True) as writer:
        if target.dialect == "postgresql":
            _take_as_long_as_needed(writer)
            writer.exec_driver_sql(f"SELECT pg_advisory_xact_lock({RESTORE_LOCK})")
        holds = sum(_count(writer, name) for name in ("series", "incidents", "users"))
        if holds and not replace:
            raise StorageError(
                f"The database {target.name} is not empty; nothing was changed."
                " --force replaces all that it holds."
            )
        for table in reversed(metadata.sorted_tables):
            writer.exec_driver_sql(f"DELETE FROM {table.name}")  # noqa: S608 - the name is ours
        rows = sum(_copy(reader, writer, table) for table in metadata.sorted_tables)
        # Who signed out since must not be signed in again.
        writer.exec_driver_sql("DELETE FROM sessions")
        renew(writer)
        if target.dialect == "postgresql":
            _number_on(writer)
    return rows


def _copy(reader: Connection, writer: Connection, table: Table) -> int:
    """Copy a table's rows as the database keeps them, no value turned into ours and back."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    mark = "%s" if writer.dialect.name == "postgresql" else "?"
    places = ", ".join(mark for _ in table.columns)
    query = text(f"SELECT {columns} FROM {table.name}")  # noqa: S608 - the names are ours
    insert = f"INSERT INTO {table.name} ({columns}) VALUES ({places})"  # noqa: S608 - ours
    rows = 0
    found = reader.execute(query.execution_options(yield_per=_ROWS_TOGETHER))
    truths = [isinstance(column.type, Boolean) for column in table.columns]
    for part in found.partitions():
        # SQLite keeps a truth as a number, which PostgreSQL does not take for one.
        rows_here = [
            tuple(
                bool(value) if truth and value is not None else value
                for value, truth in zip(row, truths, strict=True)
            )
            if any(truths)
            else tuple(row)
            for row in part
        ]
        writer.exec_driver_sql(insert, rows_here)
        rows += len(part)
    return rows


def _number_on(connection: Connection) -> None:
    """PostgreSQL numbers new rows by counters of their own: set them behind the rows."""
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'),"  # noqa: S608 - ours
                f" (SELECT coalesce(max({column.name}), 0) + 1 FROM {table.name}), false)"
            )


def _examine(part: Path, file: Path) -> int:
    """How many rows a backup holds. Raises StorageError when it is damaged or no database."""
    try:
        with contextlib.closing(sqlite3.connect(part)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            names = [
                name
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type='table'"
                )
                if name in metadata.tables
            ]
            count = "SELECT count(*) FROM "
            rows = sum(connection.execute(count + name).fetchone()[0] for name in names)
    except sqlite3.Error as error:
        raise StorageError(f"{file} is no backup that can be read: {error}.") from error
    if verdict != "ok":
        raise StorageError(f"{file} is damaged ({verdict}); nothing was changed.")
    return int(rows)


def _count(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one())  # noqa: S608 - ours


def _revision(connection: Connection) -> str:
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())


def _take_as_long_as_needed(connection: Connection) -> None:
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
