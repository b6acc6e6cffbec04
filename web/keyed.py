"""What requests have in common that count once under their sender's own name for them."""

import hashlib
from typing import Annotated

import orjson
from fastapi import Header
from pydantic import BaseModel

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Your own name for the request: sent twice under the same key, it counts once.",
    ),
]


def of_api(key: str | None) -> str | None:
    """The key as it is kept, apart from those of other senders."""
    return None if key is None else f"api:{key}"


def digest(wanted: BaseModel, **more: str) -> str:
    """What was sent, to tell it from anything else under the same key."""
    body = orjson.dumps({**more, **wanted.model_dump()}, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(body, digest_size=12).hexdigest()
