"""MongoDB's protocol, as much of it as a probe says: OP_MSG with one document each way.

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/; documents by pymongo's bson.
"""

import hashlib
import struct
from collections.abc import Mapping
from typing import Any

import bson

from collectors.failure import ProtocolError
from collectors.framed import Framed
from collectors.scram import Scram, prepared

Document = Mapping[str, Any]
_OP_MSG = 2013
_HEAD = struct.Struct("<iiii")  # length, request, response to, operation
_HAS_CHECKSUM = 1


class BadMongodbError(ProtocolError):
    """What came is not MongoDB's protocol."""

    protocol = "MongoDB's protocol"


class MongodbError(Exception):
    """The server answered a command with an error; the message is its own."""


class Mongodb:
    """Commands over one connection. All raise MongodbError, ProtocolError, OSError, EOFError."""

    def __init__(self, framed: Framed) -> None:
        self._framed = framed
        self._asked = 0

    async def ask(self, command: Document, database: str = "admin") -> Document:
        """The answer to a command that went well."""
        self._asked += 1
        body = b"\0\0\0\0\0" + bson.encode({**command, "$db": database})
        head = _HEAD.pack(_HEAD.size + len(body), self._asked, 0, _OP_MSG)
        await self._framed.say(head + body)
        told = _document(await self._answer())
        if told.get("ok") != 1:
            code = told.get("codeName") or told.get("code") or "an error"
            raise MongodbError(f"{code}: {told.get('errmsg', 'without words')}")
        return told

    async def sign_in(self, username: str, password: str, source: str, offered: object) -> None:
        """By SCRAM, the stronger way where both are `offered` (`saslSupportedMechs`)."""
        is_old = isinstance(offered, list) and "SCRAM-SHA-256" not in offered
        if is_old:
            mixed = f"{username}:mongo:{password}".encode()
            secret = hashlib.md5(mixed, usedforsecurity=False).hexdigest().encode()
            scram = Scram(username, secret, "sha1")
        else:
            scram = Scram(username, prepared(password))
        start = {
            "saslStart": 1,
            "mechanism": "SCRAM-SHA-1" if is_old else "SCRAM-SHA-256",
            "payload": scram.first(),
            "options": {"skipEmptyExchange": True},
        }
        told = await self.ask(start, source)
        going = {"saslContinue": 1, "conversationId": told.get("conversationId")}
        proof = scram.final(_payload(told))
        told = await self.ask({**going, "payload": proof}, source)
        scram.verify(_payload(told))
        if not told.get("done"):  # an old server wants one more turn
            await self.ask({**going, "payload": b""}, source)

    async def _answer(self) -> bytes:
        head = await self._framed.take(_HEAD.size)
        size, _, answers, operation = _HEAD.unpack(head)
        if operation != _OP_MSG or size < _HEAD.size + 5 or answers != self._asked:
            raise BadMongodbError(f"it begins with {head!r}")
        return await self._framed.take(size - _HEAD.size)


def _document(body: bytes) -> Document:
    (flags,) = struct.unpack_from("<I", body)
    end = len(body) - 4 if flags & _HAS_CHECKSUM else len(body)
    if flags & ~_HAS_CHECKSUM or body[4] != 0:
        raise BadMongodbError("the answer is not one document")
    try:
        told: Document = bson.decode(body[5:end])
    except (bson.errors.BSONError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadMongodbError(f"a document cannot be read: {error}") from None
    return told


def _payload(told: Document) -> bytes:
    payload = told.get("payload")
    if not isinstance(payload, bytes):
        raise BadMongodbError("the sign-in was answered without a payload")
    return payload
