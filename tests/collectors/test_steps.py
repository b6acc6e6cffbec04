"""A journey's verdict: which step failed and why, and no secret in its words."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from collectors.step import StepsConfig
from collectors.steps import Steps
from slo.exposition import Series
from tests.collectors.wire import SHORT, TIMEOUT, Server, answer, look, says

PASSWORD = "hush-password"
TOKEN = "tok-5f2c90aa"
SESSION = "sid-77ee01bc"


class Shop:
    """A shop that lets in who signed in, by token or by cookie; `broken` is an answer by path."""

    def __init__(self, seconds: float = 0, **broken: bytes) -> None:
        self.seconds = seconds
        self.broken = broken
        self.asked: list[tuple[str, dict[str, str], str]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        path = first.split()[1]
        self.asked.append((path, headers, body))
        said = self.broken.get(path.strip("/").replace("/", "_"), b"")
        await asyncio.sleep(self.seconds)
        if said != b"hang":
            writer.write(said or self._answer(path, headers, body))
        await reader.read()

    def _answer(self, path: str, headers: dict[str, str], body: str) -> bytes:
        if path == "/login":
            is_json = headers["content-type"] == "application/json"
            sent = json.loads(body) if is_json else {k: v[0] for k, v in parse_qs(body).items()}
            if sent["password"] != PASSWORD:
                return answer(b"wrong password: " + sent["password"].encode(), "401 Unauthorized")
            cookie = f"Set-Cookie: sid={SESSION}; Path=/\r\nX-Order: A/1\r\n"
            return answer(json.dumps({"data": {"access": TOKEN}}).encode(), headers=cookie)
        by_token = headers.get("authorization") == f"bearer {TOKEN}"
        if not (by_token or headers.get("cookie") == f"sid={SESSION}"):
            return answer(b"", "401 Unauthorized")
        return answer(b'{"state": "open"}')


def log_in(server: Server, **more: object) -> dict[str, object]:
    sent = {"user": "probe", "password": PASSWORD}
    url = f"http://127.0.0.1:{server.port}/login"
    return {"name": "log in", "url": url, "json": sent, **more}


def orders(server: Server, path: str = "orders", **more: object) -> dict[str, object]:
    return {"name": "orders", "url": f"http://127.0.0.1:{server.port}/{path}", **more}


async def walk(
    *steps: dict[str, object], timeout: timedelta = TIMEOUT, **more: object
) -> Observation:
    config = StepsConfig.model_validate({"steps": list(steps), **more})
    return await look(
        Steps("shop/account", config, Means(timedelta(seconds=10), timeout, Resolver()))
    )


CAPTURED = {"token": {"json": "$.data.access"}}


async def test_a_token_is_carried_to_the_next_step() -> None:
    async with Server(Shop()) as server:
        seen = await walk(
            log_in(server, capture=CAPTURED),
            orders(server, bearer_token="${token}", expect={"json": {"$.state": "open"}}),
        )

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")


async def test_a_form_signs_in_and_its_cookie_lasts_for_the_run_alone() -> None:
    shop = Shop()
    async with Server(shop) as server:
        form = {"user": "probe", "password": PASSWORD}
        first = {**log_in(server), "json": None, "form": form}
        for _ in range(2):
            assert (await walk(first, orders(server))).outcome is Outcome.PASSED

    assert ["cookie" in headers for _, headers, _ in shop.asked] == [False, True, False, True]


@pytest.mark.parametrize(
    "capture",
    [
        pytest.param({"regex": '"access": "([^"]+)"'}, id="regex"),
        pytest.param({"cookie": "sid"}, id="cookie"),
        pytest.param({"header": "x-order"}, id="header"),
    ],
)
async def test_a_captured_value_stays_one_part_of_an_address(capture: object) -> None:
    shop = Shop()
    async with Server(shop) as server:
        await walk(log_in(server, capture={"it": capture}), orders(server, "orders/${it}"))

    assert shop.asked[1][0] in {f"/orders/{TOKEN}", f"/orders/{SESSION}", "/orders/A%2F1"}


async def test_each_step_is_timed() -> None:
    async with Server(Shop()) as server:
        seen = await walk(log_in(server), orders(server))

    assert seen.page is not None
    seconds = {
        step: seen.page.samples[Series("step_seconds", (("step", step),))].value
        for step in ("log in", "orders")
    }
    total = seen.page.samples[Series("journey_seconds", ())].value
    assert min(seconds.values()) > 0
    assert total == pytest.approx(sum(seconds.values()))
    assert sum(seen.phases.values(), timedelta(0)) == seen.duration
    assert seen.duration.total_seconds() == pytest.approx(total)


@pytest.mark.parametrize(
    ("broken", "cause", "said"),
    [
        pytest.param(
            answer(b"", "503 Service Unavailable"),
            Cause.STATUS,
            "step 2 of 3, 'orders': the status is 503; expected 2xx",
            id="status",
        ),
        pytest.param(
            answer(b'{"state": "shut"}'),
            Cause.ASSERTION,
            'step 2 of 3, \'orders\': $.state is "shut"; expected "open"',
            id="assertion",
        ),
        pytest.param(b"SSH-2.0\r\n\r\n", Cause.PROTOCOL, "step 2 of 3, 'orders': ", id="protocol"),
    ],
)
async def test_the_step_that_failed_is_named_and_ends_the_journey(
    broken: bytes, cause: Cause, said: str
) -> None:
    shop = Shop(orders=broken)
    async with Server(shop) as server:
        last = orders(server, "after", name="after")
        middle = orders(server, expect={"json": {"$.state": "open"}})
        seen = await walk(log_in(server), middle, last)

    assert (seen.outcome, seen.cause, seen.page) == (Outcome.FAILED, cause, None)
    assert seen.detail.startswith(said)
    assert [path for path, _, _ in shop.asked] == ["/login", "/orders"]


async def test_all_steps_share_one_deadline() -> None:
    async with Server(Shop(orders=b"hang")) as server:
        seen = await walk(log_in(server), orders(server), timeout=SHORT)

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.TIMEOUT,
        Phase.PROCESSING,
    )
    assert seen.detail.startswith("step 2 of 2, 'orders': the timeout passed")
    assert seen.duration < 2 * SHORT


async def test_a_rate_limiter_says_nothing_about_the_journey() -> None:
    limited = answer(b"", "429 Too Many Requests")
    async with Server(Shop(login=limited)) as server:
        seen = await walk(log_in(server), orders(server))

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert seen.warning is not None
    assert "'log in'" in seen.warning


async def test_all_together_may_take_so_long() -> None:
    async with Server(Shop(seconds=0.03)) as server:
        seen = await walk(log_in(server), orders(server), latency="40ms")

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.LATENCY)
    assert "expected at most 40ms; the slowest was" in seen.detail


async def test_what_is_not_there_to_be_captured_is_said() -> None:
    async with Server(Shop()) as server:
        seen = await walk(
            log_in(server, capture={"token": {"json": "$.token"}}),
            orders(server, bearer_token="${token}"),
        )

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.ASSERTION)
    assert "step 1 of 2, 'log in': $.token is not in the answer" in seen.detail


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'\xef\xbb\xbf{"id": 7}', ""),  # a byte order mark, as an expectation passes it over
        (b"<html>", "$.id (the body is no JSON) is not in the answer, so that ${id} has no value"),
        (b'{"id": NaN}', "$.id (the body is no JSON) is not in the answer"),
    ],
)
async def test_what_is_captured_from_is_json_or_told_to_be_none(body: bytes, said: str) -> None:
    async with Server(says(answer(body))) as server:
        url = f"http://127.0.0.1:{server.port}/"
        seen = await walk({"name": "it", "url": url, "capture": {"id": {"json": "$.id"}}})

    assert (seen.outcome is Outcome.PASSED) == (not said)
    assert said in seen.detail


@pytest.mark.parametrize(
    "echo",
    [
        pytest.param(f"no: {PASSWORD}", id="password"),
        pytest.param(f"no: {TOKEN}", id="token"),
        pytest.param(f"no: {SESSION}", id="cookie"),
        pytest.param("no: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodXNoIn0.hush", id="some JWT"),
        pytest.param('{"refresh_token": "hush-refresh"}', id="a token of its own"),
    ],
)
async def test_no_secret_is_in_the_words_of_a_failure(echo: str) -> None:
    async with Server(Shop(orders=answer(echo.encode()))) as server:
        seen = await walk(
            log_in(server, capture=CAPTURED),
            orders(server, bearer_token="${token}", expect={"body": "fine"}),
        )

    assert seen.cause is Cause.BODY
    assert "***" in seen.detail
    for secret in (PASSWORD, TOKEN, SESSION, "hush", "eyJ"):
        assert secret not in seen.detail


async def test_the_step_that_is_to_give_a_token_does_not_tell_it() -> None:
    async with Server(Shop()) as server:
        seen = await walk(log_in(server, capture=CAPTURED, expect={"body": "fine"}))

    assert seen.cause is Cause.BODY
    assert TOKEN not in seen.detail


async def test_a_captured_address_gets_nothing_of_ours_elsewhere() -> None:
    elsewhere, shop = Shop(), Shop()
    async with Server(elsewhere) as other, Server(shop) as server:
        moved = f"http://localhost:{other.port}/upload"
        shop.broken["login"] = answer(b"", headers=f"X-To: {moved}\r\n")
        seen = await walk(
            log_in(server, capture={"to": {"header": "x-to"}}),
            {"name": "upload", "url": "${to}", "bearer_token": "hush-token"},
        )

    assert seen.cause is Cause.ASSERTION
    assert "nothing of what is configured is sent there" in seen.detail
    assert elsewhere.asked == []


def problem(*steps: dict[str, object]) -> str:
    with pytest.raises(ValidationError) as caught:
        StepsConfig.model_validate({"steps": steps})
    assert "hush" not in str(caught.value)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    ("step", "said"),
    [
        pytest.param({"url": "https://x/${id}"}, "no step before it captures", id="unknown"),
        pytest.param({"url": "https://${host}/"}, "the host is written out", id="host"),
        pytest.param({"url": "ftp://x/"}, "begins with neither", id="scheme"),
        pytest.param({"body": "hush", "json": {}}, "one of body, form and json", id="bodies"),
        pytest.param({"headers": {"A B": "hush"}}, "is not a header name", id="header"),
        pytest.param({"headers": {"A": "hush\r\nB: c"}}, "cannot be sent", id="line break"),
        pytest.param(
            {"headers": {"Authorization": "hush"}, "bearer_token": "hush"},
            "only one of basic_auth, bearer_token and an Authorization header",
            id="two ways to sign in",
        ),
        pytest.param({"capture": {"a": {}}}, "by one of json, regex", id="no place"),
        pytest.param({"capture": {"a-b": {"header": "x"}}}, "no name of a variable", id="name"),
        pytest.param({"method": "HEAD", "expect": {"body": "x"}}, "has no body", id="HEAD"),
    ],
)
def test_a_mistake_is_told_in_words(step: dict[str, object], said: str) -> None:
    assert said in problem({"name": "one", "url": "https://x/", **step})


def test_two_steps_have_two_names() -> None:
    one: dict[str, object] = {"name": "one", "url": "https://x/"}

    assert "two steps are named 'one'" in problem(one, one)


def test_no_way_of_printing_a_journey_tells_a_secret() -> None:
    step = {"name": "one", "url": "https://x/", "json": {"password": "hush"}}
    config = StepsConfig.model_validate({"steps": [{**step, "bearer_token": "hush"}]})

    for shown in (repr(config), str(config), config.model_dump_json()):
        assert "hush" not in shown


async def test_a_secret_in_the_address_of_a_redirect_is_not_shown() -> None:
    moved = answer(b"", "302 Found", f"Location: /gone/{TOKEN}\r\n")
    gone = {f"gone_{TOKEN}": b"SSH-2.0\r\n\r\n"}
    async with Server(Shop(0, orders=moved, **gone)) as server:
        seen = await walk(log_in(server, capture=CAPTURED), orders(server, bearer_token="${token}"))

    assert seen.cause is Cause.PROTOCOL
    assert seen.detail.endswith("/gone/***)")


@pytest.mark.parametrize(
    "sent", [{"bearer_token": "${token}"}, {"headers": {"X": "${token}"}}], ids=["bearer", "header"]
)
async def test_what_no_header_can_bear_is_the_answers_fault(sent: dict[str, Any]) -> None:
    body = json.dumps({"data": {"access": "schl\u00fcssel"}}, ensure_ascii=False).encode()
    async with Server(Shop(login=answer(body))) as server:
        seen = await walk(log_in(server, capture=CAPTURED), orders(server, **sent))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.ASSERTION)
    assert seen.detail.endswith(
        "a value that was captured holds characters that no header can bear"
    )
