"""Probe a Redis server: sign in, ping it, and read what it tells of itself."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from collectors.dialling import Dialling
from collectors.expect import Words
from collectors.expectation import Scalar
from collectors.facts import Expectations, read_scalar, samples, why_not
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Phase
from collectors.resp import BadRespError, RedisError, Resp
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, TlsOptions
from collectors.stream import Stream
from collectors.target import Target
from collectors.uptime import Processes
from slo.exposition import Page, Sample, Series
from slo.secret import SecretText

_ANSWER_LIMIT_BYTES = 1 << 20
_DATABASE = re.compile(r"db\d+")
_REPLICA = re.compile(r"slave\d+")


class RedisConfig(CollectorSettings):
    """Ping a Redis server, and read what it tells of itself."""

    redis: Target
    username: str | None = None
    password: SecretText | None = None
    tls: TlsOptions | None = Field(None, description="TLS is spoken where this is written.")
    info: bool = Field(default=True, strict=True, description="Read INFO; false only pings.")
    expect: Expectations = Field(default_factory=dict, description="By INFO's names.")

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        if self.username is not None and self.password is None:
            raise ValueError("username is of no use without password")
        if self.expect and not self.info:
            raise ValueError("expect judges what INFO tells: it needs `info: true`")
        return self


class RedisProbe:
    """One server, and what it should tell."""

    kind = "redis"

    def __init__(self, collector_id: str, config: RedisConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = str(config.redis)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._dialling = Dialling.by(config.redis, means, config.tls)
        self._processes = Processes()
        self._words = Words((config.password.value,) if config.password is not None else ())

    def go_on_from(self, left_at: Callable[[], str | None]) -> None:
        """What was known of the processes; asked at the first look."""
        self._processes.go_on_from(left_at)

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        try:
            async with self._dialling.connected(look) as stream:
                return await self._look(look, stream, clock)
        except RedisError as error:
            look.watch.stop()
            said = self._words.quote(str(error))
            return look.failed(Cause.STATUS, f"the server answered {said}", Phase.TRANSFER)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error)

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _look(self, look: Look, stream: Stream, clock: Clock) -> Observation:
        config = self._config
        server = Resp(stream, _ANSWER_LIMIT_BYTES)
        if config.password is not None:
            user = (config.username,) if config.username is not None else ()
            await server.ask("AUTH", *user, config.password.value)
        if (said := await server.ask("PING")) != "PONG":
            raise BadRespError(f"PING was answered with {self._words.quote(said)}")
        if not config.info:
            look.watch.stop()
            return look.passed()
        asked = clock.monotonic()
        text = await server.ask("INFO")
        came, wall = clock.monotonic(), clock.now().timestamp()
        look.watch.enter(Phase.JUDGE)
        look.body_bytes = len(text)
        facts, labelled = read_info(text)
        page = Page({**samples("redis", facts), **labelled})
        uptime = facts.get("uptime_in_seconds")
        if isinstance(uptime, int):
            page = self._processes.dated(page, uptime, wall, came, came - asked)
        why = why_not(facts, config.expect, self._words)
        look.watch.stop()
        seen = look.passed() if why is None else look.failed(Cause.ASSERTION, why)
        return replace(seen, page=page)


def read_info(text: str) -> tuple[dict[str, Scalar], dict[Series, Sample]]:
    """INFO's fields with what follows of them, and what it tells of databases and replicas."""
    facts: dict[str, Scalar] = {}
    labelled: dict[Series, Sample] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if not colon or name.startswith("#"):
            continue
        facts[name] = read_scalar(value)
        if _DATABASE.fullmatch(name):
            labelled |= _parts("redis_db", {"db": name}, value, ("keys", "expires"))
        elif _REPLICA.fullmatch(name):
            told = _pairs(value)
            where = {"replica": f"{told.get('ip')}:{told.get('port')}"}
            labelled |= _parts("redis_replica", where, value, ("lag", "offset"))
    facts |= _derived(facts)
    return facts, labelled


def _derived(facts: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """What rules compare and INFO tells in other shapes."""
    derived: dict[str, Scalar] = {}
    used, most = facts.get("used_memory"), facts.get("maxmemory")
    if isinstance(used, int) and isinstance(most, int) and most > 0:
        derived["memory_used_ratio"] = used / most
    clients, room = facts.get("connected_clients"), facts.get("maxclients")
    if isinstance(clients, int) and isinstance(room, int) and room > 0:
        derived["clients_used_ratio"] = clients / room
    if "role" in facts:
        derived["is_master"] = int(facts["role"] == "master")
    if "master_link_status" in facts:
        derived["master_link_up"] = int(facts["master_link_status"] == "up")
    return derived


def _parts(
    prefix: str, labels: Mapping[str, str], text: str, names: tuple[str, ...]
) -> dict[Series, Sample]:
    told = {name: read_scalar(value) for name, value in _pairs(text).items()}
    return {
        Series(f"{prefix}_{name}", tuple(sorted(labels.items()))): Sample(value)
        for name in names
        if isinstance(value := told.get(name), int | float)
    }


def _pairs(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in text.split(","))}
