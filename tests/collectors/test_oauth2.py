"""A probe that asks for a token first: whose failure it is when there is none."""

import asyncio
import json

import pytest

from collectors.http import HttpProbe
from collectors.look import Look
from collectors.oauth2 import OAuth2Options, Tokens
from collectors.observation import Cause, Outcome
from collectors.request import trust
from collectors.resolve import Resolver
from collectors.settings import TlsOptions
from nines.clock import SystemClock
from tests.collectors.wire import (
    DUE,
    SHORT,
    TIMEOUT,
    Server,
    Talk,
    answer,
    ends,
    hang,
    http,
    look,
    says,
)

GRANT = {"access_token": "hush-token-1", "token_type": "Bearer", "expires_in": 3600}


class Endpoint:
    """Grants hush-token-1, hush-token-2 ..."""

    def __init__(self, expires_in: int = 3600) -> None:
        self.expires_in = expires_in
        self.asked: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        sent = await reader.readexactly(len(b"grant_type=client_credentials&scope=read"))
        self.asked.append(head + sent)
        token = f"hush-token-{len(self.asked)}"
        body = GRANT | {"access_token": token, "expires_in": self.expires_in}
        writer.write(answer(json.dumps(body).encode()))
        await reader.read()


def takes(*tokens: str) -> Talk:
    """A target that takes these and echoes what it was sent."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        is_in = any(f"bearer {token}\r\n" in head for token in tokens)
        writer.write(answer(head.encode(), "200 OK" if is_in else "401 Unauthorized"))
        await reader.read()

    return talk


def granted_by(endpoint: Server) -> dict[str, object]:
    return {
        "token_url": f"http://127.0.0.1:{endpoint.port}/token",
        "client_id": "nines",
        "client_secret": "hush-client",
        "scope": "read",
    }


def probe(target: Server, endpoint: Server, **more: object) -> HttpProbe:
    timeout = SHORT if more.pop("short", False) else TIMEOUT
    settings = {"oauth2": granted_by(endpoint), **more}
    url = f"http://127.0.0.1:{target.port}/"
    return http(url, timeout=timeout, resolver=None, **settings)


async def test_a_token_is_kept_while_it_lasts() -> None:
    endpoint = Endpoint()
    async with Server(endpoint) as grants, Server(takes("hush-token-1")) as server:
        signs_in = probe(server, grants)
        seen = [await look(signs_in) for _ in range(3)]

    assert [one.outcome for one in seen] == [Outcome.PASSED] * 3
    (asked,) = endpoint.asked
    assert b"authorization: basic bmluzxm6ahvzac1jbgllbnq=" in asked.lower()
    assert asked.endswith(b"grant_type=client_credentials&scope=read")


async def test_a_token_that_has_expired_is_fetched_anew() -> None:
    endpoint = Endpoint(expires_in=0)
    async with Server(endpoint) as grants, Server(takes("hush-token-1", "hush-token-2")) as server:
        signs_in = probe(server, grants)
        seen = [await look(signs_in) for _ in range(2)]

    assert [one.outcome for one in seen] == [Outcome.PASSED] * 2
    assert len(endpoint.asked) == 2


async def test_a_token_that_was_revoked_is_fetched_anew_within_the_run() -> None:
    endpoint, tokens = Endpoint(), ["hush-token-1"]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await takes(tokens[0])(reader, writer)

    async with Server(endpoint) as grants, Server(talk) as server:
        signs_in = probe(server, grants)
        first = await look(signs_in)
        tokens[0] = "hush-token-2"
        second = await look(signs_in)

    assert (first.outcome, second.outcome) == (Outcome.PASSED, Outcome.PASSED)


async def test_a_token_that_came_meanwhile_outlives_the_refusal_of_the_one_before() -> None:
    async with Server(Endpoint()) as grants:
        options = OAuth2Options.model_validate(granted_by(grants))
        tokens = Tokens(options, Resolver(), trust(TlsOptions()))
        seen = Look.begin("shop/health", DUE, SystemClock())
        give_up_at = asyncio.get_running_loop().time() + TIMEOUT.total_seconds()
        first = await tokens.token(seen, 0.0, give_up_at)
        tokens.forget("hush-token-0")
        kept = await tokens.token(seen, 1.0, give_up_at)
        tokens.forget("hush-token-1")
        anew = await tokens.token(seen, 2.0, give_up_at)

    assert first == ("hush-token-1", True)
    assert kept == ("hush-token-1", False)
    assert anew == ("hush-token-2", True)


async def test_a_target_that_takes_no_token_fails() -> None:
    endpoint = Endpoint()
    async with Server(endpoint) as grants, Server(takes()) as server:
        seen = await look(probe(server, grants))

    assert (seen.outcome, seen.cause, seen.http_status) == (Outcome.FAILED, Cause.STATUS, 401)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("talk", "said"),
    [
        pytest.param(says(answer(b"", "503 Gone Fishing")), "answered 503", id="503"),
        pytest.param(says(answer(b"[]")), "holds none", id="no object"),
        pytest.param(says(answer(b"<html>")), "holds none", id="no JSON"),
        pytest.param(says(answer(b'{"access_token": "a\\nb"}')), "holds none", id="line break"),
        pytest.param(ends(b""), "gave none: the answer is not proper HTTP", id="breaks off"),
    ],
)
async def test_without_a_token_nothing_is_known_of_the_target(talk: Talk, said: str) -> None:
    async with Server(talk) as grants, Server(says(answer())) as server:
        seen = await look(probe(server, grants))

        assert server.connections == 0
    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert seen.detail.startswith("no token: ")
    assert said in seen.detail


async def test_a_token_endpoint_that_hangs_is_no_timeout_of_the_target() -> None:
    async with Server(hang) as grants, Server(says(answer())) as server:
        seen = await look(probe(server, grants, short=True))

    assert seen.outcome is Outcome.UNKNOWN
    assert seen.detail.endswith("gave none: the timeout passed while waiting for the answer")


async def test_no_token_is_shown() -> None:
    async with Server(Endpoint()) as grants, Server(takes("hush-token-1")) as server:
        signs_in = probe(server, grants, expect={"body": "fine", "body_regex": "."})
        seen = await look(signs_in)

    assert seen.cause is Cause.BODY
    assert "hush" not in seen.detail


def test_one_way_to_sign_in() -> None:
    oauth2 = {"token_url": "https://id/", "client_id": "n", "client_secret": "hush"}
    with pytest.raises(ValueError, match="leave the other credentials out"):
        http("http://x/", timeout=TIMEOUT, oauth2=oauth2, bearer_token="hush")
