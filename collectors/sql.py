"""Probe PostgreSQL, MySQL or MariaDB: connect, and ask questions whose answers are values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, model_validator

from collectors.dialling import Dialling
from collectors.expect import Words
from collectors.expectation import Scalar
from collectors.facts import Expectations, why_not
from collectors.framed import Framed
from collectors.json_values import MetricName
from collectors.look import Look
from collectors.means import Means
from collectors.mysql import Mysql
from collectors.observation import Cause, Observation, Phase
from collectors.postgresql import Postgresql, ask_for_tls
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, TlsOptions
from collectors.sql_server import CannotSignInError, Credentials, SqlError, SqlServer
from collectors.stream import Stream
from collectors.target import HostPort
from slo.exposition import Page, Sample, Series
from slo.secret import SecretText

_MOST_QUERIES = 20
_READS = re.compile(r"(select|with|values|table)\b", re.IGNORECASE)
_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}
_CONNECTIONS = ("sql_connections", "sql_connections_max", "sql_connections_used_ratio")


def _url(value: str) -> str:
    parts = urlsplit(value.strip())
    try:
        port = parts.port
    except ValueError:
        raise ValueError("a port lies between 1 and 65535") from None
    if parts.username or parts.password:
        raise ValueError("the address holds a user or password: write username and password")
    if parts.scheme not in _PORTS:
        raise ValueError("it begins with postgresql://, mysql:// or mariadb://")
    if not parts.hostname or port == 0 or not parts.path.strip("/"):
        raise ValueError("write postgresql://db.example:5432/shop, with host and database")
    if parts.query or parts.fragment:
        raise ValueError("options are keys beside it: leave out what follows ? or #")
    return value.strip()


def _query(value: str) -> str:
    text = value.strip().removesuffix(";").rstrip()
    if not _READS.match(text) or ";" in text:
        raise ValueError("a query is one SELECT (or WITH, VALUES, TABLE) without a semicolon")
    return text


class SqlConfig(CollectorSettings):
    """Connect to a database server, and ask it."""

    sql: Annotated[str, AfterValidator(_url)]
    username: str
    password: SecretText | None = None
    tls: TlsOptions | None = Field(None, description="TLS is spoken where this is written.")
    queries: Mapping[MetricName, Annotated[str, AfterValidator(_query)]] = Field(
        default_factory=dict, max_length=_MOST_QUERIES
    )
    expect: Expectations = Field(default_factory=dict, description="By the names of queries.")

    @model_validator(mode="after")
    def _expects_what_is_asked(self) -> Self:
        for name in self.expect:
            if name not in self.queries:
                raise ValueError(f"expect names {name!r}, which no query does")
        return self


@dataclass(slots=True)
class _Answers:
    """What came so far, and the name of the query that is asked."""

    facts: dict[str, Scalar] = field(default_factory=dict)
    samples: dict[Series, Sample] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    asking: str = ""
    phase: Phase = Phase.CONNECT  # the sign-in is part of connecting

    @property
    def which(self) -> str:
        if self.asking:
            return f"the query {self.asking}"
        return "the sign-in" if self.phase is Phase.CONNECT else "the first question"


class SqlProbe:
    """One database, and what it is asked; read-only, on a connection of its own."""

    kind = "sql"

    def __init__(self, collector_id: str, config: SqlConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = config.sql
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        parts = urlsplit(config.sql)
        where = HostPort(parts.hostname or "", parts.port or _PORTS[parts.scheme])
        self._is_postgresql = parts.scheme == "postgresql"
        self._dialling = Dialling.by(where, means, config.tls)
        password = config.password.value if config.password is not None else ""
        self._who = Credentials(config.username, password, unquote(parts.path.strip("/")))
        self._counts = not means.wanted.isdisjoint(_CONNECTIONS)
        self._words = Words((password,) if password else ())

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        answers = _Answers()
        try:
            async with self._dialling.connected(look, in_clear=True) as stream:
                await self._look(look, stream, answers, clock)
        except SqlError as error:
            look.watch.stop()
            said = self._words.quote(str(error))
            return look.failed(error.cause, f"{answers.which} was answered {said}", answers.phase)
        except CannotSignInError as error:
            look.watch.stop()
            return look.unknown(self._words.hide(str(error)))
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error, f" ({answers.which})" if answers.asking else "")
        why = why_not(answers.facts, self._config.expect, self._words)
        look.watch.stop()
        seen = look.passed() if why is None else look.failed(Cause.ASSERTION, why)
        return replace(seen, page=Page(answers.samples, absent=answers.absent))

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _look(self, look: Look, stream: Stream, answers: _Answers, clock: Clock) -> None:
        server = await self._reach(look, stream)
        # The server ends what we gave up.
        milliseconds = max(1, int(self.timeout.total_seconds() * 1000))
        await server.sign_in(self._who, milliseconds)
        answers.phase = Phase.PROCESSING
        for name, query in (self._config.queries or {"": "SELECT 1"}).items():
            answers.asking = name
            began = clock.monotonic()
            rows = await server.ask(query)
            took = clock.monotonic() - began
            if name:
                labels = (("query", name),)
                answers.samples[Series("sql_query_seconds", labels)] = Sample(took)
                _take(answers, name, rows)
        if self._counts:
            answers.asking = ""
            await _count(server, answers, self._words)
        await server.farewell()
        look.watch.enter(Phase.JUDGE)

    async def _reach(self, look: Look, stream: Stream) -> SqlServer:
        """The server, under TLS where that is asked for."""
        framed = Framed(stream, look.watch)
        secure = partial(self._dialling.secure, framed, stream, look)
        if not self._is_postgresql:
            return Mysql(framed, secure if self._config.tls is not None else None)
        if self._config.tls is not None:
            await ask_for_tls(framed)
            await secure()
        return Postgresql(framed)


async def _count(server: SqlServer, answers: _Answers, words: Words) -> None:
    """How many connections there are of those that may be: told, or why not."""
    try:
        ((used, most),) = await server.ask(server.connections)
    except SqlError as error:
        why = f"it was answered {words.quote(str(error))}"
        answers.absent.update(dict.fromkeys(_CONNECTIONS, why))
        return
    counts = [number for value in (used, most) if isinstance(number := _number(value), int | float)]
    if len(counts) == 2 and counts[1] > 0:
        told = (*counts, counts[0] / counts[1])
        answers.samples.update(
            {
                Series(name, ()): Sample(count)
                for name, count in zip(_CONNECTIONS, told, strict=True)
            }
        )


def _take(answers: _Answers, name: str, rows: Sequence[Sequence[object]]) -> None:
    """A query's one value, or why there is none."""
    if len(rows) != 1 or len(rows[0]) != 1:
        shape = "no row" if not rows else "more than one value"
        answers.absent[name] = f"the query {name} gave {shape}"
        return
    value = _number(rows[0][0])
    if isinstance(value, str | bool | int | float):
        answers.facts[name] = value
    if isinstance(value, bool | int | float):
        answers.samples[Series(name, ())] = Sample(int(value) if value is True else value)
    else:
        what = "null" if value is None else "no number"
        answers.absent[name] = f"the query {name} gave {what}"


def _number(value: object) -> object:
    """A decimal as the number it is; anything else as it is."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value.is_finite() and value == int(value) else float(value)
