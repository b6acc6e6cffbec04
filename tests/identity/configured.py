"""How idpyoidc is set up; all its files are in the folder that it runs in, next to `settings.json`.

`people.json` and `faults.json` are read each time, so a test changes them while it runs.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptojwt.jws.jws import JWS, factory
from idpyoidc.server.configure import OP_DEFAULT_CONFIG, OPConfiguration
from idpyoidc.server.token.id_token import IDToken

_TEMPLATES = Path(__file__).parent / "templates"
_BY_PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:InternetProtocolPassword"
_SERVER = "idpyoidc.server"
_KEYS = ({"type": "RSA", "use": ["sig"]}, {"type": "EC", "crv": "P-256", "use": ["sig"]})


class People:
    """Who there is, in the shape in which it looks for passwords and for claims."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a password, or claims
        return json.loads(Path("people.json").read_text())[name][self._what]

    def __contains__(self, name: object) -> bool:
        return name in json.loads(Path("people.json").read_text())


class FaultyIDToken(IDToken):  # type: ignore[misc]  # it has no types
    """Its id token; with the claims of `faults.json` in it, signed again with its own key."""

    def sign_encrypt(self, *arguments: Any, **options: Any) -> str:  # noqa: ANN401 - its own
        """What is given out."""
        right: str = super().sign_encrypt(*arguments, **options)
        faults = Path("faults.json")
        if not faults.exists():
            return right
        issuer, signed = self.upstream_get("context").issuer, factory(right).jwt
        claims = json.dumps({**signed.payload(), **json.loads(faults.read_text())})
        keys = self.upstream_get("attribute", "keyjar").get_signing_key("RSA", issuer)
        return str(JWS(claims, alg=signed.headers["alg"]).sign_compact(keys))


def configuration(settings: Mapping[str, Any]) -> OPConfiguration:
    """Its defaults, with PKCE required, people who have groups, and keys of two kinds."""
    in_id_token = {"add_claims_by_scope": True} if settings["in_id_token"] else {}
    return OPConfiguration(
        {
            **OP_DEFAULT_CONFIG,
            "issuer": settings["issuer"],
            "template_dir": str(_TEMPLATES),
            "key_conf": {
                "private_path": "private/jwks.json",
                "key_defs": _KEYS,
                "read_only": False,
                "uri_path": "jwks.json",
            },
            "add_on": {
                "pkce": {
                    "function": f"{_SERVER}.oauth2.add_on.pkce.add_support",
                    "kwargs": {"essential": True},
                }
            },
            "authentication": {
                "user": {
                    "acr": _BY_PASSWORD,
                    "class": f"{_SERVER}.user_authn.user.UserPassJinja2",
                    "kwargs": {
                        "verify_endpoint": "verify",
                        "template": "sign_in.html",
                        "db": {"class": People, "kwargs": {"what": "password"}},
                    },
                }
            },
            "userinfo": {
                "class": f"{_SERVER}.user_info.UserInfo",
                "kwargs": {"db": People("claims")},
            },
            "scopes_to_claims": {**OP_DEFAULT_CONFIG["scopes_to_claims"], "groups": ["groups"]},
            "token_handler_args": {
                "jwks_def": {
                    "private_path": "private/token_jwks.json",
                    "key_defs": [{"type": "oct", "bytes": "24", "use": ["enc"], "kid": "code"}],
                    "read_only": False,
                },
                "code": {"kwargs": {"lifetime": 600}},
                "token": {
                    "class": f"{_SERVER}.token.jwt_token.JWTToken",
                    "kwargs": {"lifetime": 3_600},
                },
                "id_token": {"class": f"{__name__}.FaultyIDToken", "kwargs": in_id_token},
            },
        }
    )
