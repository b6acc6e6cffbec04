"""Ask a DNS server, and look at the records as the peer does."""

import asyncio
from collections.abc import Iterator, Sequence

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from collectors.blackbox.attempt import Attempt
from collectors.blackbox.findings import Findings
from collectors.blackbox.module import DnsSection, Module, RecordChecks
from collectors.blackbox.refusal import RefusedError, Why
from collectors.blackbox.tls import trusted
from collectors.dns import server_at
from collectors.observation import Phase
from collectors.target import HostPort

_PORT, _TLS_PORT = 53, 853


async def probe_dns(target: str, module: Module, attempt: Attempt) -> bool:
    """Whether the answer is as the module wants it. Raises whatever went wrong on the way."""
    section, findings = module.dns, attempt.findings
    if section is None:
        raise RefusedError(Why.NOT_SUPPORTED, "the module has no `dns`")
    for part in ("answer", "authority", "additional"):
        findings.set(f"probe_dns_{part}_rrs", 0)
    findings.set("probe_dns_query_succeeded", 0)
    try:
        server = server_at(target, _TLS_PORT if section.dns_over_tls else _PORT)
    except ValueError as error:
        raise RefusedError(Why.NOT_READABLE, str(error)) from None
    watch = attempt.look.watch
    try:
        answer = await _ask(server, section, attempt)
    except dns.exception.DNSException as error:
        findings.say(f"The answer is no proper one: {str(error) or type(error).__name__}.")
        return False
    finally:
        watch.stop()
        _tell_phases(attempt)
    return _is_good(answer, section, findings)


async def _ask(server: HostPort, section: DnsSection, attempt: Attempt) -> dns.message.Message:
    watch, loop = attempt.look.watch, asyncio.get_running_loop()
    watch.enter(Phase.RESOLVE)
    (address,) = await attempt.resolver.resolve(server.host, server.port)
    watch.enter(Phase.PROCESSING)
    question = dns.message.make_query(
        section.query_name,
        section.query_type,
        section.query_class,
        flags=dns.flags.RD if section.recursion_desired else 0,
    )
    where, within = str(address), attempt.give_up_at - loop.time()
    try:
        if section.dns_over_tls:
            options = section.tls_config.options
            return await dns.asyncquery.tls(
                question,
                where,
                within,
                server.port,
                ssl_context=trusted(options).context(),
                server_hostname=options.server_name or server.host,
            )
        if section.transport_protocol == "tcp":
            return await dns.asyncquery.tcp(question, where, within, server.port)
        return await dns.asyncquery.udp(
            question, where, within, server.port, ignore_unexpected=True, ignore_errors=True
        )
    except dns.exception.Timeout:
        raise TimeoutError from None
    except EOFError:
        raise dns.exception.FormError from None  # the connection ended before it was whole


def _tell_phases(attempt: Attempt) -> None:
    first, spent = attempt.resolver.first, attempt.look.watch.phases
    asked = spent.get(Phase.PROCESSING)
    phases = {
        "resolve": first.seconds if first is not None else 0.0,
        "connect": 0.0,  # it is not told from the request
        "request": asked.total_seconds() if asked is not None else 0.0,
    }
    for phase, seconds in phases.items():
        attempt.findings.set("probe_dns_duration_seconds", seconds, phase=phase)


def _is_good(answer: dns.message.Message, section: DnsSection, findings: Findings) -> bool:
    findings.set("probe_dns_query_succeeded", 1)
    sections = {
        "answer": (list(_written(answer.answer)), section.validate_answer_rrs),
        "authority": (list(_written(answer.authority)), section.validate_authority_rrs),
        "additional": (list(_written(answer.additional)), section.validate_additional_rrs),
    }
    for name, (records, _) in sections.items():
        findings.set(f"probe_dns_{name}_rrs", len(records))
    if dns.rdatatype.from_text(section.query_type) == dns.rdatatype.SOA:
        serials = [
            int(one.serial)
            for rrset in answer.answer
            if rrset.rdtype == dns.rdatatype.SOA
            for one in rrset
        ]
        findings.set("probe_dns_serial", serials[-1] if serials else 0)
    code = dns.rcode.to_text(answer.rcode())
    wanted = section.valid_rcodes or ("NOERROR",)
    if code not in wanted:
        findings.say(f"The answer is {code}; expected {' or '.join(wanted)}.")
        return False
    for name, (records, checks) in sections.items():
        if (why := record_fault(records, checks)) is not None:
            findings.say(f"Of the {name} records {why}.")
            return False
    return True


def record_fault(records: Sequence[str], checks: RecordChecks) -> str | None:
    """Why the records are not as they should be, in words; None when they are.

    fail_if_all_match_regexp fails when not all match: the reverse of its name, and the peer's way.
    """
    required = (*checks.fail_if_not_matches_regexp, *checks.fail_if_none_matches_regexp)
    if not records and required:
        return f"there are none, and {required[0]} is to be found"
    for record in records:
        for regex in checks.fail_if_matches_regexp:
            if regex.found_in(record):
                return f"one matches {regex}"
        for regex in checks.fail_if_not_matches_regexp:
            if not regex.found_in(record):
                return f"one does not match {regex}"
    for regex in checks.fail_if_all_match_regexp:
        if not all(regex.found_in(record) for record in records):
            return f"not all match {regex} (fail_if_all_match_regexp)"
    some = checks.fail_if_none_matches_regexp
    if some and not any(regex.found_in(record) for regex in some for record in records):
        return f"none matches {some[0]}"
    return None


def _written(rrsets: Sequence[dns.rrset.RRset]) -> Iterator[str]:
    """Each record as zone files write it, with tabs: what expressions are written for."""
    for rrset in rrsets:
        head = rrset.to_text().splitlines()
        for line in head:
            yield "\t".join(line.split(" ", 4))
