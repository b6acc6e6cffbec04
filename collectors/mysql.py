"""Ask MySQL and MariaDB: PyMySQL speaks, over our own connection with its phases and bounds."""

import ssl
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import greenlet
import pymysql
from pymysql.constants import CR, ER

from collectors.failure import ProtocolError
from collectors.framed import Framed
from collectors.observation import Cause
from collectors.sql_server import MOST_ROWS, CannotSignInError, Credentials, SqlError

_T = TypeVar("_T")
_SLOW = {1969, 3024}  # MariaDB's and MySQL's own bound on a statement's time
_CLIENT = range(2000, 3000)  # numbers of the client's own errors
_UNKNOWN_VARIABLE = ER.UNKNOWN_SYSTEM_VARIABLE
_CANNOT = {CR.CR_AUTH_PLUGIN_CANNOT_LOAD, CR.CR_AUTH_PLUGIN_ERR}
Secure = Callable[[], Awaitable[None]]


class BadMysqlError(ProtocolError):
    """What came is not MySQL's protocol."""

    protocol = "MySQL's protocol"


class Mysql:
    """One connection to a server."""

    connections = (
        "SELECT (SELECT VARIABLE_VALUE + 0 FROM {schema}.GLOBAL_STATUS"
        " WHERE VARIABLE_NAME = 'Threads_connected'), @@max_connections"
    )

    def __init__(self, framed: Framed, secure: Secure | None) -> None:
        """`secure` begins TLS on the connection; None where none is spoken."""
        self._wire = _Wire(framed)
        self._secure = secure
        self._connection: Any = None

    async def sign_in(self, who: Credentials, timeout_ms: int) -> None:
        """Begin the transaction, too. Raises as SqlServer says, and CannotSignInError."""
        self._connection = pymysql.Connection(
            user=who.username,
            password=who.password.encode(),
            database=who.database,
            host="server",
            charset="utf8mb4",
            autocommit=None,
            program_name="nines",
            defer_connect=True,
            ssl_disabled=self._secure is None,
            ssl=_Upgrade.by(self._wire, self._secure) if self._secure is not None else None,
        )
        await _driven(self._begin, timeout_ms)

    async def ask(self, query: str) -> Sequence[Sequence[object]]:
        """As SqlServer says."""
        return await _driven(self._rows, query)

    async def farewell(self) -> None:
        with suppress(OSError, pymysql.MySQLError):
            await _driven(self._connection.close)

    def _begin(self, timeout_ms: int) -> None:
        self._connection.connect(self._wire)
        is_mariadb = "mariadb" in str(self._connection.get_server_info()).lower()
        schema = "information_schema" if is_mariadb else "performance_schema"
        self.connections = self.connections.format(schema=schema)
        self._rows(f"SET SESSION sql_select_limit = {MOST_ROWS}")
        bound = (
            f"max_statement_time = {timeout_ms / 1000}"
            if is_mariadb
            else f"max_execution_time = {timeout_ms}"
        )
        try:
            self._rows(f"SET SESSION {bound}")
        except pymysql.MySQLError as error:
            if error.args[:1] != (_UNKNOWN_VARIABLE,):  # an old one has none: ours ends it, too
                raise
        self._rows("START TRANSACTION READ ONLY")

    def _rows(self, query: str) -> Sequence[Sequence[object]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            rows: Sequence[Sequence[object]] = (
                cursor.fetchmany(MOST_ROWS) if cursor.description else ()
            )
        return rows


class _Wire:
    """The socket that PyMySQL thinks it has; used on a greenlet that `_driven` waits for."""

    def __init__(self, framed: Framed) -> None:
        self._framed = framed

    def makefile(self, _: str) -> "_Wire":
        return self

    def settimeout(self, _: float | None) -> None:
        """The run's own deadline holds."""

    def read(self, size: int) -> bytes:
        return _wait(self._framed.take(size))

    def sendall(self, data: bytes) -> None:
        _wait(self._framed.say(data))

    def close(self) -> None:
        """Whoever opened the connection closes it."""


class _Upgrade(ssl.SSLContext):
    """What PyMySQL takes for a context, and begins TLS with: ours begins."""

    _wire: _Wire
    _secure: Secure

    @classmethod
    def by(cls, wire: _Wire, secure: Secure) -> "_Upgrade":
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context._wire, context._secure = wire, secure
        return context

    def wrap_socket(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - no socket, but as one
        _wait(self._secure())
        return self._wire


async def _driven(work: Callable[..., _T], *arguments: object) -> _T:
    """What the work gives, on a greenlet that hands over what is to be awaited.

    So nothing blocks, no thread can hang, and a cancellation reaches the work where it waits.
    Raises as SqlServer says.
    """
    child = greenlet.greenlet(work)
    try:
        came = child.switch(*arguments)
        while not child.dead:
            try:
                answer = await came
            except BaseException as error:  # noqa: BLE001 - the work's to handle
                came = child.throw(error)
            else:
                came = child.switch(answer)
    except pymysql.MySQLError as error:
        raise _translated(error) from None
    except (struct.error, IndexError, KeyError, ValueError, TypeError, AssertionError) as error:
        raise BadMysqlError(f"it cannot be read ({error})") from None
    return came  # type: ignore[no-any-return]


def _wait(awaitable: Awaitable[_T]) -> _T:
    parent = greenlet.getcurrent().parent
    assert parent is not None  # noqa: S101 - used below `_driven` alone
    return parent.switch(awaitable)  # type: ignore[no-any-return]


def _translated(error: pymysql.MySQLError) -> Exception:
    if isinstance(lost := error.__context__ or getattr(error, "original_exception", None), OSError):
        return lost
    match error.args:
        case (CR.CR_SSL_CONNECTION_ERROR, _):
            return SqlError("that it speaks no TLS", Cause.TLS)
        case (int(number), str(words)) if number in _CANNOT:
            return CannotSignInError(f"the server wants a sign-in that is not known here: {words}")
        case (int(number), str(words)) if number not in _CLIENT:
            cause = Cause.TIMEOUT if number in _SLOW else Cause.STATUS
            return SqlError(f"{number}: {words}", cause)
    return BadMysqlError(" ".join(str(part) for part in error.args))
