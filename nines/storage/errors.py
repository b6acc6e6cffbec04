"""The database's failures, as sentences for the person on call."""

import sqlite3

from sqlalchemy import exc

from dashboards.source import NotAnsweringError


class StorageError(NotAnsweringError):
    """The database could not do what was asked; nothing was changed unless the text says so."""


class RestoredError(StorageError):
    """What was to be written rests on contents that a restore has replaced; nothing was written."""


class HeldError(StorageError):
    """Another Nines runs on the database."""


class UnfitError(StorageError):
    """What was to be written can never be written as it is: the database is not at fault."""

    passing = False


_SQLITE = {
    sqlite3.SQLITE_BUSY: "another process held it for too long; nothing was changed",
    sqlite3.SQLITE_LOCKED: "another process held it for too long; nothing was changed",
    sqlite3.SQLITE_FULL: "the disk is full; nothing was changed",
    sqlite3.SQLITE_READONLY: "the file or its folder may not be written to",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened or created",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a backup",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write",
    sqlite3.SQLITE_PERM: "the file may not be opened",
}


def storage_error(name: str, error: exc.SQLAlchemyError) -> StorageError:
    """What `error` means for the database called `name`. Holds no statement and no value."""
    kind = UnfitError if _is_unfit(error) else StorageError
    return kind(f"The database {name} did not answer: {_why(error)}.")


def _is_unfit(error: exc.SQLAlchemyError) -> bool:
    """Whether the values are at fault; a table that is not there is the database's."""
    if isinstance(error, exc.DataError | exc.IntegrityError | exc.InterfaceError):
        return not error.connection_invalidated
    # Of the driver's own, before it asked: of the server's, PostgreSQL names the code.
    return isinstance(error, exc.ProgrammingError) and getattr(error.orig, "sqlstate", None) is None


def _why(error: exc.SQLAlchemyError) -> str:
    if isinstance(error, exc.TimeoutError):
        return "every connection to it stayed in use for too long"
    if not isinstance(error, exc.DBAPIError):
        return f"{type(error).__name__} in its driver"
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        # The extended code's low byte is the plain one: https://sqlite.org/rescode.html
        known = _SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
        if known:
            return known
    if error.connection_invalidated:
        return f"the connection was lost ({_first_line(cause)})"
    return _first_line(cause)


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
