"""Probe a MongoDB server: greet it, ping it, and ask how its replica set does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from collectors.dialling import Dialling
from collectors.expect import Words
from collectors.expectation import Scalar
from collectors.extra import needs
from collectors.facts import Expectations, samples, why_not
from collectors.framed import Framed
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Phase
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, TlsOptions
from collectors.target import Target
from slo.exposition import Page, Sample, Series
from slo.secret import SecretText

if TYPE_CHECKING:
    from collectors.mongodb_wire import Mongodb

Document = Mapping[str, Any]
_LAG = "mongodb_replication_lag_seconds"
_MOST_MEMBERS = 50  # of a replica set, by MongoDB's own bound
# What serverStatus need not gather for us.
_LEFT_OUT = ("asserts", "locks", "metrics", "opcounters", "repl", "tcmalloc", "wiredTiger")


class MongodbConfig(CollectorSettings):
    """Ping a MongoDB server, and ask how its replica set does."""

    mongodb: Target
    username: str | None = None
    password: SecretText | None = None
    auth_source: str = Field("admin", description="The database that knows the user.")
    tls: TlsOptions | None = Field(None, description="TLS is spoken where this is written.")
    status: bool = Field(default=True, strict=True, description="false only greets and pings.")
    expect: Expectations = Field(default_factory=dict, description="By the facts' names.")

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        needs("mongodb", "pymongo")
        if (self.username is None) is not (self.password is None):
            raise ValueError("username and password go together")
        return self


class MongodbProbe:
    """One server, and what it should tell."""

    kind = "mongodb"

    def __init__(self, collector_id: str, config: MongodbConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        # An extra: it is there, or the configuration was refused. Not at a run: it takes a while.
        from collectors import mongodb_wire

        self._wire = mongodb_wire
        self.id = collector_id
        self.target = str(config.mongodb)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._dialling = Dialling.by(config.mongodb, means, config.tls)
        self._words = Words((config.password.value,) if config.password is not None else ())

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        try:
            async with self._dialling.connected(look) as stream:
                return await self._look(look, self._wire.Mongodb(Framed(stream, look.watch)))
        except self._wire.MongodbError as error:
            look.watch.stop()
            said = self._words.quote(str(error))
            return look.failed(Cause.STATUS, f"the server answered {said}", Phase.TRANSFER)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error)

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _look(self, look: Look, server: "Mongodb") -> Observation:
        config = self._config
        greeting: dict[str, object] = {"hello": 1, "client": _CLIENT}
        if config.username is not None:
            greeting["saslSupportedMechs"] = f"{config.auth_source}.{config.username}"
        hello = await server.ask(greeting)
        if config.username is not None and config.password is not None:
            offered = hello.get("saslSupportedMechs")
            await server.sign_in(
                config.username, config.password.value, config.auth_source, offered
            )
        await server.ask({"ping": 1})
        facts = read_hello(hello)
        labelled: dict[Series, Sample] = {}
        absent: dict[str, str] = {}
        if config.status:
            told = await server.ask({"serverStatus": 1, **dict.fromkeys(_LEFT_OUT, 0)})
            facts |= read_status(told)
            if facts["role"] not in ("router", "standalone"):
                more, labelled = read_members(await server.ask({"replSetGetStatus": 1}))
                facts |= more
            if "replication_lag_seconds" not in facts:
                absent[_LAG] = "no secondary and primary are there to compare"
        look.watch.enter(Phase.JUDGE)
        why = why_not(facts, config.expect, self._words)
        look.watch.stop()
        seen = look.passed() if why is None else look.failed(Cause.ASSERTION, why)
        page = Page({**samples("mongodb", facts), **labelled}, absent=absent)
        return replace(seen, page=page)


_CLIENT = {"driver": {"name": "nines", "version": "1"}, "os": {"type": "Linux"}}


def read_hello(told: Document) -> dict[str, Scalar]:
    """Who answers: its role, its set, and whether it knows a primary."""
    facts: dict[str, Scalar] = {"role": _role(told)}
    if isinstance(name := told.get("setName"), str):
        facts["set"] = name
        primary = told.get("primary")
        if isinstance(primary, str):
            facts["primary"] = primary
        facts["has_primary"] = int(isinstance(primary, str))
    facts["is_primary"] = int(facts["role"] in ("primary", "standalone"))
    return facts


def _role(told: Document) -> str:
    if told.get("msg") == "isdbgrid":
        return "router"
    if "setName" not in told:
        return "uninitiated" if told.get("isreplicaset") else "standalone"
    roles = {"isWritablePrimary": "primary", "secondary": "secondary", "arbiterOnly": "arbiter"}
    return next((role for key, role in roles.items() if told.get(key) is True), "other")


def read_status(told: Document) -> dict[str, Scalar]:
    """How many connections there are, of those that may be."""
    counts = told.get("connections")
    if not isinstance(counts, Mapping):
        return {}
    current, left = counts.get("current"), counts.get("available")
    if not isinstance(current, int) or not isinstance(left, int):
        return {}
    facts: dict[str, Scalar] = {"connections": current, "connections_available": left}
    if current + left > 0:
        facts["connections_used_ratio"] = current / (current + left)
    return facts


def read_members(told: Document) -> tuple[dict[str, Scalar], dict[Series, Sample]]:
    """The members that are well, and how far secondaries are behind the primary."""
    members = list(_members(told.get("members")))
    facts: dict[str, Scalar] = {
        "members": len(members),
        "members_healthy": sum(member.get("health") == 1 for member in members),
    }
    labelled: dict[Series, Sample] = {}
    primaries = (_moment(member) for member in members if member.get("stateStr") == "PRIMARY")
    ahead = next(primaries, None)
    lags: list[float] = []
    for member in members:
        labels = (("member", str(member["name"])),)
        labelled[Series("mongodb_member_up", labels)] = Sample(int(member.get("health") == 1))
        at = _moment(member)
        if member.get("stateStr") == "SECONDARY" and at is not None and ahead is not None:
            # A heartbeat older than the member's may show the primary behind it.
            lag = max(0.0, (ahead - at).total_seconds())
            lags.append(lag)
            labelled[Series("mongodb_member_lag_seconds", labels)] = Sample(lag)
    if lags:
        facts["replication_lag_seconds"] = max(lags)
    return facts, labelled


def _members(told: object) -> Iterator[Document]:
    if isinstance(told, Sequence) and not isinstance(told, str | bytes):
        for member in told[:_MOST_MEMBERS]:
            if isinstance(member, Mapping) and "name" in member:
                yield member


def _moment(member: Document) -> datetime | None:
    at = member.get("optimeDate")
    return at if isinstance(at, datetime) else None
