"""Whether an id token is for us now (OpenID Connect Core 1.0, 3.1.3.7), and in words why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError

_LEEWAY = timedelta(seconds=60)


class IdTokenError(Exception):
    """It is not taken; why is for the log. `sentence` is for whoever signs in, where one helps."""

    def __init__(self, why: str, sentence: str | None = None) -> None:
        super().__init__(why)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose it should be, for whom, and of which sign-in."""

    issuer: str
    client_id: str
    nonce: str
    access_token: object


def judge(
    claims: Mapping[str, Any], header: Mapping[str, Any], expected: Expected, now: datetime
) -> None:
    """Nothing, if it is as expected. Its signature was verified. Raises IdTokenError."""
    token = CodeIDToken(
        dict(claims),
        dict(header),
        options={
            "iss": {"essential": True, "value": expected.issuer},
            "aud": {"essential": True, "value": expected.client_id},
        },
        params={
            "nonce": expected.nonce,
            "client_id": expected.client_id,
            "access_token": expected.access_token,
        },
    )
    try:
        token.validate(now=int(now.timestamp()), leeway=int(_LEEWAY.total_seconds()))
    except ClaimError as error:
        why = f"{error}{_beside(error, claims, expected, now)}"
        raise IdTokenError(why, _clocks(error, claims, expected, now)) from error
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise IdTokenError(str(error)) from error
    if not isinstance(claims.get("sub"), str):
        raise IdTokenError("it names nobody")


def _beside(error: ClaimError, claims: Mapping[str, Any], expected: Expected, now: datetime) -> str:
    """What it says, beside what it should."""
    told = f"{claims.get(error.claim)!r:.200}"
    at = _moment(claims.get(error.claim))
    match error.claim:
        case "iss":
            return f" (it is of {told}, not of {expected.issuer!r})"
        case "aud":
            return f" (it is for {told}, not for {expected.client_id!r})"
        case "exp" if at is not None:
            return f" (it ended at {_iso(at)}, and here it is {_iso(now)})"
        case "iat" if at is not None:
            return f" (it was made at {_iso(at)}, and here it is {_iso(now)})"
    return ""


def _clocks(
    error: ClaimError, claims: Mapping[str, Any], expected: Expected, now: datetime
) -> str | None:
    """What a token tells of two clocks: it was made for this sign-in, so it was made just now."""
    made = _moment(claims.get("iat"))
    is_of_time = isinstance(error, ExpiredTokenError) or error.claim == "iat"
    if not is_of_time or made is None or claims.get("nonce") != expected.nonce:
        return None
    if abs(made - now) <= _LEEWAY:
        return None
    minutes = round(abs(made - now) / timedelta(minutes=1))
    return (
        f"The clock of the single sign-on is {minutes} minute{'' if minutes == 1 else 's'} "
        f"{'ahead of' if made > now else 'behind'} the one here, so nobody can sign in there. "
        "Have both set right."
    )


def _moment(seconds: object) -> datetime | None:
    """None, if it is none that there is a date for."""
    if not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _iso(at: datetime) -> str:
    return f"{at.replace(microsecond=0, tzinfo=None).isoformat()}Z"
