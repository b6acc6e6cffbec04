"""Sign in by OpenID Connect (Core 1.0, 3.1): the code flow with PKCE, state and nonce.

Authlib puts the request together and judges the claims, joserfc verifies the signature; what goes
over the network is our own httpx client, which follows nobody and is bounded.
"""

import asyncio
import hashlib
import hmac
import secrets
import ssl
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx
import orjson
import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from nines.config.access import OidcConfig
from nines.id_token import Expected, IdTokenError, judge
from web.access.decision import Grant

log = structlog.get_logger("nines.single_sign_on")
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_WITHIN_SECONDS = 10.0
_MOST_BYTES = 1024 * 1024
_KNOWN_SECONDS = 3_600.0  # that discovery and keys are believed
_KEYS_AGAIN_SECONDS = 30.0  # at most so often are keys fetched for a key that is not known
_PENDING_SECONDS = 600.0
_MOST_PENDING = 1_000
_AWAY = "The single sign-on does not answer as it should; the log says how. Try again later."
_SAID_NO = "You are not signed in: at the single sign-on you, or a rule there, said no."
_REFUSED = "The single sign-on refused to sign you in; the log says why."


class SignOnError(Exception):
    """Nobody is signed in; a sentence for whoever tries. `detail` is for the log.

    `code` is that of OAuth, where the provider said one; `going`, where they go on trying again.
    """

    def __init__(self, sentence: str, detail: str = "", code: str = "") -> None:
        super().__init__(sentence)
        self.detail = detail or sentence
        self.code = code
        self.going = "/"


@dataclass(frozen=True, slots=True)
class Person:
    """Who the provider says it is."""

    name: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class _Pending:
    """A sign-in that has begun: of the browser that has the secret."""

    browser: str  # a hash
    nonce: str
    verifier: str
    going: str
    until: float


@dataclass(slots=True)
class _Provider:
    """What discovery told."""

    document: Mapping[str, Any]
    keys: KeySet
    until: float
    keys_at: float = field(default=0.0)


class SingleSignOn:
    """The provider that is configured; one whose configuration changed is asked anew."""

    def __init__(
        self,
        config: Callable[[], OidcConfig | None],
        external_url: str,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._config = config
        self._redirect = f"{external_url.rstrip('/')}/sign-in/oidc/callback"
        self._now = now
        self._monotonic = monotonic
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._known: tuple[OidcConfig, _Provider] | None = None
        self._asking = asyncio.Lock()

    async def begin(self, going: str) -> tuple[str, str]:
        """Where to send the browser, and the secret that it keeps. Raises SignOnError."""
        config = self._configured()
        provider = await self._provider(config)
        state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _ in range(4))
        until = self._monotonic() + _PENDING_SECONDS
        self._pending[state] = _Pending(_hash(browser), nonce, verifier, going, until)
        while len(self._pending) > _MOST_PENDING:
            self._pending.popitem(last=False)
        url: str = prepare_grant_uri(
            provider.document["authorization_endpoint"],
            config.client_id,
            "code",
            redirect_uri=self._redirect,
            scope=" ".join(config.scopes),
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return url, browser

    async def finish(self, answer: Mapping[str, str], browser: str) -> tuple[Person, str]:
        """Who came back with this query, and where they were going. Raises SignOnError."""
        pending = self._pending.pop(answer.get("state", ""), None)
        # Of another browser: somebody would be signed in as whoever sent the link.
        if pending is None or not hmac.compare_digest(pending.browser, _hash(browser)):
            raise SignOnError("This sign-in did not begin here, or was used. Begin again.")
        if pending.until <= self._monotonic():
            raise SignOnError("This sign-in took too long. Begin again.")
        try:
            return await self._finish(answer, pending), pending.going
        except SignOnError as error:
            error.going = pending.going
            raise

    async def _finish(self, answer: Mapping[str, str], pending: _Pending) -> Person:
        config = self._configured()
        if "error" in answer:
            said = f"{answer['error'][:100]}: {answer.get('error_description', '')[:300]}"
            is_no = answer["error"] == "access_denied"
            raise SignOnError(_SAID_NO if is_no else _REFUSED, said)
        provider = await self._provider(config)
        if answer.get("iss", config.issuer).rstrip("/") != config.issuer:
            raise SignOnError(_AWAY, f"the answer is of another issuer, {answer['iss'][:200]!r}")
        tokens = await self._redeem(config, provider, answer.get("code", ""), pending.verifier)
        claims = await self._claims(config, provider, tokens, pending.nonce)
        return self._person(config, await self._with_groups(config, provider, tokens, claims))

    def _configured(self) -> OidcConfig:
        config = self._config()
        if config is None:
            raise SignOnError("There is no single sign-on here.")
        return config

    def _person(self, config: OidcConfig, claims: Mapping[str, Any]) -> Person:
        name = claims.get(config.name_claim)
        if not isinstance(name, str) or not name.strip().isprintable() or not name.strip():
            raise SignOnError(_AWAY, f"the claim {config.name_claim!r} is no name")
        # Some say so in words, some not at all.
        if config.name_claim == "email" and claims.get("email_verified", True) not in (
            True,
            "true",
        ):
            raise SignOnError("Your address was not verified where you signed in.")
        name = name.strip().lower()[:80]
        told = claims.get(config.groups_claim, [])
        groups = [told] if isinstance(told, str) else told if isinstance(told, list) else []
        grants = {
            config.groups[one].grant()
            for one in groups
            if isinstance(one, str) and one in config.groups
        }
        if not grants:
            raise SignOnError(
                f"You are {name}, who is in no group that may do anything here.",
                f"{name} is in no group of web.access.oidc.groups",
            )
        return Person(name, tuple(sorted(grants, key=lambda grant: grant.words)))

    async def _with_groups(
        self,
        config: OidcConfig,
        provider: _Provider,
        tokens: Mapping[str, Any],
        claims: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """The claims, with those that the provider tells only at its userinfo endpoint."""
        endpoint = provider.document.get("userinfo_endpoint")
        if {config.name_claim, config.groups_claim} <= claims.keys() or not endpoint:
            return claims
        bearer = {"Authorization": f"Bearer {tokens.get('access_token', '')}"}
        more = await self._ask(config, "GET", endpoint, headers=bearer)
        if more.get("sub") != claims["sub"]:
            raise SignOnError(_AWAY, "userinfo tells of somebody else than the id token")
        return {**more, **claims}

    async def _redeem(
        self, config: OidcConfig, provider: _Provider, code: str, verifier: str
    ) -> Mapping[str, Any]:
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": verifier,
            "client_id": config.client_id,
        }
        methods = provider.document.get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        )
        endpoint = provider.document["token_endpoint"]
        secret = config.client_secret.value
        in_body = {**sent, "client_secret": secret}
        if "client_secret_basic" not in methods:
            return await self._ask(config, "POST", endpoint, data=in_body)
        # Each is encoded as a form's field first (RFC 6749, 2.3.1).
        given = (quote_plus(config.client_id), quote_plus(secret))
        try:
            auth = httpx.BasicAuth(*given)
            return await self._ask(config, "POST", endpoint, data=sent, auth=auth)
        except SignOnError as error:
            # Not every provider decodes them again; in the body there is nothing to misread.
            is_plain = given == (config.client_id, secret)
            if error.code != "invalid_client" or is_plain or "client_secret_post" not in methods:
                raise
        return await self._ask(config, "POST", endpoint, data=in_body)

    async def _claims(
        self, config: OidcConfig, provider: _Provider, tokens: Mapping[str, Any], nonce: str
    ) -> Mapping[str, Any]:
        """Those of the id token, once it is known whose it is and that it is for us now."""
        raw = tokens.get("id_token")
        if not isinstance(raw, str):
            raise SignOnError(_AWAY, "the token endpoint gave no id token")
        try:
            try:
                token = jwt.decode(raw, provider.keys, algorithms=_ALGORITHMS)
            except InvalidKeyIdError:  # they may have changed their keys
                await self._renew_keys(config, provider)
                token = jwt.decode(raw, provider.keys, algorithms=_ALGORITHMS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise SignOnError(_AWAY, f"the id token is not taken: {error}") from error
        expected = Expected(
            issuer=provider.document["issuer"],
            client_id=config.client_id,
            nonce=nonce,
            access_token=tokens.get("access_token"),
        )
        try:
            judge(token.claims, token.header, expected, self._now())
        except IdTokenError as error:
            said = f"the id token is not taken: {error}"
            raise SignOnError(error.sentence or _AWAY, said) from error
        return dict(token.claims)

    async def _provider(self, config: OidcConfig) -> _Provider:
        async with self._asking:
            now = self._monotonic()
            if self._known is not None and self._known[0] == config and now < self._known[1].until:
                return self._known[1]
            address = f"{config.issuer}/.well-known/openid-configuration"
            document = await self._ask(config, "GET", address)
            if str(document.get("issuer", "")).rstrip("/") != config.issuer:
                raise SignOnError(
                    _AWAY, f"{address} tells of {str(document.get('issuer'))[:200]!r}"
                )
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                _check_address(config, name, document.get(name))
            if document.get("userinfo_endpoint") is not None:
                _check_address(config, "userinfo_endpoint", document["userinfo_endpoint"])
            keys = await self._keys(config, document["jwks_uri"])
            provider = _Provider(document, keys, now + _KNOWN_SECONDS, now)
            self._known = (config, provider)
            return provider

    async def _renew_keys(self, config: OidcConfig, provider: _Provider) -> None:
        """Fetch them again, unless that was just done: strangers can name any key."""
        async with self._asking:
            now = self._monotonic()
            if now - provider.keys_at >= _KEYS_AGAIN_SECONDS:
                provider.keys_at = now
                provider.keys = await self._keys(config, provider.document["jwks_uri"])

    async def _keys(self, config: OidcConfig, address: str) -> KeySet:
        told: Any = await self._ask(config, "GET", address)
        try:
            return KeySet.import_key_set(told)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise SignOnError(_AWAY, f"{address} holds no keys: {error}") from error

    async def _ask(
        self,
        config: OidcConfig,
        method: str,
        address: str,
        **options: Any,  # noqa: ANN401 - httpx's own
    ) -> Mapping[str, Any]:
        """A JSON object from the provider. Raises SignOnError."""
        try:
            verify: ssl.SSLContext | bool = True
            if config.ca_file is not None:
                verify = await asyncio.to_thread(ssl.create_default_context, cafile=config.ca_file)
            async with (
                asyncio.timeout(_WITHIN_SECONDS),
                httpx.AsyncClient(verify=verify, timeout=_WITHIN_SECONDS) as client,
                client.stream(method, address, **options) as response,
            ):
                body = b""
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise SignOnError(_AWAY, f"{address} answers more than 1 MiB")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            said = str(error) or type(error).__name__
            raise SignOnError(_AWAY, f"{address} does not answer: {said}") from error
        try:
            told = orjson.loads(body)
        except orjson.JSONDecodeError:
            told = None
        if response.status_code != 200 or not isinstance(told, dict):
            said = str(told.get("error", ""))[:100] if isinstance(told, dict) else ""
            detail = f"{address} answers {response.status_code} {said}".strip()
            raise SignOnError(_AWAY, detail, said)
        return told


def _check_address(config: OidcConfig, name: str, address: object) -> None:
    """Tokens go there, so it is as safe as the issuer. Raises SignOnError."""
    scheme = urlsplit(config.issuer).scheme
    if not isinstance(address, str) or urlsplit(address).scheme not in ("https", scheme):
        raise SignOnError(_AWAY, f"its {name} is {str(address)[:200]!r}")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
