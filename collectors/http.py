"""Probe an address over HTTP, each time on a fresh connection."""

import asyncio
import functools
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from http import HTTPStatus
from http.cookiejar import CookieJar
from typing import Literal, Self

import httpx
from pydantic import Field, model_validator

from collectors.certificate import HTTP2_ALPN, HTTP_ALPN
from collectors.client import Client, Request, Response, leaves
from collectors.decoding import BoundedBody
from collectors.expect import Answer, Body, judge, status_is
from collectors.expectation import HttpExpect, HttpVersion, never_judged
from collectors.login import LoginOptions, Logins, NoLoginError, is_refused
from collectors.look import Look
from collectors.means import Means
from collectors.oauth2 import NoTokenError, OAuth2Options, Tokens
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.proxy import Proxy, ProxyOptions
from collectors.request import (
    HARMLESS_HEADERS,
    TOO_MANY_REQUESTS,
    RedirectError,
    request_headers,
    secrets,
    trust,
)
from collectors.runnable import Clock
from collectors.settings import RequestSettings
from collectors.size import Size
from collectors.target import HttpUrl, without_secrets
from collectors.transport import FreshTransport, OwnTransport, read_body

MAX_REDIRECTS = 10
_JUDGED_ASIDE_BYTES = 64 * 1024  # a larger body is judged in a thread, off the event loop


class HttpConfig(RequestSettings):
    """Probe an address over HTTP."""

    http: HttpUrl
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    body: str | None = None
    body_limit: Size = 1 << 20
    proxy: ProxyOptions | None = None
    oauth2: OAuth2Options | None = None
    login: LoginOptions | None = None
    version: HttpVersion = Field("1.1", description="2 offers it; 1.1 may come all the same.")
    expect: HttpExpect = HttpExpect()

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.method == "HEAD" and self.expect.looks_at_body:
            raise ValueError("an answer to HEAD has no body: expect nothing of it, or use GET")
        signed = (
            self.basic_auth or self.bearer_token or "authorization" in map(str.lower, self.headers)
        )
        if self.oauth2 is not None and signed:
            raise ValueError("with oauth2 its token is sent: leave the other credentials out")
        if self.login is not None and self.oauth2 is not None:
            raise ValueError("one of oauth2 and login signs in")
        by_token = self.login is not None and self.login.token is not None
        if (
            by_token
            and signed
            and self.login is not None
            and self.login.header.lower() == "authorization"
        ):
            raise ValueError("the login's token is sent: leave the other credentials out")
        if (why := self.expect.beyond(self.body_limit)) is not None:
            raise ValueError(why)
        plain = self.http.lower().startswith("http:") and not self.follow_redirects
        if plain and self.expect.certificate_days is not None:
            raise ValueError("certificate_days: there is no certificate without https")
        if self.version == "1.0":
            raise ValueError("version: HTTP/1.0 is not asked for: write 1.1 or 2")
        if self.offers_http2 and self.proxy is not None:
            raise ValueError("HTTP/2 is not spoken through a proxy")
        if self.expect.version == "2" and plain:
            raise ValueError("expect.version: HTTP/2 is agreed on by TLS: it needs https")
        return self

    @property
    def offers_http2(self) -> bool:
        """Whether TLS may agree on it."""
        return "2" in (self.version, self.expect.version)

    def within(self, timeout: timedelta) -> Iterator[tuple[tuple[str, ...], str]]:
        late = self.expect.latency
        if late is not None and late > timeout:
            yield ("expect", "latency"), never_judged(late, timeout)


class HttpProbe:
    """One address and what is expected of it."""

    kind = "http"

    def __init__(self, collector_id: str, config: HttpConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = without_secrets(config.http)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._resolver = means.resolver
        alpn = (*HTTP2_ALPN, *HTTP_ALPN) if config.offers_http2 else HTTP_ALPN
        self._trust = trust(config.tls, alpn)
        self._headers = request_headers(config)
        self._asked: Request | None = None
        self._proxy = Proxy(config.proxy) if config.proxy is not None else None
        self._secrets = tuple(secrets(config))
        self._tokens: Tokens | None = None
        if config.oauth2 is not None:
            self._tokens = Tokens(config.oauth2, means.resolver, trust(config.tls))
            self._secrets += (config.oauth2.client_secret.value,)
        self._logins: Logins | None = None
        if config.login is not None:
            plain = trust(config.tls)
            self._logins = Logins(config.login, config.http, means.resolver, plain, named(config))
            self._secrets += self._logins.hidden

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        give_up_at = asyncio.get_running_loop().time() + self.timeout.total_seconds()
        if self._config.login is not None and self._logins is not None:
            return await self._signed_in(self._config.login, self._logins, look, clock, give_up_at)
        if self._tokens is None:
            return await self._once(look, self._headers, self._secrets, give_up_at)
        while True:
            try:
                token, is_new = await self._tokens.token(look, clock.monotonic(), give_up_at)
            except NoTokenError as error:
                look.warning = str(error)
                return look.unknown(look.warning)
            headers = self._headers | {"authorization": f"Bearer {token}"}
            seen = await self._once(look, headers, (*self._secrets, token), give_up_at)
            refused = seen.outcome is Outcome.FAILED and seen.http_status == HTTPStatus.UNAUTHORIZED
            if is_new or not refused:
                return seen
            # It may have been revoked before its time, which is no failure of the target's.
            self._tokens.forget(token)
            look = Look.begin(self.id, due, clock)

    async def _signed_in(
        self, login: LoginOptions, logins: Logins, look: Look, clock: Clock, give_up_at: float
    ) -> Observation:
        """Look with a session that is kept; one that is no longer taken is renewed once."""
        while True:
            try:
                session, is_new = await logins.session(look, clock.monotonic(), give_up_at)
            except NoLoginError as error:
                return error.seen
            headers, hidden = self._headers | session.headers, (*self._secrets, *session.hidden)
            seen = await self._once(look, headers, hidden, give_up_at, session.jar)
            if not is_refused(seen, login):
                logins.taken()
                return seen
            if not logins.renews(session, clock.monotonic(), is_new=is_new):
                return seen
            look = Look.begin(self.id, look.due, clock)

    async def _once(
        self,
        look: Look,
        headers: dict[str, str],
        hidden: tuple[str, ...],
        give_up_at: float,
        jar: CookieJar | None = None,
    ) -> Observation:
        visit = Visit(self._config, headers, look, jar)
        try:
            async with asyncio.timeout_at(give_up_at):
                answer = await self._fetch(visit, look, give_up_at)
            return await judged(answer, look, self._config.expect, hidden)
        except RedirectError as error:
            look.watch.stop()
            return look.failed(Cause.PROTOCOL, str(error), look.watch.phase)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error, visit.where)

    async def _fetch(self, visit: "Visit", look: Look, give_up_at: float) -> Answer:
        """Ask on the short way; what its answer redirects to is followed by httpx."""
        context, name = self._trust.context(), named(self._config)
        if not _is_plain(self._config):
            transport = FreshTransport(
                resolver=self._resolver,
                watch=look.watch,
                context=context,
                give_up_at=give_up_at,
                named=name,
                proxy=self._proxy,
            )
            return await visit.fetch(transport)
        client = Client(
            resolver=self._resolver,
            watch=look.watch,
            context=context,
            give_up_at=give_up_at,
            named=name,
        )
        if visit.has_cookies:
            return await visit.fetch(OwnTransport(client))
        with closing(client):
            response = await visit.ask(client, self._request(visit.headers))
            if not (self._config.follow_redirects and response.redirects):
                return await visit.read_answer(response)
            begun = httpx.Response(
                response.status,
                headers=list(response.raw_headers),
                extensions={"http_version": response.http_version.encode()},
            )
            return await visit.fetch(OwnTransport(client, begun))

    def _request(self, headers: dict[str, str]) -> Request:
        """The first of a run; the same each time, unless its credentials change."""
        if headers is not self._headers:
            return _first_request(self._config, headers)
        if self._asked is None:
            self._asked = _first_request(self._config, headers)
        return self._asked

    async def close(self) -> None:
        """Nothing outlives a run."""


class Visit:
    """One run's way from the first request to the last byte."""

    def __init__(
        self,
        config: HttpConfig,
        headers: dict[str, str],
        look: Look,
        cookies: CookieJar | None = None,
    ) -> None:
        """`cookies` are sent, and those that come are put there; one run's own by default."""
        self._config = config
        self._headers = headers
        self._cookies = cookies
        self._look = look
        self.where = ""  # said after a failure that happened elsewhere than at the target

    @property
    def has_cookies(self) -> bool:
        """Whether cookies are sent from the first request on, which is httpx's to do."""
        return self._cookies is not None

    @property
    def headers(self) -> dict[str, str]:
        """What is sent from the first request on."""
        return self._headers

    async def ask(self, client: Client, request: Request | None = None) -> Response:
        """The head of the first answer, with nothing between it and the socket.

        `request` is the first one, where it was put together before.
        """
        try:
            response = await client.send(request or _first_request(self._config, self._headers))
        finally:
            self._look.dialled(client.stream)
        self._look.answered(response.status, response.http_version, client.stream)
        return response

    async def read_answer(self, response: Response) -> Answer:
        """The answer with its body, up to the limit."""
        headers = httpx.Headers(list(response.raw_headers))
        body = BoundedBody(headers.get("content-encoding", ""), self._config.body_limit)
        while part := await response.read():
            if not body.feed(part):
                break
        else:
            body.finish()
        return self._answer(response.status, headers, body)

    async def fetch(self, transport: FreshTransport | OwnTransport) -> Answer:
        """The last answer of the chain of redirects. Raises whatever went wrong."""
        async with httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            timeout=None,  # noqa: S113 - the run as a whole has one
            headers=self._headers,
            cookies=self._cookies,
        ) as client:
            request = client.build_request(
                self._config.method, self._config.http, content=self._config.body
            )
            for _ in range(MAX_REDIRECTS + 1):
                try:
                    response = await client.send(request, stream=True, auth=None)
                finally:
                    self._look.dialled(transport.stream)
                self._look.answered(response.status_code, response.http_version, transport.stream)
                following = response.next_request if self._config.follow_redirects else None
                if following is None:
                    return await self._read(response)
                # Its body is of no interest, and may be endless.
                request = self._follow(following)
        raise RedirectError(f"the target redirects more than {MAX_REDIRECTS} times{self.where}")

    def _follow(self, request: httpx.Request) -> httpx.Request:
        self._look.redirects += 1
        self._look.watch.enter(Phase.RESOLVE)
        self.where = f" (after a redirect to {without_secrets(str(request.url))})"
        if leaves(httpx.URL(self._config.http), request.url):
            if request.headers.get("content-length", "0") != "0":
                raise RedirectError(
                    "the target redirects our body to another host, or out of TLS, and it may hold "
                    f"a password: it was not sent there{self.where}"
                )
            for name in self._headers:
                if name.lower() not in HARMLESS_HEADERS:
                    request.headers.pop(name, None)
        return request

    async def _read(self, response: httpx.Response) -> Answer:
        body = await read_body(response, self._config.body_limit)
        return self._answer(response.status_code, response.headers, body)

    def _answer(self, status: int, headers: httpx.Headers, body: BoundedBody) -> Answer:
        self._look.watch.stop()
        self._look.body_bytes = len(body.data)
        return Answer(
            status=status,
            headers=headers,
            body=Body(body.data, self._config.body_limit if body.cut else None, body.trouble),
            duration=self._look.watch.duration,
            chain=self._look.chain,
            version=self._look.http_version or "",
        )


def _first_request(config: HttpConfig, headers: dict[str, str]) -> Request:
    content, headers = (config.body or "").encode(), dict(headers)
    if not content and config.method in ("POST", "PUT", "PATCH"):
        headers.setdefault("content-length", "0")
    return Request(_parsed(config.http), headers, config.method, content)


@functools.lru_cache(maxsize=4096)
def _parsed(address: str) -> httpx.URL:
    """The address taken apart: the same one comes with every run."""
    return httpx.URL(address)


def _is_plain(config: HttpConfig) -> bool:
    """Whether nothing is asked for that only httpx can do."""
    return config.proxy is None


def named(config: HttpConfig) -> tuple[str, str] | None:
    """The host that is looked at, and the name that its certificate bears instead."""
    if config.tls.server_name is None:
        return None
    return httpx.URL(config.http).host, config.tls.server_name


async def judged(
    answer: Answer, look: Look, expect: HttpExpect, hidden: tuple[str, ...]
) -> Observation:
    """What the answer comes to; `hidden` is not shown. A limiter's 429 speaks of us."""
    if answer.status == TOO_MANY_REQUESTS and not status_is(429, expect.status):
        after = answer.headers.get("retry-after")
        wait = f"; it asks to come back after {after[:40]}" if after else ""
        look.warning = f"the target's own rate limiter answered 429{wait}"
        return look.unknown(look.warning)
    arguments = (expect, answer, look.started, hidden)
    if len(answer.body.data) > _JUDGED_ASIDE_BYTES and expect.looks_at_body:
        failure = await asyncio.to_thread(judge, *arguments)
    else:
        failure = judge(*arguments)
    return look.failed(failure.cause, failure.sentence) if failure else look.passed()
