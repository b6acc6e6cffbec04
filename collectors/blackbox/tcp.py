"""Probe a TCP port by our own connections, and hold the dialog that a module writes down."""

import re
from collections.abc import Sequence
from datetime import timedelta

from collectors.blackbox.attempt import Attempt
from collectors.blackbox.findings import Findings
from collectors.blackbox.module import Module, QueryResponse
from collectors.blackbox.refusal import RefusedError, Why
from collectors.blackbox.tls import told_of_tls, trusted
from collectors.blackbox.values import Said
from collectors.dialling import Dialling
from collectors.lines import Lines
from collectors.means import Means
from collectors.stream import Stream
from collectors.target import parse_host_port

_REFERENCE = re.compile(rb"\$(?:\$|\{(\w+)\}|(\w+))")


async def probe_tcp(target: str, module: Module, attempt: Attempt) -> bool:
    """Whether all was said and heard as the module wants it. Raises what went wrong on the way."""
    section, findings = module.tcp, attempt.findings
    findings.set("probe_failed_due_to_regex", 0)
    findings.set("probe_failed_due_to_bytes", 0)
    try:
        place = parse_host_port(target)
    except ValueError as error:
        raise RefusedError(Why.NOT_READABLE, str(error)) from None
    options = section.tls_config.options
    upgrades = any(step.starttls for step in section.query_response)
    trust = trusted(options) if section.tls or upgrades else None
    name = options.server_name or attempt.hostname
    dialling = Dialling(place, _means(attempt), trust, name)
    async with dialling.connected(attempt.look, in_clear=not section.tls) as stream:
        findings.say(f"Connected to {stream.address}.")
        verified = not options.insecure_skip_verify
        if stream.tls is not None:
            told_of_tls(stream.tls, findings, verified=verified)
        talk = _Talk(stream, dialling, attempt, verified=verified)
        return await talk.hold(section.query_response)


def _means(attempt: Attempt) -> Means:
    timeout = timedelta(seconds=attempt.timeout)
    return Means(timeout, timeout, attempt.resolver)


class _Talk:
    """One dialog over one connection."""

    def __init__(
        self, stream: Stream, dialling: Dialling, attempt: Attempt, *, verified: bool
    ) -> None:
        self._stream = stream
        self._dialling = dialling
        self._attempt = attempt
        self._verified = verified
        self._lines = Lines(stream, attempt.look.watch)

    async def hold(self, steps: Sequence[QueryResponse]) -> bool:
        for number, step in enumerate(steps, 1):
            heard = await self._hear(number, step)
            if heard is None:
                return False
            if step.send is not None and step.send.data:
                await self._lines.say(_filled(step.send, heard))
            if step.starttls:
                await self._dialling.secure(self._lines, self._stream, self._attempt.look)
                if self._stream.tls is not None:
                    told_of_tls(self._stream.tls, self._attempt.findings, verified=self._verified)
        return True

    async def _hear(self, number: int, step: QueryResponse) -> Sequence[bytes] | None:
        """The groups of what matched, none without an expectation; None where it was not met."""
        findings: Findings = self._attempt.findings
        groups: Sequence[bytes] = ()
        if step.expect is not None:
            while True:
                line = await self._lines.line()
                if not line:
                    findings.say(f"Entry {number}: the target hung up before {step.expect} came.")
                    findings.set("probe_failed_due_to_regex", 1)
                    return None
                text = line.removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")
                found = step.expect.groups(text)
                if found is not None:
                    findings.say(f"Entry {number}: a line matches {step.expect}.")
                    groups = [group.encode() for group in found]
                    break
        if step.labels:
            labels = {one.name: _expanded(one.value.encode(), groups) for one in step.labels}
            texts = {name: value.decode(errors="replace") for name, value in labels.items()}
            findings.set("probe_expect_info", 1, **texts)
        if step.expect_bytes is not None:
            came = await self._lines.some(len(step.expect_bytes.data))
            if came != step.expect_bytes.data:
                findings.say(f"Entry {number}: other bytes came than expected.")
                findings.set("probe_failed_due_to_bytes", 1)
                return None
        return groups


def _filled(said: Said, groups: Sequence[bytes]) -> bytes:
    """What goes out: a line, or bytes as they are written: one more would spoil them."""
    if said.is_binary:
        return said.data
    return (_expanded(said.data, groups) if groups else said.data) + b"\n"


def _expanded(template: bytes, groups: Sequence[bytes]) -> bytes:
    """`$1` and `${1}` filled in as Go does: what is no group of the match is empty."""

    def fill(match: re.Match[bytes]) -> bytes:
        name = match[1] or match[2]
        if name is None:
            return b"$"
        at = int(name) if name.isdigit() else len(groups)
        return groups[at] if at < len(groups) else b""

    return _REFERENCE.sub(fill, template)
