"""Named failpoints in a process under test, put around its commits from outside.

The product has no switch for them: a commit is known by what its transaction wrote.
"""

import os
import re
import signal
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.default import DefaultDialect


class Commit(StrEnum):
    """The commits that a page goes through."""

    DECISION = "decision"  # alerts, incident and outbox
    ATTEMPT = "attempt"  # the lease, and that a try begins
    OUTCOME = "outcome"  # how it ended, and what comes of it
    TIDY = "tidy"  # rows that wait are ended or changed without a try
    RECOVERY = "recovery"  # a start closes what was cut off


_VERB = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)", re.IGNORECASE)


def commits_of(wrote: set[tuple[str, str]]) -> list[Commit]:
    """Which commits of a page's life wrote these (verb, table); none: it is about other things.

    A decision may begin the first tries of what it decides in the same commit.
    """
    found = [Commit.DECISION] if ("insert", "incidents") in wrote else []
    if ("insert", "attempts") in wrote:
        found.append(Commit.ATTEMPT)
    elif ("update", "attempts") in wrote:
        said = ("insert", "incident_events") in wrote
        found.append(Commit.OUTCOME if said else Commit.RECOVERY)
    elif not found and {("update", "notifications"), ("insert", "notifications")} & wrote:
        found.append(Commit.TIDY)
    return found


@dataclass(slots=True)
class _Transaction:
    wrote: set[tuple[str, str]] = field(default_factory=set)
    # Of the parameters, by table: ids are among them.
    texts: dict[str, set[str]] = field(default_factory=dict)

    def add(self, statement: str, parameters: object) -> None:
        found = _VERB.match(statement)
        if found is None:
            return
        verb, table = found[1].split()[0].lower(), found[2]
        self.wrote.add((verb, table))
        if table in ("attempts", "notifications"):
            self.texts.setdefault(table, set()).update(_texts(parameters))


def install(armed: Path, trace: Path) -> None:
    """Die at the failpoint that is written in the file `armed`, as soon as there is one.

    "attempt:after:slack"; without a receiver, the first of all. `trace` gets a line for each commit
    of a page's life, so that a test knows which there are.
    """
    transactions: dict[int, _Transaction] = {}
    committing: dict[int, list[str]] = {}
    commit: Any = DefaultDialect.do_commit

    def executed(
        connection: Connection, _cursor: object, statement: str, parameters: object, *_: object
    ) -> None:
        transactions.setdefault(_key(connection), _Transaction()).add(statement, parameters)

    def begun(connection: Connection) -> None:
        transactions.pop(_key(connection), None)

    def about_to_commit(connection: Connection) -> None:
        known = transactions.pop(_key(connection), _Transaction())
        names = []
        for name in commits_of(known.wrote):
            about = known.texts.get(
                "attempts" if name is Commit.ATTEMPT else "notifications", set()
            )
            receivers = _receivers(connection, about or set().union(*known.texts.values()))
            names += [f"{name}:{{}}:{one}" for one in receivers or [""]]
        committing[_key(connection)] = names

    def do_commit(dialect: DefaultDialect, connection: Any) -> None:  # noqa: ANN401 - any driver's
        names = committing.pop(id(getattr(connection, "driver_connection", connection)), [])
        _pass_through([name.format("before") for name in names], armed, trace)
        commit(dialect, connection)
        _pass_through([name.format("after") for name in names], armed, trace)

    event.listen(Engine, "begin", begun)
    event.listen(Engine, "before_cursor_execute", executed)
    event.listen(Engine, "commit", about_to_commit)
    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]


def _pass_through(names: list[str], armed: Path, trace: Path) -> None:
    if not names:
        return
    with trace.open("a") as out:
        out.writelines(f"{name}\n" for name in names)
    point = armed.read_text() if armed.exists() else ""
    if point and any(_meets(name, point) for name in names):
        armed.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def _meets(name: str, point: str) -> bool:
    return point in (name, name.rpartition(":")[0])


def _key(connection: Connection) -> int:
    return id(connection.connection.driver_connection)


def _receivers(connection: Connection, texts: set[str]) -> list[str]:
    """Whose notifications a transaction is about."""
    rows = connection.connection.cursor()
    try:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        found: list[str] = []
        for one in sorted(texts):
            rows.execute(f"SELECT receiver FROM notifications WHERE id = {mark}", (one,))  # noqa: S608
            found += [row[0] for row in rows.fetchall()]
        return list(dict.fromkeys(found))
    finally:
        rows.close()


def _texts(parameters: object) -> set[str]:
    match parameters:
        case str():
            return {parameters} if len(parameters) < 200 else set()
        case dict():
            return {text for value in parameters.values() for text in _texts(value)}
        case list() | tuple():
            return {text for value in parameters for text in _texts(value)}
        case _:
            return set()
