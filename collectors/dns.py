"""Probe a name: ask for its records, and judge what comes back."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
from pydantic import AfterValidator, Field, model_validator

from collectors.certificate import Trust
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Phase
from collectors.pattern import RegexText
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, Strict
from collectors.stream import most_telling
from collectors.target import HostPort, parse_host_port
from slo.exposition import Page, Sample, Series

_PORTS = {"udp": 53, "tcp": 53, "tls": 853}
_TRIES = 3  # a datagram that was lost on the way is nobody's failure
_SHOWN = 5  # answers
# What a resolver answers that has found nothing out. Of a server that is the target, it is the
# target's word; of one of ours, it says no more of the name than silence does.
_FOUND_NOTHING_OUT = frozenset({dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP})


def _name(value: str) -> str:
    try:
        dns.name.from_text(value)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(f"{value!r} is no name that could be looked up: {error}") from None
    return value


def _record(value: str) -> str:
    try:
        return str(dns.rdatatype.to_text(dns.rdatatype.from_text(value.upper())))
    except (dns.exception.DNSException, ValueError):
        raise ValueError(f"{value!r} is no type of record, such as A, MX or SOA") from None


def _rcode(value: str) -> str:
    try:
        return str(dns.rcode.to_text(dns.rcode.from_text(value.upper())))
    except (dns.exception.DNSException, ValueError):
        raise ValueError(f"{value!r} is no answer's code, such as NOERROR or NXDOMAIN") from None


def _server(value: str) -> str:
    server_at(value, _PORTS["udp"])
    return value.strip()


def server_at(server: str, default: int) -> HostPort:
    """An address or name, with or without a port. Raises ValueError."""
    text = server.strip()
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return HostPort(str(ip_address(bare)), default)
    except ValueError:
        pass
    if re.fullmatch(r"[^\s:/\[\]@?#]+", text):
        return HostPort(text, default)
    try:
        return parse_host_port(text)
    except ValueError:
        raise ValueError(
            f"{server!r} is no server: write 192.0.2.53, or with a port from 1 to 65535 "
            "ns1.shop.example:5353 or [2001:db8::53]:5353"
        ) from None


class DnsExpect(Strict):
    """What an answer must be; the first that it is not gives the run its words."""

    rcode: Annotated[str, AfterValidator(_rcode)] = "NOERROR"
    at_least: int | None = Field(default=None, ge=0, strict=True)  # default: 1 where it is NOERROR
    answers: tuple[str, ...] = ()
    regex: RegexText | None = None
    serial_at_least: int | None = Field(default=None, ge=0, strict=True)


class DnsConfig(CollectorSettings):
    """Ask for the records of a name."""

    dns: Annotated[str, AfterValidator(_name)]
    record: Annotated[str, AfterValidator(_record)] = "A"
    server: Annotated[str, AfterValidator(_server)] | None = None
    transport: Literal["udp", "tcp", "tls"] = "udp"
    server_name: str | None = None
    ca_file: Path | None = None
    expect: DnsExpect = DnsExpect()

    @model_validator(mode="after")
    def _is_askable(self) -> Self:
        if self.transport == "tls" and self.server is None:
            raise ValueError("transport: tls needs a `server`: this machine's may not speak it")
        if self.transport != "tls" and (self.server_name or self.ca_file):
            raise ValueError("server_name and ca_file are of no use without transport: tls")
        if self.expect.serial_at_least is not None and self.record != "SOA":
            raise ValueError("only a SOA record has a serial")
        return self


class DnsProbe:
    """One name, whom it is asked of, and what is expected of the answer."""

    kind = "dns"

    def __init__(self, collector_id: str, config: DnsConfig, means: Means) -> None:
        """Raises ValueError in words when the ca_file cannot be read."""
        self.id = collector_id
        at = f" at {config.server}" if config.server else ""
        self.target = f"{config.dns} {config.record}{at}"
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._resolver = means.resolver
        self._server = (
            None if config.server is None else server_at(config.server, _PORTS[config.transport])
        )
        self._trust = Trust(ca_file=config.ca_file)

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through.

        A server that is configured is the target; one of this machine's own that does not answer
        is our failure to look.
        """
        look = Look.begin(self.id, due, clock)
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                answer = await self._ask(look)
        except _SilenceError as error:
            look.watch.stop()
            return look.unknown(str(error))
        except dns.exception.DNSException as error:
            look.watch.stop()
            said = str(error) or type(error).__name__
            words = f"the answer is no proper one: {said}"
            return look.failed(Cause.PROTOCOL, words, Phase.TRANSFER)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error)
        look.watch.stop()
        records = _records(answer, self._config.record)
        why = self._why_not(answer, records)
        if why is not None:
            return look.failed(Cause.DNS, why)
        return replace(look.passed(), page=_page(answer, records))

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _ask(self, look: Look) -> dns.message.Message:
        question = dns.message.make_query(self._config.dns, self._config.record)
        if self._server is None:
            return await self._ask_ours(question, look)
        return await self._ask_at(self._server, question, look)

    async def _ask_at(
        self, server: HostPort, question: dns.message.Message, look: Look
    ) -> dns.message.Message:
        """The answer of the server that is the target, at the first of its addresses with one."""
        clock = asyncio.get_running_loop()
        give_up_at = clock.time() + self.timeout.total_seconds()
        look.watch.enter(Phase.RESOLVE)
        found = await self._resolver.resolve(server.host, server.port)
        look.watch.enter(Phase.PROCESSING)
        failures: list[OSError] = []
        for tried, address in enumerate(found):
            look.address = str(address)
            within = (give_up_at - clock.time()) / (len(found) - tried)
            try:
                return await self._once(question, str(address), server.port, within)
            except OSError as error:  # TimeoutError is one
                failures.append(error)
        raise most_telling(failures)

    async def _ask_ours(self, question: dns.message.Message, look: Look) -> dns.message.Message:
        """What a resolver of this machine found out. Raises _SilenceError when none did."""
        own = await asyncio.to_thread(_own_servers)
        within = self.timeout.total_seconds() / (len(own) + 1)
        look.watch.enter(Phase.PROCESSING)
        heard: list[str] = []
        for server in own:
            look.address = server
            try:
                answer = await self._once(question, server, _PORTS["udp"], within)
            except OSError:
                heard.append(f"{server} did not answer")
                continue
            except dns.exception.DNSException:
                heard.append(f"{server} answered with no proper message")
                continue
            code = dns.rcode.to_text(answer.rcode())
            if answer.rcode() in _FOUND_NOTHING_OUT and code != self._config.expect.rcode:
                heard.append(f"{server} answered {code}")
                continue
            return answer
        said = "; ".join(heard) or "none is set"
        raise _SilenceError(f"no resolver of this machine found out: {said}")

    async def _once(
        self, question: dns.message.Message, address: str, port: int, within: float
    ) -> dns.message.Message:
        """The answer of one server. Raises OSError (TimeoutError among them), DNSException."""
        try:
            match self._config.transport:
                case "udp":
                    return await self._by_datagram(question, address, port, within)
                case "tcp":
                    return await dns.asyncquery.tcp(question, address, within, port)
            name = self._config.server_name or (self._server.host if self._server else None)
            return await dns.asyncquery.tls(
                question,
                address,
                within,
                port,
                ssl_context=self._trust.context(),
                server_hostname=name,
            )
        except dns.exception.Timeout:
            raise TimeoutError from None
        except EOFError:
            raise dns.exception.FormError from None  # the connection ended before it was whole

    async def _by_datagram(
        self, question: dns.message.Message, address: str, port: int, within: float
    ) -> dns.message.Message:
        """The answer over UDP; over TCP, where it was too long for a datagram."""
        for left in range(_TRIES - 1, -1, -1):
            try:
                answer, _ = await dns.asyncquery.udp_with_fallback(
                    question,
                    address,
                    port=port,
                    timeout=within / _TRIES,
                    ignore_unexpected=True,
                    ignore_errors=True,  # what answers no question of ours may be forged
                )
            except dns.exception.Timeout:
                if not left:
                    raise TimeoutError from None
            else:
                return answer
        raise TimeoutError

    def _why_not(self, answer: dns.message.Message, records: Sequence[str]) -> str | None:
        expect = self._config.expect
        code = dns.rcode.to_text(answer.rcode())
        if code != expect.rcode:
            return f"the answer is {code}; expected {expect.rcode}"
        least = expect.at_least if expect.at_least is not None else int(code == "NOERROR")
        came = f"what came is {_shown(records)}"
        if len(records) < least:
            return f"expected at least {least} {self._config.record} records; {came}"
        for wanted in expect.answers:
            if _plain(wanted) not in map(_plain, records):
                return f"{wanted} is not among the answers; {came}"
        if expect.regex is not None and not any(expect.regex.found_in(one) for one in records):
            return f"no answer matches {expect.regex}; {came}"
        serial = _serial(answer)
        if expect.serial_at_least is not None and (serial or 0) < expect.serial_at_least:
            return f"the serial is {serial}; expected at least {expect.serial_at_least}"
        return None


class _SilenceError(Exception):
    """Whoever we ask on this machine's behalf does not answer."""


def _own_servers() -> list[str]:
    try:
        return [str(server) for server in dns.resolver.Resolver().nameservers]
    except dns.exception.DNSException:  # no resolv.conf
        return []


def _records(answer: dns.message.Message, record: str) -> list[str]:
    """The answers of the type that was asked for, as zone files write them."""
    wanted = dns.rdatatype.from_text(record)
    return [one.to_text() for rrset in answer.answer if rrset.rdtype == wanted for one in rrset]


def _serial(answer: dns.message.Message) -> int | None:
    found = [
        int(one.serial)
        for rrset in answer.answer
        if rrset.rdtype == dns.rdatatype.SOA
        for one in rrset
    ]
    return found[0] if found else None


def _page(answer: dns.message.Message, records: Sequence[str]) -> Page:
    """What rules may read: how many answers there are, and a zone's serial."""
    samples = {Series("dns_answers", ()): Sample(len(records))}
    serial = _serial(answer)
    if serial is not None:
        samples[Series("dns_serial", ())] = Sample(serial)
    return Page(samples)


def _plain(text: str) -> str:
    return text.strip('"').rstrip(".").lower()


def _shown(records: Sequence[str]) -> str:
    if not records:
        return "none"
    more = f" and {len(records) - _SHOWN} more" if len(records) > _SHOWN else ""
    return ", ".join(record[:100] for record in records[:_SHOWN]) + more
