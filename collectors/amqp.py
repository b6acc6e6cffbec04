"""Probe an AMQP 0-9-1 broker, such as RabbitMQ: sign in, and ask how deep its queues are."""

from dataclasses import replace
from datetime import datetime

from pamqp import commands
from pydantic import Field

from collectors.amqp_wire import Amqp, AmqpError
from collectors.dialling import Dialling
from collectors.expect import Words
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Phase
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, TlsOptions
from collectors.stream import Stream
from collectors.target import Target
from slo.exposition import Page, Sample, Series
from slo.secret import SecretText

_MOST_QUEUES = 100


class AmqpConfig(CollectorSettings):
    """Sign in to a broker, and ask how deep its queues are."""

    amqp: Target
    username: str
    password: SecretText
    vhost: str = "/"
    tls: TlsOptions | None = Field(None, description="TLS is spoken where this is written.")
    queues: tuple[str, ...] = Field((), max_length=_MOST_QUEUES)


class AmqpProbe:
    """One broker, and the queues that should be there."""

    kind = "amqp"

    def __init__(self, collector_id: str, config: AmqpConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = str(config.amqp)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._dialling = Dialling.by(config.amqp, means, config.tls)
        self._words = Words((config.password.value,))

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        try:
            async with self._dialling.connected(look) as stream:
                page = await self._look(stream)
        except AmqpError as error:
            look.watch.stop()
            said = self._words.quote(str(error))
            return look.failed(Cause.STATUS, f"the broker answered {said}", Phase.TRANSFER)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error)
        look.watch.stop()
        return replace(look.passed(), page=page)

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _look(self, stream: Stream) -> Page:
        config = self._config
        broker = Amqp(stream)
        await broker.sign_in(config.username, config.password.value, config.vhost)
        samples: dict[Series, Sample] = {}
        for queue in config.queues:
            # Passive: it makes no queue, and one that is not there is told.
            asked = commands.Queue.Declare(queue=queue, passive=True)
            told = await broker.ask(asked, commands.Queue.DeclareOk)
            labels = (("queue", queue),)
            samples[Series("amqp_queue_messages_ready", labels)] = Sample(told.message_count or 0)
            samples[Series("amqp_queue_consumers", labels)] = Sample(told.consumer_count or 0)
        close = commands.Connection.Close(200, "", 0, 0)
        await broker.ask(close, commands.Connection.CloseOk, channel=0)
        return Page(samples)
