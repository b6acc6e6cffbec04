"""Sign in by a form or by JSON, and keep what that gave: a token, or cookies."""

import asyncio
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from http.cookiejar import CookieJar
from typing import Annotated, Literal, Self
from urllib.parse import urlencode

import httpx
import orjson
from pydantic import AfterValidator, Field, field_validator, model_validator

from collectors.captured import find
from collectors.certificate import Trust
from collectors.client import Client, Request
from collectors.decoding import BoundedBody
from collectors.expect import Answer, Body, judge, status_is
from collectors.expectation import HttpExpect, Statuses
from collectors.look import Look
from collectors.observation import Cause, Observation, Outcome
from collectors.request import request_headers, secrets
from collectors.resolve import Resolver
from collectors.settings import HeaderOptions, positive
from collectors.step import Capture
from collectors.target import HttpUrl, without_secrets
from slo.secret import SecretText
from slo.units import Duration, format_duration

_ANSWER_BYTES = 256 * 1024
_SHARE = 0.8  # of the run's time: a login that hangs is told from a target that does
_LEAST_WAIT_SECONDS, _MOST_WAIT_SECONDS = 60.0, 900.0  # between logins that are refused
_SHORTEST = 4  # characters; a shorter secret would hide words that are none
_TOKEN_CHARACTERS = 16 * 1024


class LoginOptions(HeaderOptions):
    """Where we sign in, with what, and what of the answer is kept."""

    url: HttpUrl
    method: Literal["POST", "PUT", "GET"] = "POST"
    form: Mapping[str, SecretText] | None = None
    json_: Mapping[str, SecretText] | None = Field(None, alias="json")
    expect: HttpExpect = HttpExpect(status=("2xx", "3xx"))
    token: Capture | None = Field(None, description="Without it the cookies are kept.")
    header: str = Field("Authorization", pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
    keep: Annotated[Duration, AfterValidator(positive)] = timedelta(hours=1)
    renew_on: Statuses = (401,)

    @model_validator(mode="after")
    def _says_who_we_are(self) -> Self:
        if self.form is not None and self.json_ is not None:
            raise ValueError("a login sends one of form and json")
        if self.method == "GET" and (self.form is not None or self.json_ is not None):
            raise ValueError("GET has no body to send a form or json in")
        return self

    @field_validator("expect")
    @classmethod
    def _speaks_http1(cls, expect: HttpExpect) -> HttpExpect:
        if expect.version == "2":
            raise ValueError("version: a login speaks HTTP/1.1")
        return expect


class NoLoginError(Exception):
    """We are not signed in; `seen` is what that says of the target, if anything."""

    def __init__(self, seen: Observation) -> None:
        super().__init__(seen.detail)
        self.seen = seen


class _RefusedError(Exception):
    """We are not let in: who we say we are may be wrong, or we came too often."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a login gave."""

    until: float  # monotonic
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    jar: CookieJar | None = field(default=None, repr=False)
    token: str = field(default="", repr=False)

    @property
    def hidden(self) -> tuple[str, ...]:
        """What of it is not to be shown."""
        cookies = [cookie.value or "" for cookie in self.jar or ()]
        return tuple(text for text in (self.token, *cookies) if len(text) >= _SHORTEST)


class Logins:
    """The session of one collector, which is signed in to `target`."""

    def __init__(
        self,
        options: LoginOptions,
        target: str,
        resolver: Resolver,
        trust: Trust,
        named: tuple[str, str] | None = None,
    ) -> None:
        """`named` is a host, and the name that its certificate bears instead."""
        self._named = named
        self._options = options
        self._resolver = resolver
        self._trust = trust
        self._url = httpx.URL(options.url)
        self._is_the_target_s = self._url.host == httpx.URL(target).host
        self._where = without_secrets(options.url)
        self._lock = asyncio.Lock()
        self._kept: Session | None = None
        self._not_before = 0.0
        self._wait = _LEAST_WAIT_SECONDS
        self.hidden = tuple(text for text in _secrets(options) if len(text) >= _SHORTEST)

    async def session(self, look: Look, now: float, give_up_at: float) -> tuple[Session, bool]:
        """The session, and whether it is a new one. `now` is monotonic. Raises NoLoginError."""
        loop = asyncio.get_running_loop()
        # On a stopwatch of its own: this is not the time of what is looked at.
        aside = Look(look.collector_id, look.due, look.started, look.watch.another())
        try:
            async with (
                asyncio.timeout_at(loop.time() + (give_up_at - loop.time()) * _SHARE),
                self._lock,  # several runs at once ask once
            ):
                kept = self._kept
                if kept is not None and (now < kept.until or now < self._not_before):
                    return kept, False
                self._may_try(aside, now)
                self._kept = await self._sign_in(aside, now, give_up_at)
                return self._kept, True
        except NoLoginError:
            raise
        except _RefusedError as refused:
            self._hold_off(now)
            said = f"no login: {self._where} let us not in: {refused}"
            raise NoLoginError(_warned(aside, said)) from None
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            seen = aside.broke(error)
            raise NoLoginError(self._of_the_place(aside, seen)) from None

    def renews(self, session: Session, now: float, *, is_new: bool) -> bool:
        """Whether to sign in anew, when the target takes this session not or no longer."""
        if is_new:
            self._hold_off(now)  # another would be refused as well, and too many lock an account
        if is_new or now < self._not_before:
            return False
        if session is self._kept:
            self._kept = None
        return True

    def taken(self) -> None:
        """The target takes the session."""
        self._wait, self._not_before = _LEAST_WAIT_SECONDS, 0.0

    def _may_try(self, aside: Look, now: float) -> None:
        """Raises NoLoginError where the last one was refused a short while ago."""
        if now < self._not_before:
            again = format_duration(timedelta(seconds=math.ceil(self._not_before - now)))
            said = f"no login: {self._where} refused the last one; the next is tried in {again}"
            raise NoLoginError(_warned(aside, said))

    def _hold_off(self, now: float) -> None:
        self._not_before = now + self._wait
        self._wait = min(self._wait * 2, _MOST_WAIT_SECONDS)

    def _of_the_place(self, aside: Look, seen: Observation) -> Observation:
        """At the target itself a login that fails is its failure, elsewhere nothing is known."""
        said = f"no login at {self._where}: {seen.detail}"
        if seen.outcome is Outcome.FAILED and self._is_the_target_s:
            return replace(seen, detail=said)
        return _warned(aside, said)

    async def _sign_in(self, aside: Look, now: float, give_up_at: float) -> Session:
        """Raises _RefusedError, NoLoginError, and whatever went wrong."""
        options, jar = self._options, CookieJar()
        answer = await self._ask(aside, jar, give_up_at)
        aside.watch.stop()
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            seen = aside.failed(Cause.STATUS, f"the status is {answer.status}")
            raise NoLoginError(self._of_the_place(aside, seen))
        failure = judge(options.expect, answer, aside.started, (*self.hidden, *_values(jar)))
        if failure is not None:
            raise _RefusedError(failure.sentence)
        until = now + options.keep.total_seconds()
        if options.token is None:
            if not _values(jar):
                raise _RefusedError("it sets no cookie")
            return Session(until, jar=jar)
        token, where = find(options.token, answer, jar)
        if token is None:
            raise _RefusedError(f"{where} is not in the answer")
        if not token.isascii() or not token.isprintable() or len(token) > _TOKEN_CHARACTERS:
            raise _RefusedError(f"{where} is nothing that a header can bear")
        bare = options.header.lower() != "authorization"
        sent = token if bare else f"Bearer {token}"
        return Session(until, headers={options.header.lower(): sent}, token=token)

    async def _ask(self, aside: Look, jar: CookieJar, give_up_at: float) -> Answer:
        kind, content = _content(self._options)
        headers = request_headers(self._options)
        if kind:
            headers = {"content-type": kind} | headers
        if not content and self._options.method != "GET":
            headers.setdefault("content-length", "0")
        client = Client(
            resolver=self._resolver,
            watch=aside.watch,
            context=self._trust.context(),
            give_up_at=give_up_at,
            named=self._named,
        )
        try:
            asked = Request(self._url, headers, self._options.method, content)
            response = await client.send(asked)
            aside.answered(response.status, response.http_version, client.stream)
            told = httpx.Headers(list(response.raw_headers))
            body = BoundedBody(told.get("content-encoding", ""), _ANSWER_BYTES)
            while part := await response.read():
                if not body.feed(part):
                    break
            else:
                body.finish()
        finally:
            client.close()
        # What sets a cookie knows for which address it is; a redirect is not followed.
        request = httpx.Request(self._options.method, self._url)
        whole = httpx.Response(response.status, headers=told, request=request)
        httpx.Cookies(jar).extract_cookies(whole)
        cut_at = _ANSWER_BYTES if body.cut else None
        return Answer(
            status=response.status,
            headers=told,
            body=Body(body.data, cut_at, body.trouble),
            duration=aside.watch.duration,
            chain=aside.chain,
            version=response.http_version,
        )


def is_refused(seen: Observation, options: LoginOptions) -> bool:
    """Whether the target takes the session not or no longer, and was not expected to."""
    status = seen.http_status
    is_judged = seen.outcome is Outcome.FAILED and status is not None
    return is_judged and status_is(status or 0, options.renew_on)


def _content(options: LoginOptions) -> tuple[str, bytes]:
    if options.form is not None:
        form = {name: value.value for name, value in options.form.items()}
        return "application/x-www-form-urlencoded", urlencode(form).encode()
    if options.json_ is not None:
        document = {name: value.value for name, value in options.json_.items()}
        return "application/json", orjson.dumps(document)
    return "", b""


def _secrets(options: LoginOptions) -> Iterator[str]:
    yield from secrets(options)
    for values in (options.form, options.json_):
        yield from (value.value for value in (values or {}).values())


def _values(jar: CookieJar) -> tuple[str, ...]:
    """Of the cookies that are kept: one that has expired already takes its leave."""
    now = time.time()  # not the run's clock: the jar tells by this one when a Max-Age is over
    return tuple(cookie.value for cookie in jar if cookie.value and not cookie.is_expired(int(now)))


def _warned(aside: Look, said: str) -> Observation:
    aside.warning = said
    return aside.unknown(said)
