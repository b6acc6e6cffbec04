"""Probe an SMTP server: greet, begin TLS, and take leave; no mail is sent."""

import contextlib
import ipaddress
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from collectors.certificate import first_to_expire, too_few_days
from collectors.dialling import Dialling
from collectors.expect import Failure, Words
from collectors.lines import Lines
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Phase
from collectors.pattern import RegexText
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, Strict, TlsOptions
from collectors.smtp_reply import HungUpError, RefusedError, Reply, ask
from collectors.stream import Stream
from collectors.target import Target

_Keyword = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*( [!-~]+)*$")
]  # RFC 5321, 4.1.1.1


class SmtpExpect(Strict):
    """What a server should say of itself."""

    greeting: RegexText | None = None
    extensions: tuple[_Keyword, ...] = Field((), description="Such as SIZE, or AUTH PLAIN.")
    certificate_days: int | None = Field(default=None, ge=0, strict=True)


class SmtpConfig(CollectorSettings):
    """Greet an SMTP server, begin TLS, and take leave."""

    smtp: Target
    starttls: Literal["required", "optional", "never"] = "required"
    tls: TlsOptions | None = Field(
        None, description="How TLS is spoken; with `starttls: never`, from the first byte."
    )
    helo: str | None = Field(
        None, pattern=r"^(\[[^\]\s]+\]|[A-Za-z0-9._-]+)$", description="Who we say that we are."
    )
    expect: SmtpExpect = SmtpExpect()


class SmtpProbe:
    """One server, and what it should answer."""

    kind = "smtp"

    def __init__(self, collector_id: str, config: SmtpConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = str(config.smtp)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._upgrades = config.starttls != "never"
        tls = config.tls or (TlsOptions() if self._upgrades else None)
        self._dialling = Dialling.by(config.smtp, means, tls)
        self._words = Words()

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        try:
            async with self._dialling.connected(look, in_clear=self._upgrades) as stream:
                failure = await self._look(look, stream)
        except RefusedError as refused:
            look.watch.stop()
            return look.failed(Cause.STATUS, str(refused), Phase.TRANSFER)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error)
        look.watch.stop()
        return look.passed() if failure is None else look.failed(failure.cause, failure.sentence)

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _look(self, look: Look, stream: Stream) -> Failure | None:
        lines = Lines(stream, look.watch)
        greeting = await ask(lines, None, 220, "the greeting")
        hello = f"EHLO {self._config.helo or _literal(stream.own_host)}"
        answer = await ask(lines, hello, 250, "the answer to EHLO")
        if self._upgrades:
            if "STARTTLS" in answer.extensions:
                await ask(lines, "STARTTLS", 220, "the answer to STARTTLS")
                await self._dialling.secure(lines, stream, look)
                # What was offered in clear is forgotten: anybody may have offered it.
                answer = await ask(lines, hello, 250, "the answer to EHLO under TLS")
            elif self._config.starttls == "required":
                return Failure(
                    Cause.TLS,
                    "the server does not offer STARTTLS; what it offers is "
                    f"{self._words.quote(' '.join(answer.extensions) or 'nothing')}",
                )
            else:
                look.warning = "the server does not offer STARTTLS: it was looked at in clear"
        with contextlib.suppress(HungUpError):  # it has said all that there is to judge
            await ask(lines, "QUIT", 221, "the answer to QUIT")
        look.body_bytes = lines.heard_bytes
        return next(self._failures(greeting, answer, look), None)

    def _failures(self, greeting: Reply, answer: Reply, look: Look) -> Iterator[Failure]:
        expect, words = self._config.expect, self._words
        said = "\n".join(greeting.texts)
        if expect.greeting is not None and not expect.greeting.found_in(said):
            wanted = words.quote(str(expect.greeting))
            told = f"the greeting is {words.quote(said)}; expected a match of {wanted}"
            yield Failure(Cause.ASSERTION, told)
        for wanted in expect.extensions:
            keyword, *parameters = wanted.upper().split()
            offered = answer.extensions.get(keyword)
            if offered is None or not offered >= set(parameters):
                came = words.quote(" / ".join(answer.texts[1:]))
                yield Failure(
                    Cause.ASSERTION, f"the server does not offer {wanted}; it offers {came}"
                )
        if expect.certificate_days is not None:
            first = first_to_expire(look.chain)
            if first is None:
                why = "no certificate was presented: the conversation was in clear"
                yield Failure(Cause.CERTIFICATE, why)
            elif too_few := too_few_days(first, expect.certificate_days, look.started):
                yield Failure(Cause.CERTIFICATE, too_few)


def _literal(host: str) -> str:
    """Our address as who we are, where no name was given (RFC 5321, 4.1.3)."""
    address = ipaddress.ip_address(host.partition("%")[0])
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"
