"""Kafka's protocol, as much of it as a probe says; messages by aiokafka's own descriptions.

https://kafka.apache.org/protocol. Nothing is joined, committed, fetched or made.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from aiokafka.errors import IncompatibleBrokerVersion, for_code
from aiokafka.protocol.admin import (
    ApiVersionRequest,
    SaslAuthenticateRequest,
    SaslHandShakeRequest,
)
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest

from collectors.failure import ProtocolError
from collectors.framed import Framed
from collectors.scram import Scram
from collectors.target import HostPort

_METADATA, _MAKES_NO_TOPIC = 3, 4  # from this version on a question does not create what it names
_LATEST = -1
_NOBODY = -1
_DIGESTS = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
Partition = tuple[str, int]  # of a topic


class BadKafkaError(ProtocolError):
    """What came is not Kafka's protocol."""

    protocol = "Kafka's protocol"


class KafkaError(Exception):
    """The broker answered with an error; the message is the protocol's name of it, and its own."""


class TooOldError(Exception):
    """The broker lacks what we would ask: no fault of its."""


@dataclass(frozen=True, slots=True)
class PartitionState:
    """`leader` is a broker's id, None where there is none."""

    leader: int | None
    replicas: int
    in_sync: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a broker tells of its cluster, and of the topics that were asked for."""

    brokers: Mapping[int, HostPort]
    has_controller: bool
    partitions: Mapping[Partition, PartitionState]


class Kafka:
    """One connection to one broker.

    Everything raises KafkaError, TooOldError, ProtocolError, OSError, EOFError.
    """

    def __init__(self, framed: Framed) -> None:
        self._framed = framed
        self._asked = 0
        self._versions: dict[int, tuple[int, int]] = {}

    async def begin(self, mechanism: str, username: str | None, password: str) -> None:
        """Ask what the broker speaks, and sign in where there is a user."""
        told = await self._ask(ApiVersionRequest())
        _check(told.error_code, "what it speaks")
        self._versions = {key: (first, last) for key, first, last in told.api_versions or ()}
        if username is not None:
            told = await self._ask(SaslHandShakeRequest(mechanism))
            offered = ", ".join(map(str, told.enabled_mechanisms or ()))
            _check(told.error_code, "the sign-in", f"it offers {offered}")
            await self._sign_in(mechanism, username, password)

    async def cluster(self, topics: Sequence[str]) -> Cluster:
        """The brokers, and the partitions of these topics."""
        if topics and self._versions.get(_METADATA, (0, 0))[1] < _MAKES_NO_TOPIC:
            raise TooOldError("the broker is older than Kafka 1.0: asked for a topic, it makes it")
        told = await self._ask(MetadataRequest(list(topics), allow_auto_topic_creation=False))
        partitions: dict[Partition, PartitionState] = {}
        for error, topic, _, found in told.topics or ():
            _check(error, f"the topic {topic}")
            for _, number, leader, replicas, in_sync, *_ in found or ():
                partitions[topic, number] = PartitionState(
                    leader if leader != _NOBODY else None, len(replicas or ()), len(in_sync or ())
                )
        brokers = {node: _where(host, port) for node, host, port, *_ in told.brokers or ()}
        controller = getattr(told, "controller_id", None)
        return Cluster(brokers, controller in brokers, partitions)

    async def coordinator(self, group: str) -> HostPort:
        """The broker that keeps a group's offsets."""
        told = await self._ask(FindCoordinatorRequest(group, 0))
        _check(told.error_code, f"the coordinator of the group {group}")
        return _where(told.host, told.port)

    async def committed(
        self, group: str, partitions: Sequence[Partition] | None
    ) -> Mapping[Partition, int]:
        """Where a group goes on: at these partitions, or at all that it committed (None)."""
        topics = None if partitions is None else list(_by_topic(partitions))
        told = await self._ask(OffsetFetchRequest(group, topics))
        _check(getattr(told, "error_code", 0), f"the offsets of the group {group}")
        found: dict[Partition, int] = {}
        for topic, of_topic in told.topics or ():
            for number, offset, _, error in of_topic or ():
                _check(error, f"the offsets of the group {group} at {topic}/{number}")
                if offset != _NOBODY:
                    found[topic, number] = offset
        return found

    async def ends(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        """The offset of the next message at partitions that this broker leads."""
        topics = [
            (topic, [(number, _LATEST) for number in numbers])
            for topic, numbers in _by_topic(partitions)
        ]
        told = await self._ask(OffsetRequest(-1, 0, topics))
        found: dict[Partition, int] = {}
        for topic, of_topic in told.topics or ():
            for number, error, *_, offset in of_topic or ():
                _check(error, f"the end of {topic}/{number}")
                if not isinstance(offset, int):
                    raise TooOldError("the broker is older than Kafka 0.10.1")
                found[topic, number] = offset
        return found

    async def _sign_in(self, mechanism: str, username: str, password: str) -> None:
        if mechanism == "PLAIN":
            await self._prove(f"\0{username}\0{password}".encode())
            return
        scram = Scram(username, password.encode(), _DIGESTS[mechanism])
        challenge = await self._prove(scram.first())
        scram.verify(await self._prove(scram.final(challenge)))

    async def _prove(self, said: bytes) -> bytes:
        told = await self._ask(SaslAuthenticateRequest(said))
        _check(told.error_code, "the sign-in", told.error_message)
        return told.sasl_auth_bytes or b""

    async def _ask(self, request: Any) -> Any:  # noqa: ANN401 - aiokafka has no types
        self._asked += 1
        try:
            asked = request.prepare(self._versions)
        except (IncompatibleBrokerVersion, NotImplementedError) as error:
            raise TooOldError(f"the broker and we have no version in common: {error}") from None
        message = asked.build_request_header(self._asked, "nines").encode() + asked.encode()
        await self._framed.say(struct.pack(">i", len(message)) + message)
        (size,) = struct.unpack(">i", await self._framed.take(4))
        if size < 4:
            raise BadKafkaError(f"an answer of {size} bytes came")
        body = BytesIO(await self._framed.take(size))
        try:
            answers = asked.parse_response_header(body).correlation_id
            told = asked.RESPONSE_TYPE.decode(body)
        except (ValueError, TypeError, struct.error, EOFError) as error:
            raise BadKafkaError(f"a message cannot be read: {error}") from None
        if answers != self._asked:
            raise BadKafkaError("an answer came to what was not asked")
        return told


def _by_topic(partitions: Sequence[Partition]) -> Iterator[tuple[str, list[int]]]:
    for topic in sorted({topic for topic, _ in partitions}):
        yield topic, [number for of, number in partitions if of == topic]


def _where(host: str | None, port: int) -> HostPort:
    if not host or not 1 <= port <= 65535:
        raise BadKafkaError(f"a broker is said to be at {host!r}, port {port}")
    return HostPort(host, port)


def _check(code: int, what: str, words: str | None = None) -> None:
    """Raises KafkaError."""
    if code:
        error = for_code(code)
        said = words or getattr(error, "description", None) or "without words"
        raise KafkaError(f"{what} was answered {error.__name__} ({code}): {said}")
