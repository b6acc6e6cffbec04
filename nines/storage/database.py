"""Open the database, bring its schema up to date, and hand out transactions."""

import contextlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import Connection as PostgresConnection
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    delete,
    event,
    insert,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from nines.storage.errors import RestoredError, StorageError, storage_error
from nines.storage.prepared import Prepared
from nines.storage.schema import incarnation

_BUSY_SECONDS = 5.0
_POOL_SIZE = 8  # one writer and a handful of readers
_POOL_WAIT_SECONDS = 30
# Any number will do as long as every Nines takes the same one.
_MIGRATION_LOCK = 0x6E696E6573
_LIFE = Prepared(lambda _: select(incarnation.c.id))  # each writing asks for it
_SQLITE_SETTINGS = (
    "PRAGMA synchronous = FULL",  # a committed page survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",  # KiB
    "PRAGMA journal_size_limit = 67108864",  # gives the log's space back after a burst
)
# The server ends what this process no longer waits for.
_POSTGRES_SETTINGS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "nines",
    "options": (
        "-c statement_timeout=60000 -c lock_timeout=10000"
        " -c idle_in_transaction_session_timeout=60000"
    ),
}


# Shared by who writes, exclusive for who restores; any number that no other lock of ours has.
RESTORE_LOCK = 0x72657374


class Database:
    """One SQLite file or PostgreSQL database. Every method blocks: never call it on the loop."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.name = name  # as shown to people: no password
        self.dialect = engine.dialect.name
        # A snapshot, so that two statements of one question see the same moment.
        self._readers = engine.execution_options(isolation_level="REPEATABLE READ")
        self._writers = {
            mode: engine.execution_options(sqlite_begin=mode) for mode in ("IMMEDIATE", "EXCLUSIVE")
        }
        # SQLite has one writer; waiting here is fairer than polling its busy handler.
        self._one_writer: AbstractContextManager[object] = (
            threading.Lock() if self.dialect == "sqlite" else nullcontext()
        )
        self._life: str | None = None  # what this process's memory rests on, where it has any

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot of one moment to read from."""
        engine = self.engine if self.dialect == "sqlite" else self._readers
        with self._sentences(), engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, exclusive: bool = False) -> Iterator[Connection]:
        """One transaction: all of it is kept when the block ends, nothing when it raises."""
        mode = "EXCLUSIVE" if exclusive else "IMMEDIATE"
        engine = self._writers[mode]
        with self._sentences(), self._one_writer, engine.begin() as connection:
            self._look_whether_restored(connection)
            yield connection

    def rest_on_this_life(self) -> None:
        """From now on refuse to write, by RestoredError, what a restore has made obsolete."""
        with self.read() as connection:
            self._life = _life(connection)

    def begin_life(self) -> None:
        """What an earlier process still has in memory is obsolete from now on: it writes nothing
        more, and so sends nothing more, even where it never heard that the database let go of it.
        """
        with self.write() as connection:
            renew(connection)
        self.rest_on_this_life()

    def _look_whether_restored(self, connection: Connection) -> None:
        if self._life is None:
            return
        if self.dialect == "postgresql":  # SQLite has one writer at a time anyway
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({RESTORE_LOCK})")
        if _life(connection) != self._life:
            raise RestoredError(
                f"The database {self.name} was replaced by a backup, or another Nines took it over:"
                " what was in memory does not belong to it any more."
            )

    def ping(self) -> None:
        """Return when the database answers; raise StorageError when it does not."""
        with self.read() as connection:
            connection.exec_driver_sql("SELECT 1")

    def close(self) -> None:
        """Close every connection; the next use would open new ones."""
        self.engine.dispose()

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise storage_error(self.name, error) from error


def _life(connection: Connection) -> str:
    return next((str(row.id) for row in _LIFE.rows(connection, {})), "none yet")


def renew(connection: Connection) -> None:
    """Begin another life, once nobody writes who knows only the old one."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({RESTORE_LOCK})")
    connection.execute(delete(incarnation))
    connection.execute(insert(incarnation).values(id=secrets.token_hex(8)))


def open_database(url: str, *, busy_seconds: float = _BUSY_SECONDS) -> Database:
    """Open `sqlite:///file` or `postgresql+psycopg://...`; raises StorageError with a sentence.

    `busy_seconds` is how long to wait for another process that holds the SQLite file.
    """
    parsed = _parsed(url)
    name = parsed.render_as_string(hide_password=True)
    if parsed.get_backend_name() == "sqlite":
        engine = _sqlite(parsed, name, busy_seconds)
    else:
        query = _POSTGRES_SETTINGS | dict(parsed.query)
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg", query=query),
            pool_size=_POOL_SIZE,
            max_overflow=0,
            pool_timeout=_POOL_WAIT_SECONDS,
            pool_pre_ping=True,
        )
        event.listen(engine, "connect", _configure_postgres)
    database = Database(engine, name)
    try:
        database.ping()
    except StorageError:
        database.close()
        raise
    return database


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StorageError(
            "The database address cannot be read; it looks like sqlite:///nines.db or"
            " postgresql+psycopg://user@host/nines."
        ) from error
    if parsed.drivername not in {
        "sqlite",
        "sqlite+pysqlite",
        "postgresql",
        "postgresql+psycopg",
    }:
        raise StorageError(
            f"{parsed.drivername} is not a database that Nines can use; write sqlite:///nines.db or"
            " postgresql+psycopg://user@host/nines."
        )
    return parsed


def _sqlite(url: URL, name: str, busy_seconds: float) -> Engine:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StorageError(
            f"{name} names no file; Nines keeps its counts in one, such as sqlite:///nines.db."
        )
    folder = Path(url.database).absolute().parent
    # Never made here: a mistyped path would begin an empty history beside the true one.
    if not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises where it may not look
        raise StorageError(
            f"The database {name} cannot be opened: the folder {folder} does not exist; make it, "
            "or correct `server.database`."
        )
    engine = create_engine(
        url,
        pool_size=_POOL_SIZE,
        max_overflow=0,
        pool_timeout=_POOL_WAIT_SECONDS,
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
    )
    event.listen(engine, "do_connect", partial(_begin_file, url.database))
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _begin_file(file: str, *_: object) -> None:
    """A new one is its owner's alone: hashes of passwords are in it. SQLite's beside it follow."""
    with contextlib.suppress(OSError):  # it is there, or connecting says what is wrong
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _configure_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    # The driver's own idea of when to begin knows neither IMMEDIATE nor read snapshots.
    connection.isolation_level = None
    for setting in _SQLITE_SETTINGS:
        connection.execute(setting)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise sqlite3.OperationalError(
            f"its file system allows only the journal mode {mode}, not WAL; use a local disk"
        )


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    driver = cast(sqlite3.Connection, connection.connection.dbapi_connection)
    try:
        driver.execute(f"BEGIN {mode}")
    except sqlite3.Error as error:
        raise DBAPIError.instance(
            f"BEGIN {mode}", None, error, sqlite3.Error, dialect=connection.dialect
        ) from error


def _configure_postgres(connection: PostgresConnection[object], _: ConnectionPoolEntry) -> None:
    # Behind a pooler such as PgBouncer a prepared statement may be on another connection.
    connection.prepare_threshold = None


def schema_version(database: Database) -> str | None:
    """The schema step the database is at; None when it is empty."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def migrate(database: Database) -> None:
    """Bring the schema up to date; waits for another process that is doing the same.

    Raises StorageError when a newer Nines wrote the database.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    with database.write(exclusive=True) as connection:
        if database.dialect == "postgresql":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        current = MigrationContext.configure(connection).get_current_revision()
        known = {step.revision for step in script.walk_revisions()}
        if current is not None and current not in known:
            raise StorageError(
                f"The database {database.name} was written by a newer Nines (schema {current}, this"
                f" one knows up to {script.get_current_head()}): run that version, or restore the"
                " backup made before the upgrade."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
