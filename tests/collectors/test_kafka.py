"""Ask a fake Kafka that aiokafka's own client takes for one, and servers that are none."""

import asyncio
import struct
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import trustme
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import ValidationError

from collectors.kafka import KafkaConfig, KafkaProbe
from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from slo.exposition import Page
from tests.collectors.wire import SHORT, TIMEOUT, Server, Talk, hang, look, server_context
from tests.fakes.kafka import FakeKafka

WAYS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


def probe(port: int, timeout: timedelta = TIMEOUT, **settings: Any) -> KafkaProbe:  # noqa: ANN401 - as it is written
    config = KafkaConfig.model_validate({"kafka": f"127.0.0.1:{port}", **settings})
    return KafkaProbe("shop/bus", config, Means(timedelta(seconds=10), timeout, Resolver()))


@asynccontextmanager
async def broker(fake: FakeKafka) -> AsyncIterator[int]:
    async with Server(fake.talk) as server:
        fake.port = server.port
        yield server.port


async def ask(fake: FakeKafka, **settings: Any) -> Observation:  # noqa: ANN401 - as it is written
    async with broker(fake) as port:
        return await look(probe(port, **settings))


def values(page: Page | None) -> dict[str, int | float]:
    assert page is not None
    return {str(series): sample.value for series, sample in page.samples.items()}


@pytest.mark.parametrize("mechanism", WAYS)
async def test_the_fake_is_one_to_aiokafkas_own_client(mechanism: str) -> None:
    fake = FakeKafka(password="hush")
    async with broker(fake) as port:
        how = {
            "bootstrap_servers": f"127.0.0.1:{port}",
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": mechanism,
            "sasl_plain_username": "nines",
            "sasl_plain_password": "hush",
        }
        admin, consumer = AIOKafkaAdminClient(**how), AIOKafkaConsumer(**how)
        await admin.start()
        await consumer.start()
        offsets = await admin.list_consumer_group_offsets("billing")
        ends = await consumer.end_offsets([TopicPartition("orders", 0)])
        await consumer.stop()
        await admin.close()

    assert {key.partition: value.offset for key, value in offsets.items()} == {0: 90, 1: 47}
    assert ends == {TopicPartition("orders", 0): 100}


async def test_a_cluster_tells_of_its_topics_and_how_far_consumers_are_behind() -> None:
    fake = FakeKafka(topics={"orders": [(1, [1, 2], [1, 2]), (1, [1, 2], [1])]})
    seen = await ask(fake, topics=["orders"], groups=["billing"], expect={"group_lag": 13})

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    assert values(seen.page) == {
        "kafka_brokers": 1,
        "kafka_has_controller": 1,
        'kafka_topic_partitions{topic="orders"}': 2,
        'kafka_topic_partitions_without_leader{topic="orders"}': 0,
        'kafka_topic_under_replicated_partitions{topic="orders"}': 1,
        'kafka_group_lag{group="billing", topic="orders"}': 13,
        'kafka_group_lag_max{group="billing", topic="orders"}': 10,
    }
    assert {Phase.CONNECT, Phase.PROCESSING, Phase.TRANSFER} <= set(seen.phases)


async def test_each_partition_is_asked_for_at_its_leader() -> None:
    other = FakeKafka(ends={("orders", 1): 60})
    async with broker(other) as port:
        fake = FakeKafka(
            brokers={2: ("127.0.0.1", port)},
            topics={"orders": [(1, [1], [1]), (2, [2], [2])]},
            ends={("orders", 0): 100},
        )
        seen = await ask(fake, groups=["billing"])

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    assert values(seen.page)['kafka_group_lag{group="billing", topic="orders"}'] == 10 + 13


async def test_a_group_that_committed_nothing_has_no_lag_and_says_why() -> None:
    seen = await ask(FakeKafka(), topics=["orders"], groups=["nobody"])

    assert seen.outcome is Outcome.PASSED
    assert seen.page is not None
    assert "the group nobody committed nothing" in seen.page.absent["kafka_group_lag"]
    assert not any("lag" in name for name in values(seen.page))


async def test_a_partition_without_a_leader_is_down_and_read_all_the_same() -> None:
    fake = FakeKafka(topics={"orders": [(1, [1], [1]), (-1, [2], [])]})
    seen = await ask(fake, topics=["orders"], groups=["billing"])

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.STATUS)
    assert seen.detail == "the partition orders/1 has no leader"
    told = values(seen.page)
    assert told['kafka_topic_partitions_without_leader{topic="orders"}'] == 1
    assert told['kafka_group_lag{group="billing", topic="orders"}'] == 10


@pytest.mark.parametrize(
    ("fake", "settings", "said"),
    [
        (FakeKafka(), {"topics": ["nowhere"]}, "the topic nowhere was answered UnknownTopic"),
        (
            FakeKafka(coordinator=(15, "", -1)),
            {"groups": ["billing"]},
            "the coordinator of the group billing was answered GroupCoordinatorNotAvailableError",
        ),
        (FakeKafka(ends={}), {"groups": ["billing"]}, "NotLeaderForPartitionError"),
    ],
)
async def test_what_the_broker_refuses_is_told_by_its_name(
    fake: FakeKafka, settings: dict[str, Any], said: str
) -> None:
    seen = await ask(fake, **settings)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.STATUS)
    assert said in seen.detail


@pytest.mark.parametrize("mechanism", WAYS)
async def test_each_way_to_sign_in_is_known(mechanism: str) -> None:
    how = {"username": "nines", "mechanism": mechanism}
    right = await ask(FakeKafka(password="hush"), password="hush", **how)
    wrong = await ask(FakeKafka(password="hush"), password="hush-2", **how)

    assert (right.outcome, right.detail) == (Outcome.PASSED, "")
    assert (wrong.outcome, wrong.cause) == (Outcome.FAILED, Cause.STATUS)
    assert "invalid credentials" in wrong.detail
    assert "hush" not in wrong.detail


async def test_a_broker_too_old_to_be_asked_without_harm_is_our_lack() -> None:
    seen = await ask(FakeKafka(spoken={3: (0, 1), 18: (0, 0)}), topics=["orders"])

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert "older than Kafka 1.0" in seen.detail


async def test_a_broker_that_the_cluster_names_and_nobody_reaches_is_named() -> None:
    seen = await ask(FakeKafka(coordinator=(0, "127.0.0.1", 1)), groups=["billing"])

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.CONNECT)
    assert seen.detail.endswith("(at 127.0.0.1:1, the cluster's)")


ASKED = struct.pack(">i", 1)


def frame(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


@pytest.mark.parametrize(
    ("came", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "more than 1MiB would come"),
        (struct.pack(">i", 2), "an answer of 2 bytes"),
        (struct.pack(">i", -1), "an answer of -1 bytes"),
        (frame(struct.pack(">i", 7) + b"\0\0\0\0\0\0"), "what was not asked"),
        (frame(ASKED + b"\0\0\x7f\xff\xff\xff"), "cannot be read"),
        (frame(ASKED + b"\0"), "cannot be read"),
        (frame(ASKED)[:6], "the connection broke"),
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
        async with Server(talk) as server:
            seen = await look(probe(server.port))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert said in seen.detail
    assert most < 4 << 20


async def test_a_broker_that_hangs_or_is_not_there_is_down() -> None:
    talk: Talk = hang
    async with Server(talk) as server:
        hung = await look(probe(server.port, SHORT))
    gone = await look(probe(1))

    assert (hung.outcome, hung.cause) == (Outcome.FAILED, Cause.TIMEOUT)
    assert (gone.outcome, gone.cause) == (Outcome.FAILED, Cause.CONNECT)


async def test_under_tls_the_certificate_is_checked() -> None:
    async with Server(FakeKafka().talk, server_context(trustme.CA())) as server:
        seen = await look(probe(server.port, tls={}))

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.CERTIFICATE,
        Phase.TLS,
    )


def test_without_its_package_the_configuration_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("collectors.extra.find_spec", lambda _: None)
    with pytest.raises(ValidationError, match=r"pip install 'nines-slo\[kafka\]'"):
        KafkaConfig.model_validate({"kafka": "bus.example:9092"})
