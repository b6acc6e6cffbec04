"""`POST /api/v1/write` and `POST /v1/metrics`: take what a Prometheus or OpenTelemetry sends."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from fastapi import APIRouter, Request, Response

from collectors.pushed.otlp_answer import failure, success
from web.access.guard import GuardedRoute
from web.problem import ProblemError
from web.senders import RETRY, NotKeptError, RefusedSenderError, refusing_senders

_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_INVALID, _UNAVAILABLE = 3, 14  # gRPC's codes
_FIRST, _SECOND = "prometheus.writerequest", "io.prometheus.write.v2.request"
_SCHEMES = 'Bearer, Basic realm="nines"'
_COUNTS = "X-Prometheus-Remote-Write-{}-Written"


class BadPushError(Exception):
    """Nothing of a body can be read, and it would not be better the next time; a sentence."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a body: `problems` are sentences about what was left out of it.

    `samples` are all that were there; `rejected` those that were wanted and cannot be read.
    """

    problems: tuple[str, ...] = ()
    samples: int = 0
    rejected: int = 0


class Pushes(Protocol):
    """Whoever keeps what is sent."""

    def admit(self, kind: str, authorization: str | None) -> frozenset[str]:
        """The collectors of a kind to which the bearer of this header may send.

        Raises RefusedSenderError.
        """

    async def write(self, body: bytes, collectors: frozenset[str], *, second: bool) -> Kept:
        """Keep what of a body is wanted; returns when it is stored. `second`: of version 2.0.

        Raises BadPushError and NotKeptError.
        """

    async def export(
        self, body: bytes, collectors: frozenset[str], *, as_json: bool, encoding: str
    ) -> Kept:
        """The same of a body of OpenTelemetry, encoded so."""


@dataclass(frozen=True, slots=True)
class _None:
    """There is none: nobody wired one."""

    says: str = "Nothing is taken here."

    def admit(self, kind: str, authorization: str | None) -> frozenset[str]:
        del kind, authorization
        raise RefusedSenderError(404, self.says)

    async def write(self, body: bytes, collectors: frozenset[str], *, second: bool) -> Kept:
        del body, collectors, second
        raise NotKeptError(self.says)

    async def export(
        self, body: bytes, collectors: frozenset[str], *, as_json: bool, encoding: str
    ) -> Kept:
        del body, collectors, as_json, encoding
        raise NotKeptError(self.says)


NO_PUSHES: Pushes = _None()


def pushes_router(pushes: Pushes) -> APIRouter:
    """The endpoints that take metrics. They stand in their own descriptions, not in ours."""
    router = APIRouter(include_in_schema=False, route_class=GuardedRoute)

    async def write(request: Request) -> Response:
        collectors = admitted(pushes, "remote_write", request)
        second = _is_second(request)
        kept = await kept_of(pushes.write(await request.body(), collectors, second=second))
        headers = {}
        if second:
            counts = {"Samples": kept.samples, "Histograms": 0, "Exemplars": 0}
            headers = {_COUNTS.format(name): str(count) for name, count in counts.items()}
        if kept.problems:
            # What can be kept is; a Prometheus drops the rest and writes the sentence to its log.
            raise ProblemError(400, _sentence(kept.problems), headers=headers)
        return Response(status_code=204, headers=headers)

    async def export(request: Request) -> Response:
        said = request.headers.get("content-type", "")
        media = said.partition(";")[0].strip().lower()
        as_json = media == _JSON
        if media not in (_JSON, _PROTOBUF):
            taken = f"{_PROTOBUF} and {_JSON} are taken."
            raise ProblemError(415, f"Content-Type is {said[:100]!r}; {taken}")
        collectors = admitted(pushes, "otlp", request)
        encoding = request.headers.get("content-encoding", "")
        body = await request.body()
        try:
            kept = await pushes.export(body, collectors, as_json=as_json, encoding=encoding)
        except BadPushError as error:
            refused = failure(_INVALID, f"{error}.", as_json=as_json)
            return Response(refused, 400, media_type=media)
        except NotKeptError as error:
            refused = failure(_UNAVAILABLE, str(error), as_json=as_json)
            return Response(refused, 503, headers=RETRY, media_type=media)
        problem = "; ".join(kept.problems)[:1000]
        taken_in = success(kept.rejected, problem, as_json=as_json)
        return Response(taken_in, media_type=media)

    router.add_api_route("/api/v1/write", write, methods=["POST"], response_model=None)
    router.add_api_route("/v1/metrics", export, methods=["POST"], response_model=None)
    return router


def admitted(pushes: Pushes, kind: str, request: Request) -> frozenset[str]:
    """The collectors that the sender may send to. Raises ProblemError."""
    with refusing_senders(_SCHEMES):
        return pushes.admit(kind, request.headers.get("authorization"))


async def kept_of(keeping: Awaitable[Kept]) -> Kept:
    """What became of a body. Raises ProblemError."""
    try:
        with refusing_senders(_SCHEMES):
            return await keeping
    except BadPushError as error:
        raise ProblemError(400, f"{error}.") from error


def _is_second(request: Request) -> bool:
    """Whether the body is of version 2.0. Raises ProblemError for what is neither."""
    said = request.headers.get("content-type", "")
    media, *parameters = (part.strip().lower() for part in said.split(";"))
    names = dict(part.partition("=")[::2] for part in parameters)
    proto = names.get("proto", _FIRST).strip('"')
    if media != _PROTOBUF or proto not in (_FIRST, _SECOND):
        raise ProblemError(
            415,
            f"Content-Type is {said[:100]!r}; {_PROTOBUF} is taken, with "
            "proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request.",
        )
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding != "snappy":
        raise ProblemError(415, f"Content-Encoding is {encoding[:40]!r}; only snappy is taken.")
    return proto == _SECOND


def _sentence(problems: tuple[str, ...]) -> str:
    return "; ".join(problems)[:1000] + ". All else of it is kept."
