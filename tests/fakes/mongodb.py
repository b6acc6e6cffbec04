"""A MongoDB of one replica set member, as far as drivers greet it, sign in and ask how it does.

It speaks OP_MSG, and OP_QUERY for the first greeting, as servers do. It is held against pymongo's
own client.
"""

import asyncio
import base64
import hashlib
import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import bson

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
Document = Mapping[str, Any]


def member(name: str, state: str, behind: float = 0, health: int = 1) -> Document:
    """As replSetGetStatus tells of one."""
    at = NOW - timedelta(seconds=behind)
    return {"name": name, "stateStr": state, "health": health, "optimeDate": at}


@dataclass
class FakeMongodb:
    """What it tells may be changed while it runs."""

    hello: dict[str, Any] = field(
        default_factory=lambda: {
            "isWritablePrimary": True,
            "setName": "rs0",
            "hosts": ["a:27017", "b:27017"],
            "primary": "a:27017",
            "me": "a:27017",
        }
    )
    members: list[Document] = field(
        default_factory=lambda: [
            member("a:27017", "PRIMARY"),
            member("b:27017", "SECONDARY", 2),
            member("c:27017", "SECONDARY", 7.5),
        ]
    )
    connections: Document = field(default_factory=lambda: {"current": 20, "available": 60})
    user: str = "nines"
    password: str = "hush"
    digest: str = "sha256"
    refuses: Mapping[str, str] = field(default_factory=dict)  # a command, and its words
    asked: list[str] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(self)
        while True:
            head = await reader.readexactly(16)
            size, number, _, operation = struct.unpack("<iiii", head)
            body = await reader.readexactly(size - 16)
            if operation == OP_QUERY:
                command = bson.decode(body[body.index(b"\0", 4) + 9 :])
                said = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(session.answer(command))
                kind = OP_REPLY
            else:
                assert operation == OP_MSG
                assert body[:5] == b"\0\0\0\0\0"
                said = b"\0\0\0\0\0" + bson.encode(session.answer(bson.decode(body[5:])))
                kind = OP_MSG
            writer.write(struct.pack("<iiii", len(said) + 16, 1, number, kind) + said)
            await writer.drain()


class _Session:
    def __init__(self, server: FakeMongodb) -> None:
        self._server = server
        self._is_known = False
        self._said: list[str] = []

    def answer(self, command: Document) -> Document:
        server, name = self._server, next(iter(command))
        server.asked.append(name)
        if name in server.refuses:
            return {"ok": 0.0, "errmsg": server.refuses[name], "code": 2, "codeName": "BadValue"}
        if name in ("hello", "isMaster", "ismaster"):
            limits = {"maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000}
            wire = {"minWireVersion": 0, "maxWireVersion": 21, "maxWriteBatchSize": 100000}
            mechanism = "SCRAM-SHA-256" if server.digest == "sha256" else "SCRAM-SHA-1"
            mechanisms = (
                {"saslSupportedMechs": [mechanism]} if "saslSupportedMechs" in command else {}
            )
            old = {"ismaster": server.hello.get("isWritablePrimary", False), "helloOk": True}
            return {**server.hello, **limits, **wire, **mechanisms, **old, "ok": 1.0}
        if name.startswith("sasl"):
            return self._sign_in(name, command)
        if not self._is_known:
            words = f"Command {name} requires authentication"
            return {"ok": 0.0, "errmsg": words, "code": 13, "codeName": "Unauthorized"}
        answers: Mapping[str, Document] = {
            "ping": {},
            "endSessions": {},
            "serverStatus": {"connections": server.connections, "uptime": 9.0},
            "replSetGetStatus": {"set": "rs0", "members": server.members},
        }
        return {**answers[name], "ok": 1.0}

    def _sign_in(self, name: str, command: Document) -> Document:
        """RFC 5802, the server's side."""
        text = bytes(command["payload"]).decode()
        failed = {"ok": 0.0, "errmsg": "Authentication failed.", "code": 18}
        server, digest = self._server, self._server.digest
        if name == "saslStart":
            bare = text.removeprefix("n,,")
            nonce = dict(part.split("=", 1) for part in bare.split(","))["r"] + "srv"
            salt = base64.b64encode(b"salt").decode()
            self._said = [bare, f"r={nonce},s={salt},i=15000"]
            payload = self._said[1].encode()
            return {"conversationId": 1, "done": False, "payload": payload, "ok": 1.0}
        without, _, proof = text.rpartition(",p=")
        secret = server.password
        if digest == "sha1":
            mixed = f"{server.user}:mongo:{server.password}".encode()
            secret = hashlib.md5(mixed).hexdigest()  # noqa: S324 - the protocol's
        salted = hashlib.pbkdf2_hmac(digest, secret.encode(), b"salt", 15000)
        signed = ",".join((*self._said, without)).encode()
        key = hmac.digest(salted, b"Client Key", digest)
        mask = hmac.digest(hashlib.new(digest, key).digest(), signed, digest)
        wanted = bytes(one ^ other for one, other in zip(key, mask, strict=True))
        if base64.b64decode(proof) != wanted or f"n={server.user}," not in self._said[0]:
            return {**failed, "codeName": "AuthenticationFailed"}
        self._is_known = True
        verdict = hmac.digest(hmac.digest(salted, b"Server Key", digest), signed, digest)
        payload = b"v=" + base64.b64encode(verdict)
        return {"conversationId": 1, "done": True, "payload": payload, "ok": 1.0}
