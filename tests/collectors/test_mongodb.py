"""Ask a fake MongoDB that pymongo's own client takes for one, and servers that are none."""

import asyncio
import struct
import tracemalloc
from datetime import timedelta
from importlib import util
from typing import Any

import bson
import pytest
import trustme
from pydantic import ValidationError
from pymongo import AsyncMongoClient

from collectors.means import Means
from collectors.mongodb import MongodbConfig, MongodbProbe
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from slo.exposition import Page
from tests.collectors.wire import SHORT, TIMEOUT, Server, Talk, hang, look, server_context
from tests.fakes.mongodb import OP_MSG, FakeMongodb, member

SIGNED_IN: dict[str, Any] = {"username": "nines", "password": "hush"}


def probe(port: int, timeout: timedelta = TIMEOUT, **settings: Any) -> MongodbProbe:  # noqa: ANN401 - as it is written
    config = MongodbConfig.model_validate({"mongodb": f"127.0.0.1:{port}", **settings})
    return MongodbProbe("shop/docs", config, Means(timedelta(seconds=10), timeout, Resolver()))


async def against(talk: Talk, timeout: timedelta = TIMEOUT, **settings: Any) -> Observation:  # noqa: ANN401 - as it is written
    async with Server(talk) as server:
        return await look(probe(server.port, timeout, **(SIGNED_IN | settings)))


def values(page: Page | None) -> dict[str, int | float]:
    assert page is not None
    return {str(series): sample.value for series, sample in page.samples.items()}


@pytest.mark.parametrize("digest", ["sha256", "sha1"])
async def test_the_fake_is_one_to_pymongos_own_client(digest: str) -> None:
    fake = FakeMongodb(digest=digest)
    async with Server(fake.talk) as server:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            "127.0.0.1", server.port, directConnection=True, **SIGNED_IN
        )
        async with client:
            told = await client.admin.command("replSetGetStatus")

    assert [one["stateStr"] for one in told["members"]] == ["PRIMARY", "SECONDARY", "SECONDARY"]


@pytest.mark.parametrize("digest", ["sha256", "sha1"])
async def test_a_primary_tells_of_its_set_and_its_connections(digest: str) -> None:
    expect = {"role": "primary", "replication_lag_seconds": {"below": 10}, "members_healthy": 3}
    seen = await against(FakeMongodb(digest=digest).talk, expect=expect)

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    assert values(seen.page) == {
        "mongodb_is_primary": 1,
        "mongodb_has_primary": 1,
        "mongodb_connections": 20,
        "mongodb_connections_available": 60,
        "mongodb_connections_used_ratio": 0.25,
        "mongodb_members": 3,
        "mongodb_members_healthy": 3,
        "mongodb_replication_lag_seconds": 7.5,
        'mongodb_member_up{member="a:27017"}': 1,
        'mongodb_member_up{member="b:27017"}': 1,
        'mongodb_member_up{member="c:27017"}': 1,
        'mongodb_member_lag_seconds{member="b:27017"}': 2,
        'mongodb_member_lag_seconds{member="c:27017"}': 7.5,
    }
    assert {Phase.CONNECT, Phase.PROCESSING, Phase.TRANSFER, Phase.JUDGE} <= set(seen.phases)


async def test_a_set_without_a_primary_has_no_lag_and_says_why() -> None:
    fake = FakeMongodb(
        hello={"setName": "rs0", "secondary": True},
        members=[member("a:27017", "(not reachable)", health=0), member("b:27017", "SECONDARY")],
    )
    seen = await against(fake.talk, expect={"has_primary": 1})

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.ASSERTION)
    assert seen.detail == "has_primary is 0; expected 1"
    told = values(seen.page)
    assert (told["mongodb_is_primary"], told["mongodb_members_healthy"]) == (0, 1)
    assert "mongodb_replication_lag_seconds" not in told
    assert seen.page is not None
    assert "mongodb_replication_lag_seconds" in seen.page.absent


@pytest.mark.parametrize(
    ("hello", "role"),
    [
        ({"isWritablePrimary": True, "msg": "isdbgrid"}, "router"),
        ({"isWritablePrimary": True}, "standalone"),
    ],
)
async def test_who_has_no_set_is_not_asked_for_it(hello: dict[str, Any], role: str) -> None:
    fake = FakeMongodb(hello=hello)
    seen = await against(fake.talk, expect={"role": role})

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    assert "replSetGetStatus" not in fake.asked


async def test_without_status_it_is_greeted_and_pinged_alone() -> None:
    fake = FakeMongodb()
    seen = await against(fake.talk, status=False)

    assert seen.outcome is Outcome.PASSED
    assert fake.asked == ["hello", "saslStart", "saslContinue", "ping"]


async def test_what_the_server_refuses_is_told_in_its_words_without_the_password() -> None:
    wrong = await against(FakeMongodb().talk, password="hush-2")
    async with Server(FakeMongodb().talk) as server:
        nobody = await look(probe(server.port))
    echo = FakeMongodb(refuses={"ping": "the password hush is old"})
    echoed = await against(echo.talk)

    for seen, said in (
        (wrong, "AuthenticationFailed: Authentication failed."),
        (nobody, "Unauthorized: Command ping requires authentication"),
        (echoed, "BadValue: the password *** is old"),
    ):
        assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.STATUS)
        assert said in seen.detail
        assert "hush" not in seen.detail


def frame(body: bytes, size: int | None = None, operation: int = OP_MSG) -> bytes:
    return struct.pack("<iiii", len(body) + 16 if size is None else size, 1, 1, operation) + body


DEEP = bson.encode({"ok": 1})


@pytest.mark.parametrize(
    ("came", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it begins with b'HTTP/1.1"),
        (frame(b"", 48_000_000), "more than 1MiB would come"),
        (frame(b"", -1), "it begins with"),
        (frame(b"\0\0\0\0\0" + DEEP, operation=1), "it begins with"),
        (frame(b"\0\0\0\0\0" + DEEP[:-2]), "cannot be read"),
        (frame(b"\0\0\0\0\1" + DEEP), "not one document"),
        (frame(b"\0\0\0\0\0" + DEEP)[:20], "the connection broke"),
        (b"", "the connection broke"),
    ],
)
async def test_a_bad_answer_is_told_in_words_and_takes_no_memory(came: bytes, said: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(came)
        writer.write_eof()
        await reader.read()

    tracemalloc.start()
    try:
        seen = await against(talk)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert said in seen.detail
    assert most < 4 << 20


async def test_a_server_that_hangs_or_is_not_there_is_down() -> None:
    hung, gone = await against(hang, SHORT), await look(probe(1))

    assert (hung.outcome, hung.cause) == (Outcome.FAILED, Cause.TIMEOUT)
    assert (gone.outcome, gone.cause) == (Outcome.FAILED, Cause.CONNECT)


async def test_under_tls_the_certificate_is_checked() -> None:
    async with Server(FakeMongodb().talk, server_context(trustme.CA())) as server:
        seen = await look(probe(server.port, tls={}, **SIGNED_IN))

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.CERTIFICATE,
        Phase.TLS,
    )


def test_without_its_package_the_configuration_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("collectors.extra.find_spec", lambda _: None)
    with pytest.raises(ValidationError, match=r"pip install 'nines-slo\[mongodb\]'"):
        MongodbConfig.model_validate({"mongodb": "db.example:27017"})
    assert util.find_spec("pymongo") is not None
