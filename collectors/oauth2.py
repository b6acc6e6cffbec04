"""OAuth 2.0 client credentials (RFC 6749, 4.4): a token, kept until shortly before it expires."""

import asyncio
from collections.abc import Mapping
from typing import cast

import httpx
import orjson

from collectors.certificate import Trust
from collectors.look import Look
from collectors.resolve import Resolver
from collectors.settings import Strict
from collectors.target import HttpUrl, without_secrets
from collectors.transport import FreshTransport, read_body
from slo.secret import SecretText

_ANSWER_BYTES = 64 * 1024
_SHARE = 0.8  # of the run's time: what hangs here is told from a target that does
_EARLY = 0.9  # of a token's life is used
_LIFE_SECONDS = 300.0  # where none is told


class OAuth2Options(Strict):
    """Who grants tokens, and who we are to it."""

    token_url: HttpUrl
    client_id: str
    client_secret: SecretText
    scope: str | None = None


class NoTokenError(Exception):
    """Without one the target cannot be looked at: neither its failure nor its health."""


class Tokens:
    """The token of one collector."""

    def __init__(self, options: OAuth2Options, resolver: Resolver, trust: Trust) -> None:
        self._options = options
        self._resolver = resolver
        self._trust = trust
        self._lock = asyncio.Lock()
        self._token, self._until = "", 0.0
        self._where = f"the token endpoint {without_secrets(options.token_url)}"

    def forget(self, token: str) -> None:
        """The target does not take this one; one that came meanwhile is kept."""
        if token == self._token:
            self._token = ""

    async def token(self, look: Look, now: float, give_up_at: float) -> tuple[str, bool]:
        """The token, and whether it is a new one. `now` is monotonic. Raises NoTokenError."""
        loop = asyncio.get_running_loop()
        # On a stopwatch of its own: this is not the target's time.
        aside = Look(look.collector_id, look.due, look.started, look.watch.another())
        try:
            async with (
                asyncio.timeout_at(loop.time() + (give_up_at - loop.time()) * _SHARE),
                self._lock,  # several runs at once ask once
            ):
                if self._token and now < self._until:
                    return self._token, False
                status, data = await self._ask(aside, give_up_at)
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no token
            why = aside.broke(error).detail
            raise NoTokenError(f"no token: {self._where} gave none: {why}") from None
        if not httpx.codes.is_success(status):
            raise NoTokenError(f"no token: {self._where} answered {status}")
        self._token, life = _granted(data)
        if not self._token:
            raise NoTokenError(f"no token: what {self._where} answered holds none")
        self._until = now + life * _EARLY
        return self._token, True

    async def _ask(self, aside: Look, give_up_at: float) -> tuple[int, bytes]:
        options = self._options
        sent = {"grant_type": "client_credentials"}
        sent |= {"scope": options.scope} if options.scope is not None else {}
        transport = FreshTransport(
            resolver=self._resolver,
            watch=aside.watch,
            context=self._trust.context(),
            give_up_at=give_up_at,
        )
        async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=None) as client:  # noqa: S113 - the caller has one
            request = client.build_request(
                "POST",
                options.token_url,
                data=sent,
                headers={"accept": "application/json", "accept-encoding": "gzip"},
            )
            auth = httpx.BasicAuth(options.client_id, options.client_secret.value)
            response = await client.send(request, stream=True, auth=auth)
            return response.status_code, (await read_body(response, _ANSWER_BYTES)).data


def _granted(data: bytes) -> tuple[str, float]:
    """The token and its life in seconds; an empty one where none was granted."""
    try:
        answer = orjson.loads(data)
    except orjson.JSONDecodeError:
        return "", 0.0
    told = cast(Mapping[str, object], answer) if isinstance(answer, Mapping) else {}
    token, life = told.get("access_token"), told.get("expires_in")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        return "", 0.0
    is_number = isinstance(life, int | float) and not isinstance(life, bool)
    return token, float(cast(float, life)) if is_number else _LIFE_SECONDS
