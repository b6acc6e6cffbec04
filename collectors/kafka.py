"""Probe a Kafka cluster: who leads its topics, and how far consumers are behind."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from collectors.dialling import Dialling
from collectors.expect import Words
from collectors.expectation import Scalar
from collectors.extra import needs
from collectors.facts import Expectations, why_not
from collectors.framed import Framed
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Phase
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, TlsOptions
from collectors.target import HostPort, Target
from slo.exposition import Page, Sample, Series
from slo.secret import SecretText

if TYPE_CHECKING:
    from collectors.kafka_wire import Cluster, Kafka, Partition, PartitionState

_Name = Annotated[str, Field(min_length=1, max_length=249)]
_LAG, _LAG_MAX = "kafka_group_lag", "kafka_group_lag_max"


class KafkaConfig(CollectorSettings):
    """Ask a Kafka cluster how its topics and consumers do."""

    kafka: Target
    username: str | None = None
    password: SecretText | None = None
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-256"
    tls: TlsOptions | None = Field(None, description="TLS is spoken where this is written.")
    topics: tuple[_Name, ...] = Field((), max_length=50)
    groups: tuple[_Name, ...] = Field((), max_length=20, description="Of consumers.")
    expect: Expectations = Field(default_factory=dict, description="By the facts' names.")

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        needs("kafka", "aiokafka")
        if (self.username is None) is not (self.password is None):
            raise ValueError("username and password go together")
        return self


@dataclass(slots=True)
class _Found:
    """What was read so far. `broken` is what fails the run though it was read in full."""

    facts: dict[str, Scalar] = field(default_factory=dict)
    samples: dict[Series, Sample] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    broken: str | None = None


class KafkaProbe:
    """One cluster, asked through one broker, and those that it names where they must answer."""

    kind = "kafka"

    def __init__(self, collector_id: str, config: KafkaConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        # An extra: it is there, or the configuration was refused. Not at a run: it takes a while.
        from collectors import kafka_wire

        self.id = collector_id
        self.target = str(config.kafka)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._means = means
        self._wire = kafka_wire
        Dialling.by(config.kafka, means, config.tls)  # its files are read, or it is said
        self._password = config.password.value if config.password is not None else ""
        self._words = Words((self._password,) if self._password else ())

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        brokers = _Brokers(self, look)
        found = _Found()
        try:
            async with asyncio.timeout(self.timeout.total_seconds()), brokers.stack:
                await self._look(brokers, found)
        except self._wire.KafkaError as error:
            look.watch.stop()
            return look.failed(Cause.STATUS, self._words.hide(str(error)), Phase.TRANSFER)
        except self._wire.TooOldError as error:
            look.watch.stop()
            return look.unknown(str(error))
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error, brokers.where)
        look.watch.enter(Phase.JUDGE)
        why = why_not(found.facts, self._config.expect, self._words)
        look.watch.stop()
        if found.broken is not None:
            seen = look.failed(Cause.STATUS, found.broken)
        else:
            seen = look.passed() if why is None else look.failed(Cause.ASSERTION, why)
        return replace(seen, page=Page(found.samples, absent=found.absent))

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _look(self, brokers: "_Brokers", found: _Found) -> None:
        config = self._config
        first = await brokers.at(config.kafka)
        cluster = await first.cluster(config.topics)
        found.facts["brokers"] = len(cluster.brokers)
        found.facts["has_controller"] = int(cluster.has_controller)
        read_topics(found, config.topics, cluster.partitions)
        for name in ("brokers", "has_controller"):
            found.samples[Series(f"kafka_{name}", ())] = _sample(found.facts[name])
        for group in config.groups:
            await self._lag(brokers, found, group, cluster)

    async def _lag(
        self, brokers: "_Brokers", found: _Found, group: str, cluster: "Cluster"
    ) -> None:
        """How far a group is behind, at the topics that are named or at all that it committed."""
        first = await brokers.at(self._config.kafka)
        keeper = await brokers.at(await first.coordinator(group))
        named = list(cluster.partitions) if self._config.topics else None
        committed = await keeper.committed(group, named)
        partitions = cluster.partitions
        if named is None and committed:
            partitions = (await first.cluster(sorted({topic for topic, _ in committed}))).partitions
        by_leader: dict[int, list[Partition]] = defaultdict(list)
        for partition in committed:
            state = partitions.get(partition)
            if state is not None and state.leader is not None:
                by_leader[state.leader].append(partition)
        ends: dict[Partition, int] = {}
        for leader, led in by_leader.items():
            if (where := cluster.brokers.get(leader)) is not None:
                ends |= await (await brokers.at(where)).ends(led)
        read_lag(found, group, committed, ends)

    async def greet(self, look: Look, stack: AsyncExitStack, where: HostPort) -> "Kafka":
        """A broker that we signed in to; its connection ends with the stack."""
        dialling = Dialling.by(where, self._means, self._config.tls)
        stream = await stack.enter_async_context(dialling.connected(look))
        broker = self._wire.Kafka(Framed(stream, look.watch))
        await broker.begin(self._config.mechanism, self._config.username, self._password)
        return broker


class _Brokers:
    """The brokers that a run speaks to: each is dialled once."""

    def __init__(self, probe: KafkaProbe, look: Look) -> None:
        self.stack = AsyncExitStack()
        self.where = ""  # for words: the broker that the cluster named and that is asked
        self._probe = probe
        self._look = look
        self._known: dict[HostPort, Kafka] = {}

    async def at(self, where: HostPort) -> "Kafka":
        """Raises as Dialling and Kafka do."""
        is_first = not self._known
        self.where = "" if str(where) == self._probe.target else f" (at {where}, the cluster's)"
        if where not in self._known:
            address = self._look.address
            self._known[where] = await self._probe.greet(self._look, self.stack, where)
            if not is_first:
                self._look.address = address
        return self._known[where]


def read_topics(
    found: _Found, topics: Sequence[str], partitions: Mapping["Partition", "PartitionState"]
) -> None:
    """How many partitions each topic has, how many without a leader, or short of replicas."""
    orphans = [partition for partition, state in partitions.items() if state.leader is None]
    short = [partition for partition, state in partitions.items() if state.in_sync < state.replicas]
    if topics:
        found.facts["partitions_without_leader"] = len(orphans)
        found.facts["under_replicated_partitions"] = len(short)
    for topic in topics:
        for name, those in (
            ("partitions", list(partitions)),
            ("partitions_without_leader", orphans),
            ("under_replicated_partitions", short),
        ):
            series = Series(f"kafka_topic_{name}", (("topic", topic),))
            found.samples[series] = Sample(sum(of == topic for of, _ in those))
    if orphans:
        topic, number = min(orphans)
        others = f", nor have {len(orphans) - 1} others" if orphans[1:] else ""
        found.broken = f"the partition {topic}/{number} has no leader{others}"


def read_lag(
    found: _Found,
    group: str,
    committed: Mapping["Partition", int],
    ends: Mapping["Partition", int],
) -> None:
    """The sum and the most of any partition, by topic; only where both ends are known."""
    lags: dict[str, list[int]] = defaultdict(list)
    for partition, offset in committed.items():
        if partition in ends:
            lags[partition[0]].append(max(0, ends[partition] - offset))
    for topic, behind in lags.items():
        labels = (("group", group), ("topic", topic))
        found.samples[Series(_LAG, labels)] = Sample(sum(behind))
        found.samples[Series(_LAG_MAX, labels)] = Sample(max(behind))
    if lags:
        total = sum(map(sum, lags.values()))
        most = found.facts.get("group_lag", 0)
        found.facts["group_lag"] = max(total, most) if isinstance(most, int) else total
    else:
        why = f"the group {group} committed nothing there, or its partitions have no leader"
        for name in (_LAG, _LAG_MAX):
            earlier = found.absent.get(name)
            found.absent[name] = f"{earlier}; {why}" if earlier else why


def _sample(fact: Scalar) -> Sample:
    return Sample(fact if isinstance(fact, int | float) else 0)
