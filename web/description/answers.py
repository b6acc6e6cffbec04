"""Which answers an operation can give besides the good ones, all on one page.

Most follow from what the operation takes and who may; what follows from nothing stands below.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from web.access.decision import Permission
from web.access.table import Key, permission_of

_SAFE = frozenset({"GET", "HEAD"})
# Only what cannot be told from the operation itself: a status, and the operations that answer it.
_FURTHER: Mapping[int, str] = {
    404: """
        GET /api/v1/why
        POST /api/v1/silences
    """,
    # Nothing is wrong with the request, but with its moment: it is over, or done already.
    409: """
        POST /api/v1/silences
        POST /api/v1/silences/preview
        POST /api/v1/silences/{silence_id}/end
        POST /api/v1/exclusions
        POST /api/v1/exclusions/preview
        POST /api/v1/exclusions/{exclusion_id}/end
        POST /api/v1/exclusions/{exclusion_id}/undo
        DELETE /api/v1/exclusions/{exclusion_id}
        POST /api/v1/annotations
        POST /api/v1/annotations/{annotation_id}/edit
        POST /api/v1/annotations/{annotation_id}/undo
        POST /api/v1/gate/overrides
        POST /api/v1/gate/overrides/{override_id}/end
        POST /api/v1/deployments
        POST /api/v1/receivers/{name}/canary
        POST /api/v1/status/incidents
        POST /api/v1/status/incidents/{incident_id}/updates
        POST /api/v1/try
        POST /api/v1/propose
    """,
    410: "GET /api/v1/slos/{service}/{slo}",
    # It is handed on at once, to somebody else's server.
    502: "POST /api/v1/report-mails/{name}/send",
    # The key is known, for something else.
    422: """
        POST /api/v1/deployments
        POST /api/v1/status/incidents
        POST /api/v1/status/incidents/{incident_id}/updates
    """,
}
# What each says, and the sentence of the example.
MEANINGS: Mapping[int, tuple[str, str]] = {
    400: (
        "A part of the request is wrong; `places` says which, and why.",
        "query.limit: Input should be less than or equal to 250",
    ),
    401: ("Nobody has signed in, or the token is not valid.", "Sign in to silence."),
    403: (
        "Whoever asks may not do this, or not from another site.",
        "ann (viewer) may not silence: that takes a responder.",
    ),
    404: (
        "There is no such thing; `suggestions` says what may have been meant.",
        "There is no SLO 'shop/chekout'. Did you mean shop/checkout?",
    ),
    408: ("The body came too slowly.", "The body did not arrive within 10 s."),
    409: ("It cannot be done at this moment.", "This silence is over already."),
    410: ("It was there and is gone.", "The counts of version 2 of shop/checkout are gone."),
    413: (
        "The body is too large; nothing of it was read.",
        "A body of more than 64 KiB is not read.",
    ),
    415: (
        "The body is of a type that is not taken.",
        "Content-Type is 'text/plain'; application/json is taken.",
    ),
    421: (
        "Nines listens on its machine alone, and the Host header names another one.",
        "Nines listens on this machine only and does not answer to that Host name.",
    ),
    422: (
        "The key came before, with something else.",
        "header.Idempotency-Key: another release was told under this key; choose a new one",
    ),
    429: ("It is asked for too often; Retry-After says when to come again.", "Too often."),
    431: (
        "The request's head is larger than 64 KiB.",
        "A request with more than 64 KiB before its body is not read.",
    ),
    502: (
        "Whoever it was handed on to did not take it.",
        "It could not be mailed: The mail server mail.example:465 answered 550 no such user",
    ),
    503: (
        "Not at the moment: storage does not answer, or too much is asked for at once.",
        "The database nines.db did not answer: the disk is full; nothing was changed.",
    ),
}
_TELLS_WHEN = frozenset({429, 503})


def statuses_of(method: str, path: str, operation: Mapping[str, Any]) -> list[int]:
    """The problems that an operation can answer with, in order."""
    found = {*_by_what_it_takes(operation), *_by_who_may(method, path), *_further(method, path)}
    return sorted(found)


def _by_what_it_takes(operation: Mapping[str, Any]) -> Iterator[int]:
    yield from (421, 431, 503)
    places = {one["in"] for one in operation.get("parameters", ())}
    if "path" in places:
        yield 404
    if places - {"path"}:
        yield 400
    if "requestBody" in operation:
        yield from (400, 408, 413)
        if "application/json" in operation["requestBody"]["content"]:
            yield 415


def _by_who_may(method: str, path: str) -> Iterator[int]:
    if permission_of(method, path) is not Permission.OPEN:
        yield from (401, 403)
    elif method not in _SAFE:
        yield 403  # to another site


def _further(method: str, path: str) -> Iterator[int]:
    for status, operations in FURTHER.items():
        if (method, path) in operations:
            yield status


def _rows(lines: str) -> frozenset[Key]:
    found = (line.split() for line in lines.split("\n") if line.strip())
    return frozenset((method, path) for method, path in found)


FURTHER: Mapping[int, frozenset[Key]] = {status: _rows(lines) for status, lines in _FURTHER.items()}


def problem_answers(problem: str) -> dict[str, Any]:
    """Every problem as a part that operations refer to, by its status. `problem`: its schema."""
    return {str(status): _answer(status, problem) for status in MEANINGS}


def _answer(status: int, problem: str) -> dict[str, Any]:
    meaning, sentence = MEANINGS[status]
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
        "instance": "/api/v1/...",
    }
    answer: dict[str, Any] = {
        "description": meaning,
        "content": {"application/problem+json": {"schema": {"$ref": problem}, "example": example}},
    }
    if status in _TELLS_WHEN:
        answer["headers"] = {
            "Retry-After": {
                "description": "In so many seconds, where that can be told.",
                "schema": {"type": "integer", "minimum": 0},
            }
        }
    if status == 401:
        answer["headers"] = {
            "WWW-Authenticate": {
                "description": "How to show who one is.",
                "schema": {"type": "string"},
            }
        }
    return answer
