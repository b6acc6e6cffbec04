"""Answer with facts as JSON: written once by orjson, and not at all where the client has them."""

import hashlib
from typing import Any

import orjson
from fastapi import Request, Response

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def answer(request: Request, facts: Any, status: int = 200) -> Response:  # noqa: ANN401 any facts
    """The facts with their ETag; 304 where If-None-Match names it."""
    body = orjson.dumps(facts, option=_OPTIONS)
    headers = {"ETag": f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'}
    # Ask again each time: a fact is as old as its evaluation, and 304 is cheap.
    headers["Cache-Control"] = "private, no-cache"
    if request.method == "GET" and has(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers, "application/json")


def has(if_none_match: str | None, etag: str) -> bool:
    """Weak comparison, as RFC 9110 13.1.2 asks."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or "*" in tags
