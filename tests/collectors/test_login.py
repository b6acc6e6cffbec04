"""A probe that signs in first, and keeps the session: whose failure it is when it cannot."""

import asyncio
import json
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from collectors.http import HttpConfig, HttpProbe
from collectors.observation import Cause, Observation, Outcome
from tests.collectors.wire import DUE, SHORT, TIMEOUT, Server, answer, hang, http, look, says

WHO = {"email": "probe@shop.example", "password": "hush-password"}


class Shop:
    """A shop that lets in who knows the password, and takes the sessions that it still knows."""

    def __init__(self) -> None:
        self.logins: list[tuple[str, str]] = []  # the kind of what was sent, and what
        self.sessions: set[str] = set()
        self.cookies: list[str] = []  # as they came
        self.refuses = ""  # the status that a login gets
        self.forgets = False  # each session at once
        self.rolls = False  # a new cookie with each answer

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = re.search(r"content-length: (\d+)", head)
        body = await reader.readexactly(int(size[1]) if size else 0)
        if head.startswith("POST /login"):
            writer.write(self._log_in(head, body.decode()))
        else:
            writer.write(self._account(head))
        await reader.read()

    def _log_in(self, head: str, body: str) -> bytes:
        found = re.search(r"content-type: (\S+)", head)
        kind = found[1] if found else ""
        self.logins.append((kind, body))
        if self.refuses:
            return answer(f"no, {body}".encode(), self.refuses)
        told = json.loads(body) if "json" in kind else {k: v[0] for k, v in parse_qs(body).items()}
        if told != WHO:
            return answer(b"who are you?", "401 Unauthorized")
        session = f"hush-session-{len(self.logins)}"
        if not self.forgets:
            self.sessions.add(session)
        if "json" in kind:
            return answer(json.dumps({"token": session}).encode())
        moved = f"Location: /account\r\nSet-Cookie: sid={session}; Path=/; HttpOnly\r\n"
        return answer(b"", "302 Found", moved)

    def _account(self, head: str) -> bytes:
        cookie = re.search(r"cookie: (.*)\r\n", head)
        self.cookies.append(cookie[1] if cookie else "")
        by = re.search(r"(?:sid=|bearer |x-session: )(hush-session-\d+)", head, re.IGNORECASE)
        if by is None or by[1] not in self.sessions:
            return answer(f"no {head}".encode(), "401 Unauthorized")
        more = ""
        if self.rolls:
            self.sessions.remove(by[1])
            session = f"hush-session-{100 + len(self.cookies)}"
            self.sessions.add(session)
            more = f"Set-Cookie: sid={session}; Path=/\r\n"
        return answer(f"hello, {by[1]}".encode(), headers=more)


def probe(server: Server, at: Server | None = None, **more: Any) -> HttpProbe:  # noqa: ANN401
    timeout = SHORT if more.pop("short", False) else TIMEOUT
    host = f"http://127.0.0.1:{server.port}"
    where = f"http://localhost:{at.port}" if at is not None else host
    login = {"url": f"{where}/login", **more.pop("login")}
    return http(f"{host}/account", timeout=timeout, login=login, **more)


FORM: dict[str, Any] = {"form": WHO}
JSON: dict[str, Any] = {"json": WHO, "token": {"json": "$.token"}}


class Hands:
    """A clock that is set by hand; waiting is not asked of it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return DUE + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


async def looks(signs_in: HttpProbe, clock: Hands, *after: float) -> list[Observation]:
    """A look after so many seconds, each."""
    seen = []
    for seconds in after:
        clock.seconds += seconds
        seen.append(await signs_in.run(DUE, clock))
    return seen


@pytest.mark.parametrize("login", [FORM, JSON], ids=["form", "json"])
async def test_who_signed_in_once_is_known_from_then_on(login: dict[str, Any]) -> None:
    shop = Shop()
    async with Server(shop) as server:
        signs_in = probe(server, login=login, expect={"body": "hello"})
        seen = [await look(signs_in) for _ in range(3)]

    assert [one.outcome for one in seen] == [Outcome.PASSED] * 3
    assert len(shop.logins) == 1
    assert sum(seen[0].phases.values(), timedelta(0)) == seen[0].duration


async def test_what_is_sent_is_a_form_or_json() -> None:
    shop = Shop()
    async with Server(shop) as server:
        await look(probe(server, login=FORM))
        await look(probe(server, login=JSON))

    (form, sent), (kind, document) = shop.logins
    assert (form, sent) == (
        "application/x-www-form-urlencoded",
        "email=probe%40shop.example&password=hush-password",
    )
    assert (kind, json.loads(document)) == ("application/json", WHO)


async def test_a_token_may_go_in_a_header_of_its_own() -> None:
    shop = Shop()
    async with Server(shop) as server:
        seen = await look(probe(server, login=JSON | {"header": "X-Session"}))

    assert seen.outcome is Outcome.PASSED


@pytest.mark.parametrize("login", [FORM, JSON], ids=["form", "json"])
async def test_a_session_that_is_no_longer_taken_is_renewed_within_the_run(
    login: dict[str, Any],
) -> None:
    shop = Shop()
    async with Server(shop) as server:
        signs_in = probe(server, login=login)
        first = await look(signs_in)
        shop.sessions.clear()
        second = await look(signs_in)

    assert (first.outcome, second.outcome) == (Outcome.PASSED, Outcome.PASSED)
    assert len(shop.logins) == 2


async def test_a_session_is_kept_as_long_as_is_said() -> None:
    shop, clock = Shop(), Hands()
    async with Server(shop) as server:
        signs_in = probe(server, login=FORM | {"keep": "10m"})
        await looks(signs_in, clock, 0, 599)
        kept = len(shop.logins)
        await looks(signs_in, clock, 1)

    assert (kept, len(shop.logins)) == (1, 2)


async def test_cookies_that_the_target_renews_are_the_next_that_are_sent() -> None:
    shop = Shop()
    shop.rolls = True
    async with Server(shop) as server:
        signs_in = probe(server, login=FORM)
        seen = [await look(signs_in) for _ in range(3)]

    assert [one.outcome for one in seen] == [Outcome.PASSED] * 3
    assert shop.cookies == ["sid=hush-session-1", "sid=hush-session-101", "sid=hush-session-102"]


async def test_a_new_session_that_is_not_taken_is_the_target_s_failure_and_locks_no_account() -> (
    None
):
    shop, clock = Shop(), Hands()
    shop.forgets = True
    async with Server(shop) as server:
        signs_in = probe(server, login=JSON)
        seen = await looks(signs_in, clock, 0, 10, 10, 45)

    assert [one.outcome for one in seen] == [Outcome.FAILED] * 4
    assert (seen[-1].cause, seen[-1].http_status) == (Cause.STATUS, 401)
    assert len(shop.logins) == 2  # one at first, one a minute later


async def test_a_refused_login_is_ours_and_is_tried_less_and_less_often() -> None:
    shop, clock = Shop(), Hands()
    async with Server(shop) as server:
        signs_in = probe(server, login={"form": {"email": "me", "password": "hush-wrong"}})
        seen = await looks(signs_in, clock, *[10.0] * 100)

    assert {one.outcome for one in seen} == {Outcome.UNKNOWN}
    assert "let us not in: the status is 401; expected 2xx or 3xx" in seen[0].detail
    assert seen[1].detail.endswith("/login refused the last one; the next is tried in 50s")
    assert seen[1].warning == seen[1].detail
    assert len(shop.logins) == 5  # at 0, 1, 3, 7 and 15 minutes of 16: no limiter minds them


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param(answer(b"", "429 Too Many Requests"), "the status is 429", id="too often"),
        pytest.param(answer(b"{}"), "$.token is not in the answer", id="no token"),
        pytest.param(answer(b'{"token": "a\\nb"}'), "that a header can bear", id="a line break"),
    ],
)
async def test_a_login_that_gives_nothing_tells_nothing_of_the_target(
    said: bytes, why: str
) -> None:
    async with Server(says(said)) as server:
        seen = await look(probe(server, login=JSON))

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert seen.detail.startswith("no login: ")
    assert why in seen.detail


async def test_a_login_that_sets_no_cookie_is_refused() -> None:
    async with Server(says(answer(b"wrong password"))) as server:
        seen = await look(probe(server, login=FORM))

    assert (seen.outcome, seen.detail.endswith("it sets no cookie")) == (Outcome.UNKNOWN, True)


async def test_a_login_may_be_expected_to_say_something() -> None:
    greeting = answer(b"wrong password", headers="Set-Cookie: sid=guest-1\r\n")
    async with Server(says(greeting)) as server:
        seen = await look(probe(server, login=FORM | {"expect": {"body": "welcome"}}))

    assert seen.outcome is Outcome.UNKNOWN
    assert "the body does not contain 'welcome'" in seen.detail


async def test_a_login_that_breaks_at_the_target_is_its_failure() -> None:
    shop = Shop()
    shop.refuses = "503 Service Unavailable"
    async with Server(shop) as server:
        seen = await look(probe(server, login=FORM))
    async with Server(hang) as server:
        hung = await look(probe(server, login=FORM, short=True))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.STATUS)
    assert re.fullmatch(r"no login at http://\S+/login: the status is 503", seen.detail)
    assert (hung.outcome, hung.cause) == (Outcome.FAILED, Cause.TIMEOUT)


async def test_a_login_that_breaks_elsewhere_tells_nothing_of_the_target() -> None:
    shop = Shop()
    shop.refuses = "503 Service Unavailable"
    async with Server(shop) as elsewhere, Server(says(answer())) as server:
        seen = await look(probe(server, elsewhere, login=JSON))

        assert server.connections == 0
    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert "the status is 503" in seen.detail


async def test_a_session_of_another_host_s_cookies_is_not_sent_to_the_target() -> None:
    async with Server(Shop()) as elsewhere, Server(Shop()) as server:
        seen = await look(probe(server, elsewhere, login=FORM))

    assert (seen.outcome, seen.http_status) == (Outcome.FAILED, 401)
    assert "hush" not in seen.detail


async def test_no_secret_is_shown() -> None:
    shop = Shop()
    async with Server(shop) as server:
        echoed = await look(probe(server, login=JSON, expect={"body": "nothing like it"}))
        by_cookie = await look(probe(server, login=FORM, expect={"body": "nothing like it"}))
        shop.refuses = "400 Bad Request"
        told = FORM | {"expect": {"status": 400, "body": "nothing like it"}}
        refused = await look(probe(server, login=told))

    for seen in (echoed, by_cookie, refused):
        assert "it begins with" in seen.detail
        assert "hush" not in seen.detail


async def test_a_way_to_a_login_page_may_be_a_reason_to_renew() -> None:
    moved = answer(b"", "302 Found", "Location: /login\r\n")
    made = answer(b"", "302 Found", "Set-Cookie: sid=one-1; Path=/\r\n")
    again = answer(b"", "302 Found", "Set-Cookie: sid=two-2; Path=/\r\n")
    async with Server(says(made, answer(), moved, again, answer())) as server:
        signs_in = probe(server, login={"renew_on": 302}, follow_redirects=False)
        seen = [await look(signs_in) for _ in range(2)]

    assert [one.outcome for one in seen] == [Outcome.PASSED] * 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"login": {"url": "https://x/", **FORM, "json": WHO}}, "one of form and json"),
        ({"login": {"url": "https://x/", **FORM, "method": "GET"}}, "GET has no body"),
        ({"login": {"url": "https://x/", **JSON}, "bearer_token": "hush"}, "leave the other"),
        ({"login": {"url": "https://x/", **FORM, "keep": "0s"}}, "longer than nothing"),
        ({"login": {"url": "https://x/", "expect": {"version": 2}}}, "a login speaks HTTP/1.1"),
        (
            {
                "login": {"url": "https://x/", **FORM},
                "oauth2": {"token_url": "https://x/", "client_id": "x", "client_secret": "hush"},
            },
            "one of oauth2 and login",
        ),
    ],
)
def test_a_mistake_is_told_in_words(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpConfig.model_validate({"http": "https://x/", **settings})

    assert said in str(caught.value)
    assert "hush" not in str(caught.value)
