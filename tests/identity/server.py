"""IdentityPython's OpenID provider, idpyoidc, over TLS: `python -m tests.identity.server PORT`.

What it is asked, it judges, signs and answers itself. Ours is the HTTP around it, as in its own
example, and a page on which people sign in or refuse.
"""

import json
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine
from idpyoidc.message.oauth2 import ResponseMessage
from idpyoidc.message.oidc import AccessTokenRequest, AuthorizationRequest
from idpyoidc.server import Server
from idpyoidc.server.exception import ClientAuthenticationError, FailedAuthentication
from werkzeug import Request, Response
from werkzeug.serving import run_simple

from tests.identity.configured import configuration

_ENDPOINTS = {
    "/.well-known/openid-configuration": "provider_config",
    "/authorization": "authorization",
    "/token": "token",
    "/userinfo": "userinfo",
}


class Door:
    """A WSGI application."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def answer(self, request: Request) -> Response:
        """By the endpoint of the path."""
        if request.path == "/jwks.json":
            return _json(self._server.keyjar.export_jwks())
        if request.path == "/verify":
            return self._verify(request)
        if request.path not in _ENDPOINTS:
            return Response("nothing is here", 404)
        endpoint = self._server.get_endpoint(_ENDPOINTS[request.path])
        asked = request.form if request.method == "POST" else request.args
        try:
            parsed = endpoint.parse_request(asked.to_dict(), http_info=_http_info(request))
        except ClientAuthenticationError as error:
            return _json({"error": "invalid_client", "error_description": str(error)}, 401)
        if isinstance(parsed, ResponseMessage) and "error" in parsed:
            return _json(parsed.to_dict(), 400)
        if request.path == "/token":
            parsed = AccessTokenRequest(**parsed)
        told = endpoint.process_request(parsed, http_info=_http_info(request))
        if "http_response" in told:  # the page of whoever has not signed in here
            return Response(told["http_response"], content_type="text/html; charset=utf-8")
        return _told(endpoint, parsed, told)

    def _verify(self, request: Request) -> Response:
        """Somebody says who they are, or that they will not."""
        method = self._server.get_context().authn_broker.get_method_by_id("user")
        endpoint = self._server.get_endpoint("authorization")
        token = method.unpack_token(request.form["token"])
        asked = AuthorizationRequest().from_urlencoded(token["query"])
        if "refuse" in request.form:
            refusal = endpoint.authentication_error_response(
                asked, error="access_denied", error_description="The person said no"
            )
            return Response(
                status=303, headers={"Location": refusal.request(asked["redirect_uri"])}
            )
        try:
            name = method.verify(**request.form.to_dict())
        except FailedAuthentication:
            return Response("who?", 403)
        session = endpoint.create_session(
            asked, name, token["authn_class_ref"], token["iat"], method
        )
        return _told(endpoint, asked, endpoint.authz_part2(request=asked, session_id=session))


def _told(endpoint: Any, asked: Any, told: Any) -> Response:  # noqa: ANN401 - idpyoidc's own
    if isinstance(told, ResponseMessage) and "error" in told:
        return _json(told.to_dict(), 400)
    made = endpoint.do_response(request=asked, **told)
    if made.get("response_placement", endpoint.response_placement) == "url":
        response = Response(status=303, headers={"Location": made["response"]})
    else:
        response = Response(made["response"], made.get("response_code", 200))
    for name, value in made["http_headers"]:
        response.headers[name] = value
    return response


def _http_info(request: Request) -> dict[str, Any]:
    return {
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "method": request.method,
        "url": request.url,
        "cookie": [],  # everybody signs in anew
    }


def _json(facts: object, status: int = 200) -> Response:
    text = facts if isinstance(facts, str) else json.dumps(facts)
    return Response(text, status, content_type="application/json")


def main(port: int) -> None:
    """Serve until the process ends."""
    settings = json.loads(Path("settings.json").read_text())
    ahead = timedelta(seconds=settings["ahead_seconds"])
    if ahead:
        time_machine.travel(datetime.now(UTC) + ahead).start()
    server = Server(configuration(settings))
    server.get_context().cdb = settings["clients"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("provider.pem")
    application = Request.application(Door(server).answer)
    run_simple("localhost", port, application, threaded=True, ssl_context=context)


if __name__ == "__main__":
    main(int(sys.argv[1]))
