"""Ask who it is, and let each request do only what its route's permission allows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextvars import ContextVar, Token
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Request, Response
from fastapi.params import Form
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboards.source import NotAnsweringError
from web.access.decision import (
    EVERYWHERE,
    Kind,
    Owner,
    Permission,
    Principal,
    may,
    may_somewhere,
    nobody,
    refusal,
)
from web.access.everybody import EVERYBODY
from web.access.port import Access, Credentials, DeniedError
from web.access.table import MACHINES, OF_MACHINES, PERMISSIONS, permission_of, reads
from web.access.whence import ADDRESS
from web.problem import ProblemError, check_json, problem_response
from web.safety import host_name, is_loopback

COOKIE = "nines_session"
READ_WITHIN_SECONDS = 30
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORWARDED = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
)
_STRANGER = nobody(None)


class NotAllowedError(ProblemError):
    """Somebody may not. `signing_in` would help."""

    def __init__(self, sentence: str, *, signing_in: bool) -> None:
        headers = {"WWW-Authenticate": 'Bearer realm="nines"'} if signing_in else None
        super().__init__(401 if signing_in else 403, sentence, headers=headers)
        self.signing_in = signing_in


class Asking:
    """One request's asker, looked up at most once."""

    def __init__(
        self,
        access: Access,
        credentials: Credentials,
        until: float | None = None,
        *,
        reads: bool = False,
    ) -> None:
        """`until` is when reading gives up, by the loop's clock. `reads`: it changes nothing."""
        self._reads = reads
        self.access = access
        self.credentials = credentials
        self.until = until
        self.principal = _STRANGER
        self._known = False

    async def who(self) -> Principal:
        """Who it is. Raises ProblemError for a token that is not valid, and NotAnsweringError."""
        if not self._known:
            try:
                async with _in_time(self.until):
                    self.principal = await self.access.who(self.credentials, reads=self._reads)
            except DeniedError as error:
                raise NotAllowedError(str(error), signing_in=True) from None
            self._known = True
        return self.principal

    def be(self, principal: Principal) -> None:
        """It has shown who it is by other means."""
        self.principal, self._known = principal, True

    async def demand(self, permission: Permission) -> None:
        """Raises ProblemError where it may do this nowhere."""
        if permission is Permission.OPEN:
            return
        if permission in MACHINES and self.access.machines(
            permission, local=self.credentials.local
        ):
            return
        principal = await self.who()
        if not may_somewhere(principal, permission):
            raise _not_allowed(principal, permission, EVERYWHERE)

    def demand_for(self, permission: Permission, owner: Owner) -> None:
        """Raises ProblemError where it may not do this to what is the owner's."""
        if not may(self.principal, permission, owner):
            raise _not_allowed(self.principal, permission, owner)


def _not_allowed(principal: Principal, permission: Permission, owner: Owner) -> NotAllowedError:
    # Where there is nobody yet, the form for signing in says how to begin.
    reads = permission is Permission.READ
    signing_in = principal.kind is Kind.NOBODY and (reads or not principal.lacks)
    return NotAllowedError(refusal(principal, permission, owner), signing_in=signing_in)


_ASKING: ContextVar[Asking] = ContextVar("asking")


def asking() -> Asking:
    """Who asks for what is being answered."""
    return _ASKING.get(_NOBODY_ASKS)


_NOBODY_ASKS = Asking(EVERYBODY, Credentials(local=True))


# What a wallboard asks for: there its token may come in a cookie, and at first in the address.
_WALL = {path for (_, path), needs in PERMISSIONS.items() if needs is Permission.WATCH}


class Guard:
    """Knows who asks, for everything below it; and takes no session's word from another site."""

    def __init__(self, app: ASGIApp, access: Access, *, listen: str, external_url: str) -> None:
        self._app = app
        self._access = access
        self._on_loopback = is_loopback(listen)
        self.cookie = cookie_name(external_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        until = asyncio.get_running_loop().time() + READ_WITHIN_SECONDS
        credentials = self._credentials(scope, _without_token(scope))
        one = Asking(self._access, credentials, until, reads=scope["method"] in _SAFE)
        token = _ASKING.set(one)
        whence = ADDRESS.set(credentials.address)
        try:
            await self._let_in(scope, receive, send, one, token)
        finally:
            ADDRESS.reset(whence)

    async def _let_in(
        self, scope: Scope, receive: Receive, send: Send, one: Asking, token: Token[Asking]
    ) -> None:
        try:
            self._refuse_forgeries(scope, one.credentials)
            if not scope["path"].startswith(OF_MACHINES):
                # The route says so, if it matters.
                with contextlib.suppress(NotAllowedError, NotAnsweringError):
                    await one.who()
        except ProblemError as error:
            _ASKING.reset(token)
            await problem_response(error, scope["path"])(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _credentials(self, scope: Scope, link: str | None) -> Credentials:
        headers = Headers(scope=scope)
        scheme, _, given = headers.get("authorization", "").partition(" ")
        bearer = given.strip() if scheme.lower() == "bearer" else None
        cookies = cookie_parser(headers.get("cookie", ""))
        client = scope.get("client")
        peer = client[0] if client else ""
        host = host_name(headers.get("host", "127.0.0.1"))
        through = next((headers[name] for name in _FORWARDED if name in headers), None)
        local = (
            self._on_loopback
            and is_loopback(peer)
            and through is None
            and host is not None
            and is_loopback(host)
        )
        bearer = bearer or link
        session = cookies.get(self.cookie) if bearer is None else None
        if (
            scope["path"] in _WALL
            and scope["method"] in _SAFE
            and bearer is None
            and session is None
        ):
            bearer = cookies.get(wall_cookie_name(self.cookie))
        return Credentials(
            session=session,
            bearer=bearer,
            local=local,
            address=_address(peer, headers.getlist("x-forwarded-for")),
        )

    def _refuse_forgeries(self, scope: Scope, credentials: Credentials) -> None:
        """What a browser sends by itself proves nothing, unless it says where it comes from."""
        if scope["method"] in _SAFE or credentials.session is None:
            return
        headers = Headers(scope=scope)
        if "sec-fetch-site" not in headers and "origin" not in headers:
            raise ProblemError(
                403,
                "This request bears a session, but does not say from which site it comes; nothing "
                "was changed. Programs use a token.",
            )


class GuardedRoute(APIRoute):
    """A route that lets in only who may: every router of ours is made of these."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, behind the question."""
        handler = super().get_route_handler()
        body = self.body_field
        takes_json = body is not None and not isinstance(body.field_info, Form)

        async def guarded(request: Request) -> Response:
            permission = permission_of(request.method, self.path)
            one = asking()
            await one.demand(permission)
            if takes_json:
                check_json(request.headers)
            async with _in_time(one.until if reads(request.method, self.path) else None):
                return await handler(request)

        return guarded


@contextlib.asynccontextmanager
async def _in_time(until: float | None) -> AsyncIterator[None]:
    """Whoever reads is told that storage is slow, rather than left to wait for it."""
    try:
        async with asyncio.timeout_at(until) as bound:
            yield
    except TimeoutError:
        if not bound.expired():
            raise
        raise NotAnsweringError(
            f"No answer within {READ_WITHIN_SECONDS} s: what this is read from is slow at the "
            "moment. Nothing is said of what is not known; try again."
        ) from None


class OwnDoorRoute(GuardedRoute):
    """A route whose endpoint asks by itself, as there is another way to be let in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler."""
        return APIRoute.get_route_handler(self)


def _without_token(scope: Scope) -> str | None:
    """The token in the address of a wallboard, which is taken out: nobody below writes it down."""
    if scope["path"] != "/wall" or b"token" not in scope["query_string"]:
        return None
    fields = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    scope["query_string"] = urlencode([one for one in fields if one[0] != "token"]).encode()
    return next((value for name, value in fields if name == "token" and value), None)


def wall_cookie_name(session_cookie: str) -> str:
    """Where a wallboard's browser keeps its token."""
    return f"{session_cookie}_wall"


def cookie_name(external_url: str) -> str:
    """Browsers take a name with this prefix from this very host alone, and only over TLS."""
    return f"__Host-{COOKIE}" if external_url.lower().startswith("https://") else COOKIE


def _address(peer: str, forwarded: list[str]) -> str:
    """Where it came from, as far as is known; a proxy on this machine says for whom it asks.

    It says so last, in the header that came or in one of its own below that.
    """
    if forwarded and is_loopback(peer):
        return forwarded[-1].rpartition(",")[2].strip()[:100] or peer
    return peer
