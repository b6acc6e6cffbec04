"""PostgreSQL's protocol, as much of it as a probe says: sign in, and ask, read-only.

https://www.postgresql.org/docs/current/protocol.html. Errors are told by their code, never by
words, which come in the server's language.
"""

import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal

from collectors.failure import ProtocolError
from collectors.framed import Framed
from collectors.observation import Cause
from collectors.scram import Scram, prepared
from collectors.sql_server import MOST_ROWS, CannotSignInError, Credentials, SqlError

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_VERSION_3 = 196608
_CANCELED = "57014"  # by statement_timeout
_MESSAGES = frozenset(b"RSKNvEZ12TDCsInA")
_SCRAM = "SCRAM-SHA-256"
_ASIDE = b"SKNvA"  # says something that was not asked

# By the types' own numbers (pg_type.h); what is not here is no number and no text.
_READ: Mapping[int, Callable[[str], object]] = {
    16: lambda text: text == "t",
    **dict.fromkeys((20, 21, 23, 26), int),
    **dict.fromkeys((700, 701), float),
    1700: Decimal,
    **dict.fromkeys((18, 19, 25, 1042, 1043), str),
}


class BadPostgresqlError(ProtocolError):
    """What came is not PostgreSQL's protocol."""

    protocol = "PostgreSQL's protocol"


async def ask_for_tls(framed: Framed) -> None:
    """Until the server will begin TLS. Raises SqlError where it has none."""
    await framed.say(_SSL_REQUEST)
    said = await framed.take(1)
    if said == b"N":
        raise SqlError("that it speaks no TLS", Cause.TLS)
    if said != b"S":
        raise BadPostgresqlError(f"TLS was answered with {said!r}")


class Postgresql:
    """One connection to a server."""

    connections = (
        "SELECT sum(numbackends)::bigint, current_setting('max_connections')::bigint"
        " FROM pg_stat_database"
    )

    def __init__(self, framed: Framed) -> None:
        self._framed = framed

    async def sign_in(self, who: Credentials, timeout_ms: int) -> None:
        """Begin the transaction, too. Raises as SqlServer says, and CannotSignInError."""
        told = {"user": who.username, "database": who.database, "application_name": "nines"}
        text = "".join(f"{key}\0{value}\0" for key, value in told.items()) + "\0"
        body = struct.pack("!i", _VERSION_3) + text.encode()
        await self._framed.say(struct.pack("!i", len(body) + 4) + body)
        scram = Scram("", prepared(who.password))  # the name is the startup message's
        while True:
            kind, body = await self._heard()
            if kind == b"Z":
                break
            if kind != b"R":
                raise BadPostgresqlError(f"a message {kind!r} came during the sign-in")
            if (answer := _answer(body, who, scram)) is not None:
                await self._framed.say(_message(b"p", answer))
        # Options of the startup message are what poolers refuse: this is said afterwards.
        begin = f"BEGIN READ ONLY; SET LOCAL statement_timeout = {timeout_ms}"
        await self._framed.say(_message(b"Q", _text(begin)))
        await self._rows()

    async def ask(self, query: str) -> Sequence[Sequence[object]]:
        """By the extended protocol: one statement, and no row is sent that is not asked."""
        parts = (
            _message(b"P", b"\0" + _text(query) + b"\0\0"),
            _message(b"B", b"\0\0" + b"\0\0" * 3),
            _message(b"D", b"P\0"),
            _message(b"E", b"\0" + struct.pack("!i", MOST_ROWS)),
            _message(b"S", b""),
        )
        await self._framed.say(b"".join(parts))
        return await self._rows()

    async def farewell(self) -> None:
        with suppress(OSError):
            await self._framed.say(_message(b"X", b""))

    async def _rows(self) -> Sequence[Sequence[object]]:
        types: Sequence[int] = ()
        rows: list[Sequence[object]] = []
        error: SqlError | None = None
        while True:
            kind, body = await self._heard(raises=False)
            if kind == b"E":
                error = error or _error(body)
            elif kind == b"T":
                types = _types(body)
            elif kind == b"D":
                rows.append(_row(body, types))
            elif kind == b"Z":
                break
        if error is not None:
            raise error
        return rows

    async def _heard(self, *, raises: bool = True) -> tuple[bytes, bytes]:
        """The next message that was asked for; an error is raised, as nothing need follow it."""
        while True:
            head = await self._framed.take(5)
            size = int.from_bytes(head[1:], "big") - 4
            if head[0] not in _MESSAGES or size < 0:
                raise BadPostgresqlError(f"it begins with {head!r}")
            body = await self._framed.take(size)
            if head[:1] == b"E" and raises:
                raise _error(body)
            if head[0] not in _ASIDE:
                return head[:1], body


def _answer(body: bytes, who: Credentials, scram: Scram) -> bytes | None:
    """What to say to a request to prove who we are; None where nothing more is to be said."""
    code, rest = int.from_bytes(body[:4], "big"), body[4:]
    match code:
        case 0:
            return None
        case 3:
            return _text(who.password)
        case 5:
            return _text(_md5(who, rest[:4]))
        case 10 if _SCRAM.encode() in rest.split(b"\0"):
            first = scram.first()
            return _text(_SCRAM) + struct.pack("!i", len(first)) + first
        case 11:
            return scram.final(rest)
        case 12:
            scram.verify(rest)
            return None
    names = {2: "Kerberos", 7: "GSSAPI", 9: "SSPI", 10: "SASL other than SCRAM-SHA-256"}
    way = names.get(code, f"method {code}")
    raise CannotSignInError(f"the server wants us to sign in by {way}, which is not known here")


def _md5(who: Credentials, salt: bytes) -> str:
    # The protocol's own, for servers that hold no better.
    inner = hashlib.md5((who.password + who.username).encode(), usedforsecurity=False).hexdigest()
    return "md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _error(body: bytes) -> SqlError:
    told = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    words = told.get(b"M", "without words")
    severity, code = told.get(b"S", ""), told.get(b"C", "")
    cause = Cause.TIMEOUT if code == _CANCELED else Cause.STATUS
    return SqlError(f"{severity} {code}: {words}".strip(), cause)


def _types(body: bytes) -> Sequence[int]:
    try:
        (count,) = struct.unpack_from("!H", body)
        at, found = 2, []
        for _ in range(count):
            at = body.index(b"\0", at) + 1
            found.append(struct.unpack_from("!ihihih", body, at)[2])
            at += 18
    except (struct.error, ValueError):
        raise BadPostgresqlError("the description of rows breaks off") from None
    return found


def _row(body: bytes, types: Sequence[int]) -> Sequence[object]:
    try:
        (count,) = struct.unpack_from("!H", body)
        if count != len(types):
            raise BadPostgresqlError("a row is not what was described")
        at, found = 2, list[object]()
        for kind in types:
            (size,) = struct.unpack_from("!i", body, at)
            at += 4
            found.append(None if size < 0 else _value(body[at : at + size], kind))
            at += max(size, 0)
    except (struct.error, ValueError, ArithmeticError):
        raise BadPostgresqlError("a row cannot be read") from None
    return found


def _value(raw: bytes, kind: int) -> object:
    read = _READ.get(kind)
    return raw if read is None else read(raw.decode(errors="replace"))
