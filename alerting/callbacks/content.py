"""Read what a stranger sent: whatever it is, the end is a value or a refusal."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any

from alerting.callbacks.refusal import RefusedError

NAME_LIMIT = 80
_UNREADABLE = "The body cannot be read."


def signature(secret: str, signed: bytes) -> str:
    """HMAC-SHA256 in hexadecimal digits."""
    return hmac.new(secret.encode("utf-8", "surrogatepass"), signed, hashlib.sha256).hexdigest()


def same(expected: str, given: Iterable[str]) -> bool:
    """Whether one of them is the expected one; takes as long whichever it is.

    As bytes: `compare_digest` raises on text that is not ASCII.
    """
    wanted = expected.encode()
    found = [hmac.compare_digest(wanted, one.encode("utf-8", "surrogatepass")) for one in given]
    return any(found)


def json_object(body: bytes | str) -> Mapping[str, Any]:
    """A JSON object. Raises RefusedError for anything else."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"{_UNREADABLE} It has to be JSON.") from error
    if not isinstance(said, dict):
        raise RefusedError(400, f"{_UNREADABLE} It has to be a JSON object.")
    return said


def member(value: object, *path: str) -> Any:  # noqa: ANN401 - JSON
    """What stands below these keys; None where nothing does."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def text(value: object, limit: int = NAME_LIMIT) -> str:
    """One printable line; empty when it is no text. (Half a surrogate pair cannot be stored.)"""
    if not isinstance(value, str):
        return ""
    head = value[: 4 * limit]
    printable = "".join(char if char.isprintable() else " " for char in head)
    return " ".join(printable.split())[:limit]
