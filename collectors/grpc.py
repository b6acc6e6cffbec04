"""Probe a gRPC server by its own health service, grpc.health.v1.Health."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Literal

from google.protobuf.message import DecodeError
from pydantic import Field, field_validator

from collectors.certificate import HTTP2_ALPN
from collectors.dialling import Dialling
from collectors.expect import Words
from collectors.failure import ProtocolError
from collectors.grpc_wire import BadGrpcError, Reply, call, unframed
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation
from collectors.protobuf import messages
from collectors.request import TOO_MANY_REQUESTS, USER_AGENT, trust
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, TlsOptions
from collectors.stream import Stream
from collectors.target import Target
from slo.secret import Secret, SecretText

# https://github.com/grpc/grpc/blob/master/doc/health-checking.md
_SCHEMA = messages(
    "grpc.health.v1",
    {"HealthCheckRequest": "1 string service", "HealthCheckResponse": "1 int32 status"},
)
_PATH = "/grpc.health.v1.Health/Check"
_HEALTH = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_OK, _NOT_FOUND, _UNIMPLEMENTED = 0, 5, 12
_CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
    "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
_KEY = re.compile(r"[0-9a-z_.-]+")
_OURS = {"te", "content-type", "user-agent", "host", "connection"}


class GrpcConfig(CollectorSettings):
    """Ask a gRPC server how it is."""

    grpc: Target
    service: str = Field("", description="Whose health; the server's as a whole where empty.")
    expect: Literal["SERVING", "NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN"] = "SERVING"
    metadata: Mapping[str, SecretText] = Field(default_factory=dict)
    tls: TlsOptions | None = Field(None, description="TLS is spoken where this is written.")

    @field_validator("metadata")
    @classmethod
    def _metadata_can_be_sent(cls, metadata: Mapping[str, Secret]) -> Mapping[str, Secret]:
        for key, secret in metadata.items():
            if _KEY.fullmatch(key) is None:
                raise ValueError(f"{key!r} is no key: write small letters, digits, and _ . -")
            if key in _OURS or key.startswith("grpc-"):
                raise ValueError(f"the key {key} is the protocol's own")
            if not secret.value.isascii() or not secret.value.isprintable():
                raise ValueError(f"the value of {key} holds characters that cannot be sent")
        return metadata


class GrpcProbe:
    """One server, and how it should be."""

    kind = "grpc"

    def __init__(self, collector_id: str, config: GrpcConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = f"{config.grpc}/{config.service}" if config.service else str(config.grpc)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        tls = config.tls
        self._dialling = Dialling(
            config.grpc,
            means,
            trust(tls, HTTP2_ALPN) if tls is not None else None,
            tls.server_name if tls is not None else None,
        )
        secrets = [secret.value for secret in config.metadata.values()]
        # Who repeats a token may leave its scheme away.
        bare = [value.partition(" ")[2] for value in secrets]
        self._words = Words(tuple(text for text in (*secrets, *bare) if text))
        self._message = _SCHEMA["HealthCheckRequest"](service=config.service).SerializeToString()

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        try:
            async with self._dialling.connected(look) as stream:
                reply = await self._ask(look, stream)
            look.watch.stop()
            return self._judged(look, reply)
        except ProtocolError as bad:
            return look.broke(type(bad)(self._words.hide(str(bad))))
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error)

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _ask(self, look: Look, stream: Stream) -> Reply:
        config = self._config
        if stream.tls is not None and stream.agreed != HTTP2_ALPN[0]:
            raise BadGrpcError("the target does not agree on HTTP/2 (ALPN), which gRPC needs")
        headers = {
            ":method": "POST",
            ":scheme": "http" if config.tls is None else "https",
            ":path": _PATH,
            ":authority": str(config.grpc),
            "te": "trailers",
            "content-type": "application/grpc",
            "user-agent": USER_AGENT,
            "grpc-timeout": f"{self.timeout // timedelta(milliseconds=1)}m",
            **{key: secret.value for key, secret in config.metadata.items()},
        }
        reply = await call(stream, look.watch, headers, self._message)
        look.http_status, look.http_version = reply.http_status, "HTTP/2"
        look.body_bytes = len(reply.message)
        return reply

    def _judged(self, look: Look, reply: Reply) -> Observation:
        """What the answer comes to. Raises BadGrpcError."""
        if reply.status is None:
            return self._of_http(look, reply)
        if reply.status == _NOT_FOUND:
            health = "SERVICE_UNKNOWN"
        elif reply.status != _OK:
            code = _CODES[reply.status] if reply.status < len(_CODES) else str(reply.status)
            words = f": {self._words.quote(reply.words)}" if reply.words else ""
            hint = " (it has no grpc.health.v1.Health)" if reply.status == _UNIMPLEMENTED else ""
            return look.failed(Cause.STATUS, f"the server answered {code}{hint}{words}")
        else:
            health = _health(unframed(reply.message))
        if health == self._config.expect:
            return look.passed()
        whose = self._words.quote(self._config.service) if self._config.service else "the server"
        return look.failed(
            Cause.STATUS, f"the health of {whose} is {health}; expected {self._config.expect}"
        )

    def _of_http(self, look: Look, reply: Reply) -> Observation:
        if reply.http_status == TOO_MANY_REQUESTS:
            look.warning = "the target's own rate limiter answered 429"
            return look.unknown(look.warning)
        if reply.http_status == HTTPStatus.OK:
            raise BadGrpcError("it ends without a grpc-status")
        said = f"the status is {reply.http_status} of HTTP, without one of gRPC; expected 200"
        return look.failed(Cause.STATUS, said)


def _health(message: bytes) -> str:
    answer = _SCHEMA["HealthCheckResponse"]()
    try:
        answer.ParseFromString(message)
    except DecodeError:
        raise BadGrpcError("its message is no HealthCheckResponse") from None
    status: int = answer.status
    return _HEALTH[status] if 0 <= status < len(_HEALTH) else str(status)
