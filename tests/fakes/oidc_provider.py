"""An OpenID provider over TLS that takes the code flow as strictly as the standard does.

Everybody who comes is `person`, and has agreed already.
"""

import base64
import hashlib
import hmac
import json
import secrets
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode

import trustme
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

CLIENT, SECRET = "nines", "s3cret/with+odd=letters"


def _key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


@dataclass
class Provider:
    """`claims` replace those of the id token (None: left out); `tells` those of discovery."""

    server: HTTPServer
    redirect_uri: str
    ca_file: Path
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "7",
            "email": "Ann@example.com",
            "email_verified": True,
            "groups": ["sre", "lunch"],
        }
    )
    claims: dict[str, Any] = field(default_factory=dict)
    tells: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    only_in_userinfo: tuple[str, ...] = ()
    decodes: bool = True  # what basic authentication encodes (RFC 6749, 2.3.1)
    userinfo: dict[str, Any] = field(default_factory=dict)
    now: float = 0.0
    asked: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = self.published = _key("first")
        self._codes: dict[str, Mapping[str, str]] = {}
        self._tokens: set[str] = set()
        for path, answer in (
            ("/.well-known/openid-configuration", self._discovery),
            ("/authorize", self._authorize),
            ("/token", self._token),
            ("/jwks", self._jwks),
            ("/userinfo", self._userinfo),
        ):
            self.server.expect_request(path).respond_with_handler(answer)

    @property
    def issuer(self) -> str:
        return f"https://localhost:{self.server.port}"

    def rotate(self) -> None:
        """Sign with a new key, which is published."""
        self.key = self.published = _key(secrets.token_hex(4))

    def be_robbed(self) -> None:
        """Somebody else signs, under the name of our key."""
        self.key = _key("first")

    def _discovery(self, _: Request) -> Response:
        self._count("discovery")
        return _json(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                **self.tells,
            }
        )

    def _jwks(self, _: Request) -> Response:
        self._count("jwks")
        return _json(KeySet([self.published]).as_dict(private=False))

    def _authorize(self, request: Request) -> Response:
        asked = {name: request.args[name] for name in request.args}
        wanted = {
            "client_id": CLIENT,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "code_challenge_method": "S256",
        }
        wrong = [name for name, value in wanted.items() if asked.get(name) != value]
        wrong += [name for name in ("state", "nonce", "code_challenge") if not asked.get(name)]
        if wrong or "openid" not in asked.get("scope", "").split():
            return Response(f"wrong: {wrong}", 400)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        told = {"code": code, "state": asked["state"], "iss": self.issuer}
        return Response(status=302, headers={"Location": f"{self.redirect_uri}?{urlencode(told)}"})

    def _token(self, request: Request) -> Response:
        sent = {name: one for name, (one,) in parse_qs(request.get_data(as_text=True)).items()}
        if not self._knows(request, sent):
            return _json({"error": "invalid_client"}, 401)
        asked = self._codes.pop(sent.get("code", ""), None)
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = _base64(digest)
        if (
            asked is None
            or sent.get("grant_type") != "authorization_code"
            or sent.get("redirect_uri") != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return _json({"error": "invalid_grant"}, 400)
        token = secrets.token_urlsafe(16)
        self._tokens.add(token)
        person = {key: one for key, one in self.person.items() if key not in self.only_in_userinfo}
        usual = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": int(self.now),
            "exp": int(self.now) + 300,
            "nonce": asked["nonce"],
        }
        claims = {**person, **usual, **self.claims}
        claims = {key: one for key, one in claims.items() if one is not None}
        return _json(
            {"access_token": token, "token_type": "Bearer", "id_token": self._signed(claims)}
        )

    def _knows(self, request: Request, sent: Mapping[str, str]) -> bool:
        """Whether it is our client that asks; in the body only where discovery says so."""
        methods = self.tells.get("token_endpoint_auth_methods_supported", ())
        if "client_secret_post" in methods and "client_secret" in sent:
            return (sent["client_id"], sent["client_secret"]) == (CLIENT, SECRET)
        auth = request.authorization
        given = (auth.username or "", auth.password or "") if auth is not None else ("", "")
        read = map(unquote_plus, given) if self.decodes else given
        return tuple(read) == (CLIENT, SECRET)

    def _signed(self, claims: dict[str, Any]) -> str:
        if self.algorithm == "none":
            return f"{_part({'alg': 'none'})}.{_part(claims)}."
        if self.algorithm == "HS256":  # by what everybody can read: the public key
            signed = f"{_part({'alg': 'HS256', 'kid': 'first'})}.{_part(claims)}"
            public = self.published.as_pem(private=False)
            return f"{signed}.{_base64(hmac.digest(public, signed.encode(), 'sha256'))}"
        head_of = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(head_of, claims, self.key, algorithms=[self.algorithm])

    def _userinfo(self, request: Request) -> Response:
        self._count("userinfo")
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return _json({"error": "invalid_token"}, 401)
        return _json({**self.person, **self.userinfo})

    def _count(self, what: str) -> None:
        self.asked[what] = self.asked.get(what, 0) + 1


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _part(facts: object) -> str:
    return _base64(json.dumps(facts).encode())


def _json(facts: object, status: int = 200) -> Response:
    return Response(json.dumps(facts), status, content_type="application/json")


@contextmanager
def provider(folder: Path, redirect_uri: str) -> Iterator[Provider]:
    """One that serves until the end."""
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with HTTPServer(host="localhost", port=0, ssl_context=context) as server:
        yield Provider(server, redirect_uri, ca_file)
