"""Names of users, and secrets that are kept as hashes."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta

from nines.storage.accounts import Token
from web.access.decision import Grant

TOKEN_PREFIX = "nines_"  # noqa: S105 - so that scanners for secrets know one
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,79}")


def check_name(name: str) -> str:
    """The name as it is kept. Raises ValueError."""
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        raise ValueError(
            "A user's name has letters, digits and . _ @ + -, at most 80, beginning with a letter "
            "or a digit."
        )
    return name


def hashed(secret: str) -> str:
    """Of what is long and random: a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_token(
    name: str, grants: tuple[Grant, ...], made_by: str, now: datetime, lasts: timedelta
) -> tuple[str, Token]:
    """What is shown once, and what is kept."""
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    kept = Token(
        id=secrets.token_hex(4),
        hash=hashed(secret),
        name=name,
        grants=grants,
        made_by=made_by,
        created_at=now,
        expires_at=now + lasts,
    )
    return secret, kept
