"""Probe a PostgreSQL server: connect, and ask it questions whose answers are values."""

import asyncio
import errno
import math
import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import psycopg
from pydantic import AfterValidator, Field, model_validator

from collectors.expect import Words
from collectors.expectation import Scalar
from collectors.facts import Expectations, why_not
from collectors.json_values import MetricName
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Phase
from collectors.request import trust
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, TlsOptions
from slo.exposition import Page, Sample, Series
from slo.secret import SecretText

_MOST_QUERIES = 20
_READS = re.compile(r"(select|with|values|table)\b", re.IGNORECASE)
_OURS = ("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EADDRNOTAVAIL", "EACCES", "ENETUNREACH")
_OUR_WORDS = tuple(os.strerror(getattr(errno, name)) for name in _OURS)
_STATEMENT_TIMEOUT = "57014"


def _url(value: str) -> str:
    parts = urlsplit(value.strip())
    try:
        port = parts.port
    except ValueError:
        raise ValueError("a port lies between 1 and 65535") from None
    if parts.username or parts.password:
        raise ValueError("the address holds a user or password: write username and password")
    if parts.scheme != "postgresql":
        raise ValueError("it begins with postgresql://: no other database is asked yet")
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
    """Connect to a PostgreSQL server, and ask it."""

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


class SqlProbe:
    """One database, and what it is asked; read-only, on a connection of its own."""

    kind = "sql"

    def __init__(self, collector_id: str, config: SqlConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = config.sql
        if config.tls is not None:
            trust(config.tls)  # libpq reads the files anew at each look
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._resolver = means.resolver
        self._words = Words((config.password.value,) if config.password is not None else ())

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        give_up_at = asyncio.get_running_loop().time() + self.timeout.total_seconds()
        answers = _Answers()
        try:
            async with asyncio.timeout_at(give_up_at):
                connection = await self._connect(look)
            try:
                await self._ask_within(connection, answers, look, clock, give_up_at)
            finally:
                await connection.close()
        except psycopg.Error as error:
            look.watch.stop()
            return self._refused(look, error, answers.asking)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error)
        why = why_not(answers.facts, self._config.expect, self._words)
        look.watch.stop()
        seen = look.passed() if why is None else look.failed(Cause.ASSERTION, why)
        return replace(seen, page=Page(answers.samples, absent=answers.absent))

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _connect(self, look: Look) -> psycopg.AsyncConnection:
        config, parts = self._config, urlsplit(self._config.sql)
        host, port = parts.hostname or "", parts.port or 5432
        look.watch.enter(Phase.RESOLVE)
        found = await self._resolver.resolve(host, port)
        look.address = str(found[0])
        look.watch.enter(Phase.CONNECT)
        milliseconds = max(1, int(self.timeout.total_seconds() * 1000))
        name = (config.tls.server_name if config.tls is not None else None) or host
        connection = await psycopg.AsyncConnection.connect(
            host=",".join(name for _ in found),
            hostaddr=",".join(str(address) for address in found),
            port=port,
            dbname=parts.path.strip("/"),
            user=config.username,
            password=config.password.value if config.password is not None else "",  # not PGPASSWORD
            connect_timeout=max(2, math.ceil(self.timeout.total_seconds())),
            application_name="nines",
            passfile="/dev/null",  # nothing but the configuration signs us in
            options=f"-c default_transaction_read_only=on -c statement_timeout={milliseconds}",
            **_tls(config.tls),
        )
        look.address = connection.info.hostaddr
        return connection

    async def _ask_within(
        self,
        connection: psycopg.AsyncConnection,
        answers: _Answers,
        look: Look,
        clock: Clock,
        give_up_at: float,
    ) -> None:
        """Ask everything. At `give_up_at` the socket is shut: the driver, told to cancel, would
        first ask a server that may never answer. Raises TimeoutError, psycopg.Error.
        """
        look.watch.enter(Phase.PROCESSING)
        loop = asyncio.get_running_loop()
        timer = loop.call_at(give_up_at, _shut, connection)
        try:
            await self._ask(connection, answers, look, clock)
        except psycopg.Error:
            if loop.time() >= give_up_at:
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()

    async def _ask(
        self, connection: psycopg.AsyncConnection, answers: _Answers, look: Look, clock: Clock
    ) -> None:
        queries = self._config.queries or {"": "SELECT 1"}
        for name, query in queries.items():
            answers.asking = name
            began = clock.monotonic()
            # A cursor of the server's: what else would come is never sent.
            async with connection.cursor(name="nines") as cursor:
                await cursor.execute(query.encode())
                rows = await cursor.fetchmany(2)
            took = clock.monotonic() - began
            if name:
                labels = (("query", name),)
                answers.samples[Series("sql_query_seconds", labels)] = Sample(took)
                _take(answers, name, rows)
        look.watch.enter(Phase.JUDGE)

    def _refused(self, look: Look, error: psycopg.Error, asking: str) -> Observation:
        """What the driver says, as a verdict."""
        said = " ".join(str(error).split())
        shown = self._words.quote(said)
        if look.watch.phase is Phase.CONNECT:
            if any(words in said for words in _OUR_WORDS):
                return look.unknown(f"we could not connect: {shown}")
            return look.failed(_cause(said), f"no connection: {shown}", Phase.CONNECT)
        if error.sqlstate is None:
            words = f"the connection broke while waiting for the answer: {shown}"
            return look.failed(Cause.PROTOCOL, words, Phase.PROCESSING)
        which = f"the query {asking}" if asking else "the first question"
        cause = Cause.TIMEOUT if error.sqlstate == _STATEMENT_TIMEOUT else Cause.STATUS
        return look.failed(cause, f"{which} was answered {shown}", Phase.PROCESSING)


def _cause(said: str) -> Cause:
    if "FATAL:" in said:  # the server spoke, and will not have us
        return Cause.STATUS
    if "certificate" in said:
        return Cause.CERTIFICATE
    if "SSL" in said:
        return Cause.TLS
    return Cause.TIMEOUT if "timeout" in said else Cause.CONNECT


def _shut(connection: psycopg.AsyncConnection) -> None:
    """End the conversation beneath the driver, which then finds the connection broken."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as own:
        own.shutdown(socket.SHUT_RDWR)


def _tls(options: TlsOptions | None) -> dict[str, Any]:
    if options is None:
        return {"sslmode": "disable", "gssencmode": "disable"}
    files = {
        "sslrootcert": options.ca_file,
        "sslcert": options.cert_file,
        "sslkey": options.key_file,
    }
    told: dict[str, Any] = {name: str(file) for name, file in files.items() if file is not None}
    told["gssencmode"] = "disable"
    if options.insecure_skip_verify:
        return told | {"sslmode": "require"}
    return {"sslrootcert": "system"} | told | {"sslmode": "verify-full"}


def _take(answers: _Answers, name: str, rows: list[tuple[object, ...]]) -> None:
    """A query's one value, or why there is none."""
    if len(rows) != 1 or len(rows[0]) != 1:
        shape = "no row" if not rows else "more than one value"
        answers.absent[name] = f"the query {name} gave {shape}"
        return
    value = rows[0][0]
    if isinstance(value, Decimal):
        value = int(value) if value.is_finite() and value == int(value) else float(value)
    if isinstance(value, str | bool | int | float):
        answers.facts[name] = value
    if isinstance(value, bool | int | float):
        answers.samples[Series(name, ())] = Sample(int(value) if value is True else value)
    else:
        what = "null" if value is None else "no number"
        answers.absent[name] = f"the query {name} gave {what}"
