"""Say what went wrong as problem details (RFC 9457)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from dashboards.source import NotAnsweringError

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem's members. `title` is the status's own phrase, as `about:blank` asks for."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    suggestions: tuple[str, ...] = ()
    places: tuple["Place", ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the request that is wrong, and why: `query.limit`."""

    place: str
    problem: str


class ProblemError(Exception):
    """What an endpoint raises: a status, a sentence, and what may help."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        suggestions: Sequence[str] = (),
        places: Sequence[Place] = (),
        problems: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.suggestions = tuple(suggestions)
        self.places = tuple(places)
        self.problems = tuple(problems)
        self.headers = headers


def bad_request(place: str, problem: str) -> ProblemError:
    """A 400 about one place of the request."""
    return ProblemError(400, f"{place}: {problem}", places=[Place(place, problem)])


def check_json(headers: Headers) -> None:
    """Raises ProblemError, a 415, for a body of another type; for none, nothing."""
    said = headers.get("content-type", "")
    media = said.partition(";")[0].strip().lower()
    empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    if media != "application/json" and not (empty and not said):
        raise ProblemError(
            415, f"Content-Type is {said[:100]!r}; only application/json is taken here."
        )


def problem_response(error: ProblemError, instance: str) -> Response:
    """The answer to a request that cannot be met. Extensions without content are left out."""
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
    }
    extensions = {
        "suggestions": error.suggestions,
        "places": error.places,
        "problems": error.problems,
    }
    problem |= {name: value for name, value in extensions.items() if value}
    return Response(
        orjson.dumps(problem),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers=error.headers,
    )


def as_problem(error: Exception) -> ProblemError:
    """Any failure of a request as a problem; what we did not foresee is a 500 without details."""
    match error:
        case ProblemError():
            return error
        case RequestValidationError():
            places = [
                Place(".".join(map(str, one["loc"])), str(one["msg"])) for one in error.errors()
            ]
            named = "; ".join(f"{one.place}: {one.problem}" for one in places)
            return ProblemError(400, named or "The request is not valid.", places=places)
        case NotAnsweringError() if error.passing:
            return ProblemError(503, str(error), headers={"Retry-After": "5"})
        case HTTPException():
            detail = {404: "There is nothing at this address.", 405: "Not with this method."}.get(
                error.status_code, str(error.detail)
            )
            return ProblemError(error.status_code, detail, headers=error.headers)
        case _:
            return ProblemError(500, "Nines failed to answer; its log says why.")


def to_response(request: Request, error: Exception) -> Response:
    """The exception handler of the whole application."""
    return problem_response(as_problem(error), request.url.path)
