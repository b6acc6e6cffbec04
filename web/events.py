"""`POST /api/v1/events`: count what a program says that happened, once for each key."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from slo.exposition import Series
from slo.key import KeyReusedError
from web.access.guard import GuardedRoute
from web.problem import Place, ProblemError
from web.senders import NotKeptError, RefusedSenderError, refusing_senders

PATH = "/api/v1/events"
_KEY = "header.Idempotency-Key"
_MOST_KEY = 200  # characters
_SCHEMES = 'Bearer, Basic realm="nines"'
_MOST = 10**9


@dataclass(frozen=True, slots=True)
class NewEvents:
    """So many events of one kind happened since the last request that was taken."""

    series: Series
    count: int


class UnwantedError(Exception):
    """A part of a request cannot be counted: its place in the body, and why."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(text)
        self.place = place
        self.text = text


class EventsTaken(Protocol):
    """Whoever counts them."""

    def admit(self, authorization: str | None) -> frozenset[str]:
        """The collectors to which the bearer of this header may send.

        Raises RefusedSenderError.
        """

    async def count(
        self, events: Sequence[NewEvents], collectors: frozenset[str], *, key: str, digest: str
    ) -> bool:
        """Count them all, or none; returns once stored; False when they came before.

        Raises UnwantedError, KeyReusedError, NotKeptError.
        """


@dataclass(frozen=True, slots=True)
class _None:
    """There is none: nobody wired one."""

    def admit(self, authorization: str | None) -> frozenset[str]:
        del authorization
        raise RefusedSenderError(404, "Nothing is taken here.")

    async def count(
        self, events: Sequence[NewEvents], collectors: frozenset[str], *, key: str, digest: str
    ) -> bool:
        del events, collectors, key, digest
        raise NotKeptError("Nothing is taken here.")


NO_EVENTS: EventsTaken = _None()

_Metric = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$", max_length=200)]
_Label = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=100)]
_Value = Annotated[str, StringConstraints(max_length=500)]


class _Events(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    metric: _Metric
    labels: dict[_Label, _Value] = Field(default_factory=dict, max_length=30)
    count: int = Field(1, ge=1, le=_MOST)

    def told(self) -> NewEvents:
        """As it is counted."""
        return NewEvents(Series(self.metric, tuple(sorted(self.labels.items()))), self.count)


class EventsBody(BaseModel):
    """What happened since the last request that was taken."""

    model_config = ConfigDict(extra="forbid", strict=True)

    events: list[_Events] = Field(min_length=1, max_length=1_000)


def events_router(taken: EventsTaken) -> APIRouter:
    """The endpoint. It looks at the sender's token itself, as those of other senders do."""
    router = APIRouter(include_in_schema=False, route_class=GuardedRoute)

    async def post(request: Request) -> Response:
        with refusing_senders(_SCHEMES):
            collectors = taken.admit(request.headers.get("authorization"))
        key = _key(request)
        body = await request.body()
        events = [one.told() for one in _read(body).events]
        digest = hashlib.sha256(body).hexdigest()
        try:
            with refusing_senders(_SCHEMES):
                is_new = await taken.count(events, collectors, key=key, digest=digest)
        except UnwantedError as error:
            place = Place(f"body.{error.place}", error.text)
            said = f"{place.place}: {place.problem}."
            raise ProblemError(422, said, places=[place]) from error
        except KeyReusedError:
            said = f"{_KEY}: other events came under this key; choose a new one"
            raise ProblemError(422, said) from None
        answer = Response(status_code=204)
        if not is_new:
            answer.headers["Idempotency-Replayed"] = "true"
        return answer

    router.add_api_route(PATH, post, methods=["POST"], response_model=None)
    return router


def _key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "").strip()
    if not key:
        said = f"{_KEY}: give each request a name of its own, so that sending it again is safe."
        raise ProblemError(400, said)
    if len(key) > _MOST_KEY or not key.isprintable():
        raise ProblemError(400, f"{_KEY}: at most {_MOST_KEY} printable characters.")
    return key


def _read(body: bytes) -> EventsBody:
    try:
        return EventsBody.model_validate_json(body)
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(found) from error
