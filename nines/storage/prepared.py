"""A statement that is put together once, and run by the driver itself.

SQLAlchemy writes the SQL and knows the types; its own way of running a statement costs more than
the database does, and a page waits for a dozen of them.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Connection,
    Text,
    bindparam,
    func,
    select,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

_Process = Callable[[Any], Any]


class _Compiled(NamedTuple):
    """`places`: the parameters in the order in which the SQL takes them, each as its name and how
    it is written, or as a value that is part of the statement; None: by name.
    """

    sql: str
    fixed: Mapping[str, Any]  # parameters whose values are part of the statement
    given: Sequence[tuple[str, _Process | None]]  # the others
    places: Sequence[tuple[str | None, _Process | None, Any]] | None
    results: Sequence[tuple[int, _Process]]  # of columns whose values are read otherwise
    row: Callable[[Iterable[Any]], Any]
    error: type[Exception]


def among(column: ColumnElement[str], name: str, dialect: str) -> ColumnElement[bool]:
    """Whether the column is one of a list, given as the JSON text `name`: of whatever length, it is
    the same statement.
    """
    given = bindparam(name, type_=Text)
    if dialect == "sqlite":
        return column.in_(select(func.json_each(given).table_valued("value").c.value))
    return column.in_(
        select(func.jsonb_array_elements_text(sql_cast(given, JSONB)).column_valued("v"))
    )


class Prepared:
    """Takes lists by `among` alone: others make another statement for each length."""

    def __init__(self, make: Callable[[str], ClauseElement]) -> None:
        """`make` puts the statement together for a dialect, by its name."""
        self._make = make
        self._by_dialect: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Iterator[Any]:
        """What it finds, with the columns' names as attributes; all of it has been read."""
        known = self._compiled(connection)
        found = run(connection, known.sql, [_bound(known, values)], known.error).fetchall()
        return map(known.row, found if not known.results else _read(found, known.results))

    def change(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run it once for each; gives how many rows that changed."""
        if not rows:
            return 0
        known = self._compiled(connection)
        bound = [_bound(known, values) for values in rows]
        return int(run(connection, known.sql, bound, known.error).rowcount)

    def _compiled(self, connection: Connection) -> _Compiled:
        name = connection.dialect.name
        known = self._by_dialect.get(name)
        if known is None:
            known = self._by_dialect[name] = _compile(self._make(name), connection.dialect)
        return known


def run(connection: Connection, sql: str, bound: Sequence[Any], error: type[Exception]) -> Any:  # noqa: ANN401 - the driver's cursor
    """Run the SQL, once or for several sets of parameters. Raises DBAPIError as SQLAlchemy does."""
    cursor = cast(DBAPIConnection, connection.connection.dbapi_connection).cursor()
    listeners = connection.dispatch.before_cursor_execute
    for listener in listeners or ():  # as for SQLAlchemy's own statements
        listener(connection, cursor, sql, bound, None, len(bound) > 1)
    try:
        if len(bound) == 1:
            cursor.execute(sql, bound[0])
        else:
            cursor.executemany(sql, bound)
    except error as failed:
        raise DBAPIError.instance(
            sql, None, failed, error, hide_parameters=True, dialect=connection.dialect
        ) from failed
    return cursor


def _read(found: Iterable[Any], results: Sequence[tuple[int, _Process]]) -> Iterator[list[Any]]:
    for row in found:
        values = list(row)
        for number, read in results:
            if values[number] is not None:
                values[number] = read(values[number])
        yield values


def _bound(known: _Compiled, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a tuple or a dict
    if known.places is not None:
        return tuple(
            [
                fixed if name is None else (values[name] if write is None else write(values[name]))
                for name, write, fixed in known.places
            ]
        )
    bound = dict(known.fixed)
    for name, write in known.given:
        value = values[name]
        bound[name] = value if write is None else write(value)
    return bound


def _compile(statement: ClauseElement, dialect: Dialect) -> _Compiled:
    compiled = cast(SQLCompiler, statement.compile(dialect=dialect))
    asked = [name for name, bind in compiled.binds.items() if bind.required]
    # Lists that are part of the statement are written out here, once.
    state = compiled.construct_expanded_state(dict.fromkeys(asked))
    write = {name: _writer(bind.type, dialect) for name, bind in compiled.binds.items()}
    columns = list(getattr(statement, "exported_columns", ()))
    names = [column.key for column in columns]
    fixed = {
        name: value if (own := write.get(name)) is None else own(value)
        for name, value in state.parameters.items()
        if name not in asked
    }
    order = state.positiontup
    return _Compiled(
        sql=state.statement,
        fixed=fixed,
        given=[(name, write[name]) for name in asked],
        places=None
        if order is None
        else [
            (None, None, fixed[name]) if name in fixed else (name, write[name], None)
            for name in order
        ],
        results=[
            (number, read)
            for number, column in enumerate(columns)
            if (read := _reader(column.type, dialect)) is not None
        ],
        row=_row(names),
        error=dialect.loaded_dbapi.Error,
    )


def _row(names: Sequence[str]) -> Callable[[Iterable[Any]], Any]:
    made = cast(Any, namedtuple)("Row", names, rename=True)
    make: Callable[[Iterable[Any]], Any] = made._make
    return make


def _writer(type_: Any, dialect: Dialect) -> _Process | None:  # noqa: ANN401 - SQLAlchemy's
    found: _Process | None = type_.dialect_impl(dialect).bind_processor(dialect)
    return found


def _reader(type_: Any, dialect: Dialect) -> _Process | None:  # noqa: ANN401 - SQLAlchemy's
    found: _Process | None = type_.dialect_impl(dialect).result_processor(dialect, None)
    return found
