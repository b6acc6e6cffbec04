"""A Kafka broker as far as clients ask what it speaks, sign in, and ask for metadata and offsets.

Messages are read and written by aiokafka's descriptions; aiokafka's own client is its judge.
"""

import asyncio
import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from aiokafka.protocol import admin, commit, coordination, metadata, offset

# What it speaks: by key, the first and last version.
SPOKEN = {2: (1, 3), 3: (0, 5), 9: (1, 3), 10: (0, 1), 17: (0, 1), 18: (0, 2), 36: (0, 1)}
REQUESTS: dict[tuple[int, int], Any] = {
    (kind.API_KEY, kind.API_VERSION): kind
    for module in (admin, commit, coordination, metadata, offset)
    for name, kind in vars(module).items()
    if "Request_v" in name
}


@dataclass
class FakeKafka:
    """One broker, which leads what it does not say otherwise of. It may be changed meanwhile."""

    port: int = 0
    brokers: dict[int, tuple[str, int]] = field(default_factory=dict)  # others, by id
    topics: dict[str, list[tuple[int, list[int], list[int]]]] = field(
        default_factory=lambda: {"orders": [(1, [1, 2], [1, 2]), (1, [1, 2], [1, 2])]}
    )  # by partition: leader, replicas, in sync
    ends: dict[tuple[str, int], int] = field(
        default_factory=lambda: {("orders", 0): 100, ("orders", 1): 50}
    )
    committed: dict[str, dict[tuple[str, int], int]] = field(
        default_factory=lambda: {"billing": {("orders", 0): 90, ("orders", 1): 47}}
    )
    coordinator: tuple[int, str, int] | None = None  # error, host, port; itself where None
    password: str | None = None
    spoken: dict[int, tuple[int, int]] = field(default_factory=lambda: dict(SPOKEN))
    asked: list[int] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(self)
        while True:
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            data = BytesIO(await reader.readexactly(size))
            key, version, number, name = struct.unpack(">hhih", data.read(10))
            data.read(max(name, 0))
            self.asked.append(key)
            request = REQUESTS[key, version]
            values = session.answer(key, version, request.decode(data))
            said = struct.pack(">i", number) + request.RESPONSE_TYPE(*values).encode()
            writer.write(struct.pack(">i", len(said)) + said)
            await writer.drain()


class _Session:
    def __init__(self, server: FakeKafka) -> None:
        self._server = server
        self._mechanism = ""
        self._said: list[str] = []

    def answer(self, key: int, version: int, asked: Any) -> tuple[Any, ...]:  # noqa: ANN401
        server = self._server
        match key:
            case 18:
                spoken = [(each, *bounds) for each, bounds in server.spoken.items()]
                return (0, spoken) if version == 0 else (0, spoken, 0)
            case 17:
                self._mechanism = asked.mechanism
                offered = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
                return (0 if server.password is not None else 33), offered
            case 36:
                return self._sign_in(asked, version)
            case 3:
                return self._metadata(asked, version)
            case 10:
                error, host, port = server.coordinator or (0, "127.0.0.1", server.port)
                return (error, 1, host, port) if version == 0 else (0, error, None, 1, host, port)
            case 9:
                return self._committed(asked, version)
            case _:
                return self._ends(asked, version)

    def _metadata(self, asked: Any, version: int) -> tuple[Any, ...]:  # noqa: ANN401
        server = self._server
        brokers = {1: ("127.0.0.1", server.port), **server.brokers}
        names = asked.topics if asked.topics is not None else list(server.topics)
        if version == 0 and not names:
            names = list(server.topics)
        topics = []
        for name in names:
            partitions: list[tuple[Any, ...]] = []
            for number, (leader, replicas, in_sync) in enumerate(server.topics.get(name, [])):
                error = 5 if leader < 0 else 0
                one = (error, number, leader, replicas, in_sync)
                partitions.append(one if version < 5 else (*one, []))
            error = 0 if name in server.topics else 3
            topics.append(
                (error, name, partitions) if version == 0 else (error, name, False, partitions)
            )
        told = [(node, host, port) for node, (host, port) in brokers.items()]
        if version == 0:
            return told, topics
        racks = [(*one, None) for one in told]
        parts: list[Any] = [racks]
        parts += ["cluster"] if version >= 2 else []
        parts += [1, topics]
        return (0, *parts) if version >= 3 else tuple(parts)

    def _committed(self, asked: Any, version: int) -> tuple[Any, ...]:  # noqa: ANN401
        known = self._server.committed.get(asked.consumer_group, {})
        wanted = asked.topics
        if wanted is None:
            names = sorted({topic for topic, _ in known})
            wanted = [(name, [number for of, number in known if of == name]) for name in names]
        topics = [
            (topic, [(number, known.get((topic, number), -1), "", 0) for number in numbers])
            for topic, numbers in wanted
        ]
        if version < 2:
            return (topics,)
        return (topics, 0) if version == 2 else (0, topics, 0)

    def _ends(self, asked: Any, version: int) -> tuple[Any, ...]:  # noqa: ANN401
        ends = self._server.ends
        topics = [
            (
                topic,
                [
                    (number, 0 if (topic, number) in ends else 6, -1, ends.get((topic, number), -1))
                    for number, _ in partitions
                ],
            )
            for topic, partitions in asked.topics
        ]
        return (topics,) if version < 2 else (0, topics)

    def _sign_in(self, asked: Any, version: int) -> tuple[Any, ...]:  # noqa: ANN401
        """PLAIN, or the server's side of RFC 5802."""
        said, password = bytes(asked.sasl_auth_bytes), self._server.password or ""
        more = (0,) if version else ()
        refused = (58, "Authentication failed: invalid credentials", b"", *more)
        if self._mechanism == "PLAIN":  # who it acts for, who it is, the password (RFC 4616)
            is_known = said.split(b"\0")[1:] == [b"nines", password.encode()]
            return (0, None, b"", *more) if is_known else refused
        digest = "sha" + self._mechanism.rpartition("-")[2]
        text = said.decode()
        if text.startswith("n,,"):
            bare = text.removeprefix("n,,")
            nonce = dict(part.split("=", 1) for part in bare.split(","))["r"] + "srv"
            self._said = [bare, f"r={nonce},s={base64.b64encode(b'salt').decode()},i=4096"]
            return (0, None, self._said[1].encode(), *more)
        without, _, proof = text.rpartition(",p=")
        salted = hashlib.pbkdf2_hmac(digest, password.encode(), b"salt", 4096)
        signed = ",".join((*self._said, without)).encode()
        key = hmac.digest(salted, b"Client Key", digest)
        mask = hmac.digest(hashlib.new(digest, key).digest(), signed, digest)
        if base64.b64decode(proof) != bytes(a ^ b for a, b in zip(key, mask, strict=True)):
            return refused
        verdict = hmac.digest(hmac.digest(salted, b"Server Key", digest), signed, digest)
        return (0, None, b"v=" + base64.b64encode(verdict), *more)
