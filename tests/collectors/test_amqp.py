"""Probe a real RabbitMQ, and servers that are none."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pamqp import commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from collectors.amqp import AmqpConfig, AmqpProbe
from collectors.amqp_wire import Amqp
from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from collectors.stopwatch import Stopwatch
from collectors.stream import connect
from nines.clock import SystemClock
from tests.collectors.wire import SHORT, TIMEOUT, Server, Talk, hang, look
from tests.daemons import daemon, listens
from tests.web.ports import free_port

real = pytest.mark.needs("rabbitmq-server")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """RabbitMQ with a name service of its own, so that none is left behind."""
    home = tmp_path_factory.mktemp("rabbitmq")
    port, names, distribution = free_port(), free_port(), free_port()
    environ = {
        "HOME": str(home),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"nines{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "PATH": f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}",
    }
    epmd = shutil.which("epmd") or "epmd"
    server = "/usr/lib/rabbitmq/bin/rabbitmq-server"
    with (
        daemon([epmd], partial(listens, names), home / "epmd.out", environ),
        daemon([server], partial(listens, port), home / "server.out", environ),
    ):
        yield port


def probe(port: int, timeout: timedelta = TIMEOUT, **settings: Any) -> AmqpProbe:  # noqa: ANN401
    raw = {"amqp": f"127.0.0.1:{port}", "username": "guest", "password": "guest", **settings}
    means = Means(timedelta(seconds=10), timeout, Resolver())
    return AmqpProbe("shop/broker", AmqpConfig.model_validate(raw), means)


async def make_queue(port: int, name: str) -> None:
    watch, soon = Stopwatch(SystemClock().monotonic), asyncio.get_running_loop().time() + 20
    with await connect(
        "127.0.0.1", port, resolver=Resolver(), watch=watch, give_up_at=soon
    ) as stream:
        talk = Amqp(stream)
        await talk.sign_in("guest", "guest", "/")
        await talk.ask(commands.Queue.Declare(queue=name), commands.Queue.DeclareOk)
        await talk.tell(commands.Basic.Publish(routing_key=name))
        await stream.write(frame.marshal(ContentHeader(body_size=2), 1))
        await stream.write(frame.marshal(ContentBody(b"hi"), 1))
        # Its answer comes once the message before it is in the queue.
        asked = commands.Queue.Declare(queue=name, passive=True)
        await talk.ask(asked, commands.Queue.DeclareOk)


@real
async def test_a_broker_that_answers_passes_with_its_queues(broker: int) -> None:
    await make_queue(broker, "mail")

    seen = await look(probe(broker, queues=["mail"]))

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    assert seen.page is not None
    values = {str(series): sample.value for series, sample in seen.page.samples.items()}
    assert values == {
        'amqp_queue_messages_ready{queue="mail"}': 1,
        'amqp_queue_consumers{queue="mail"}': 0,
    }
    assert {Phase.CONNECT, Phase.PROCESSING, Phase.TRANSFER} <= set(seen.phases)


@real
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"queues": ["nowhere"]}, "NOT_FOUND - no queue 'nowhere'"),
        ({"password": "hush-1"}, "ACCESS_REFUSED"),
        ({"vhost": "none"}, "vhost none not found"),
    ],
)
async def test_what_the_broker_refuses_is_told_in_its_words(
    broker: int, settings: dict[str, Any], said: str
) -> None:
    seen = await look(probe(broker, **settings))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.STATUS)
    assert said in seen.detail
    assert "hush" not in seen.detail


async def against(talk: Talk, timeout: timedelta = TIMEOUT) -> Observation:
    async with Server(talk) as server:
        return await look(probe(server.port, timeout))


@pytest.mark.parametrize(
    ("came", "said"),
    [
        (b"AMQP\0\1\0\0", "the broker speaks another version"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it begins with b'HTTP/1.1"),
        (b"\1\0\0\xff\xff\xff\xff", "it begins with"),
        (b"\1\0\0\0\0\0\4\0\x0a\0\x0b\0", "a frame cannot be read"),
        (b"\1\0\0\0\0", "the connection broke"),
    ],
)
async def test_a_bad_answer_is_told_in_words(came: bytes, said: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(came)
        writer.close()
        await writer.wait_closed()

    seen = await against(talk)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert said in seen.detail


async def test_a_broker_that_hangs_or_is_not_there_is_down() -> None:
    hung, gone = await against(hang, SHORT), await look(probe(1))

    assert (hung.outcome, hung.cause) == (Outcome.FAILED, Cause.TIMEOUT)
    assert (gone.outcome, gone.cause) == (Outcome.FAILED, Cause.CONNECT)
