"""One Nines at a time: two on one database would both page, and each resolve for the other."""

import fcntl
import os
from pathlib import Path
from typing import Protocol

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from nines.storage.database import Database, migrate, open_database
from nines.storage.errors import HeldError, StorageError, storage_error

_ADVISORY_KEY = 0x6E696E65732D31  # "nines-1"; never the number that `migrate` waits for


class Hold(Protocol):
    """The right to be the one that watches; a process that ends, however, lets go of it."""

    def release(self) -> None: ...


def hold(database: Database) -> Hold:
    """Take the database for this process. Raises StorageError when another one has it."""
    if database.dialect == "sqlite":
        return _FileHold(Path(f"{database.engine.url.database}.lock").absolute())
    return _SessionHold(database)


def is_free(url: str) -> bool:
    """Whether nobody has the database at this moment. Raises StorageError when nobody can say."""
    database = open_database(url)
    try:
        hold(database).release()
    except HeldError:
        return False
    finally:
        database.close()
    return True


def open_held(url: str) -> tuple[Database, Hold]:
    """The database at `url` for this process alone, its schema brought up to date.

    Raises StorageError; then nothing is left open.
    """
    database = open_database(url)
    try:
        held = hold(database)
    except StorageError:
        database.close()
        raise
    try:
        migrate(database)
        database.begin_life()
    except StorageError:
        held.release()
        database.close()
        raise
    return database, held


class _FileHold:
    """A lock on a file beside SQLite's: the kernel drops it with the process, SIGKILL included.

    Not on the database file itself: closing any handle of it would drop SQLite's own locks.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageError(f"The lock {path} cannot be made: {error.strerror}.") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._handle, 32).decode(errors="replace").strip()
            os.close(self._handle)
            raise HeldError(
                f"Another Nines{f' (process {holder})' if holder else ''} uses the database "
                f"{path.with_suffix('')} already; two would page twice and resolve for one another."
            ) from error
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        os.close(self._handle)


class _SessionHold:
    """An advisory lock of a connection of its own; PostgreSQL drops it with the session."""

    def __init__(self, database: Database) -> None:
        engine = create_engine(
            database.engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        try:
            connection: Connection = engine.connect()
            taken = connection.execute(
                text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY_KEY}
            ).scalar_one()
        except SQLAlchemyError as error:
            raise storage_error(database.name, error) from error
        if not taken:
            connection.close()
            raise HeldError(
                f"Another Nines uses the database {database.name} already; "
                "two would page twice and resolve for one another."
            )
        self._connection = connection

    def release(self) -> None:
        self._connection.close()
