"""Probe over HTTP by our own collector, and tell of it as the peer does."""

import asyncio
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime

import httpx
from pydantic import ValidationError

from collectors.blackbox.attempt import Attempt
from collectors.blackbox.findings import Findings
from collectors.blackbox.module import HeaderMatch, HttpSection, Module
from collectors.blackbox.refusal import RefusedError, Why
from collectors.blackbox.tls import told_of_tls, trusted
from collectors.certificate import HTTP2_ALPN, HTTP_ALPN
from collectors.client import Client, Request, Response
from collectors.expect import Answer
from collectors.http import HttpConfig, Visit
from collectors.observation import Phase
from collectors.request import USER_AGENT
from collectors.size import format_size
from collectors.transport import OwnTransport
from slo.secret import SecretText

_PHASES = (Phase.RESOLVE, Phase.CONNECT, Phase.TLS, Phase.PROCESSING, Phase.TRANSFER)
_BODY_BYTES = 16 * 1024 * 1024  # of a module without a limit; what is beyond is not read
_JUDGED_ASIDE_BYTES = 64 * 1024  # a larger body is judged in a thread, off the event loop
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_ANSWER = {
    "probe_failed_due_to_regex": 0,
    "probe_http_content_length": 0,
    "probe_http_redirects": 0,
    "probe_http_ssl": 0,
    "probe_http_status_code": 0,
    "probe_http_uncompressed_body_length": 0,
    "probe_http_version": 0,
}


async def probe_http(target: str, module: Module, attempt: Attempt) -> bool:
    """Whether the answer is as the module wants it. Raises whatever went wrong on the way."""
    section, findings = module.http, attempt.findings
    config = _config(target, section)
    headers = _headers(section, attempt.hostname)
    options = section.tls_config.options
    url = httpx.URL(config.http)
    name = options.server_name or _host_name(headers.get("host")) or url.host
    visit = Visit(config, headers, attempt.look)
    alpn = (*HTTP2_ALPN, *HTTP_ALPN) if section.enable_http2 else HTTP_ALPN
    client = _Noting(
        resolver=attempt.resolver,
        watch=attempt.look.watch,
        context=trusted(options, alpn).context(),
        give_up_at=attempt.give_up_at,
        named=(url.host, name),
    )
    for metric, value in _NO_ANSWER.items():
        findings.set(metric, value)
    success, answer = False, None
    try:
        answer = await _fetch(visit, client, follows=section.follows)
        if len(answer.body.data) > _JUDGED_ASIDE_BYTES:
            success = await asyncio.to_thread(_is_good, answer, section, findings)
        else:
            success = _is_good(answer, section, findings)
    finally:
        attempt.look.watch.stop()
        _tell(attempt, section, client, answer)
    return success and _is_spoken_well(section, attempt)


class _Noting(Client):
    """Remembers the head of the last answer, should its body never end."""

    headers: httpx.Headers | None = None

    async def send(self, request: Request) -> Response:
        response = await super().send(request)
        self.headers = httpx.Headers(list(response.raw_headers))
        return response


async def _fetch(visit: Visit, client: Client, *, follows: bool) -> Answer:
    """Ask on the short way; what the answer redirects to is followed by httpx."""
    with closing(client):
        response = await visit.ask(client)
        if not (follows and response.redirects):
            return await visit.read_answer(response)
        begun = httpx.Response(
            response.status,
            headers=list(response.raw_headers),
            extensions={"http_version": response.http_version.encode()},
        )
        return await visit.fetch(OwnTransport(client, begun))


def _config(target: str, section: HttpSection) -> HttpConfig:
    has_scheme = target.startswith(("http://", "https://"))
    try:
        config = HttpConfig.model_validate(
            {
                "http": target if has_scheme else f"http://{target}",
                "method": section.method,
                "body": section.body.value if section.body is not None else None,
                "follow_redirects": section.follows,
            }
        )
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        said = "; ".join(str(one.get("ctx", {}).get("error", one["msg"])) for one in found)
        raise RefusedError(Why.NOT_READABLE, f"the target cannot be probed: {said}") from None
    return config.model_copy(update={"body_limit": section.body_size_limit or _BODY_BYTES})


def _headers(section: HttpSection, hostname: str | None) -> dict[str, str]:
    """Ours first; what is configured wins. Nothing is asked to be compressed, as by the peer."""
    written: dict[str, SecretText] = dict(section.headers)
    headers = {
        "accept": "*/*",
        "accept-encoding": section.compression or "identity",
        "connection": "close",
        "user-agent": USER_AGENT,
    }
    headers |= {name.lower(): secret.value for name, secret in written.items()}
    if hostname is not None:
        if headers.get("host", hostname) != hostname:
            raise RefusedError(
                Why.NOT_READABLE, "the module has a Host header, and hostname= is another one"
            )
        headers["host"] = hostname
    return headers


def _host_name(host: str | None) -> str | None:
    if host is None:
        return None
    with suppress(httpx.InvalidURL, ValueError):
        return httpx.URL(f"http://{host}").host or None
    return None


def _is_good(answer: Answer, section: HttpSection, findings: Findings) -> bool:
    """Status, headers and body, in the peer's order."""
    return (
        _status_is_good(answer.status, section, findings)
        and _headers_are_good(answer.headers, section, findings)
        and _body_is_good(answer, section, findings)
    )


def _status_is_good(status: int, section: HttpSection, findings: Findings) -> bool:
    wanted = section.valid_status_codes
    good = status in wanted if wanted else 200 <= status < 300
    if not good:
        expected = ", ".join(map(str, wanted)) or "2xx"
        findings.say(f"The status is {status}; expected {expected}.")
    return good


def _headers_are_good(headers: httpx.Headers, section: HttpSection, findings: Findings) -> bool:
    for is_wanted, checks in (
        (False, section.fail_if_header_matches),
        (True, section.fail_if_header_not_matches),
    ):
        for check in checks:
            if (why := _header_fault(headers, check, is_wanted=is_wanted)) is not None:
                findings.say(why)
                findings.set("probe_failed_due_to_regex", 1)
                return False
    return True


def _header_fault(headers: httpx.Headers, check: HeaderMatch, *, is_wanted: bool) -> str | None:
    values = headers.get_list(check.header)
    if not values:
        return None if check.allow_missing else f"The header {check.header} is missing."
    if any(check.regexp.found_in(value) for value in values) is is_wanted:
        return None
    verb = "does not match" if is_wanted else "matches"
    return f"The header {check.header} {verb} {check.regexp}."


def _body_is_good(answer: Answer, section: HttpSection, findings: Findings) -> bool:
    if section.compression == "gzip" and "gzip" not in answer.headers.get("content-encoding", ""):
        findings.say("The body is not compressed, and compression: gzip is configured.")
        return False
    searched = section.fail_if_body_matches_regexp + section.fail_if_body_not_matches_regexp
    if answer.body.trouble is not None and (searched or section.compression):
        findings.say(f"The body cannot be read: {answer.body.trouble}.")
        return False
    if answer.body.cut_at is not None:
        findings.say(f"The body is longer than {format_size(answer.body.cut_at)}.")
        if section.body_size_limit:
            return False
    text = answer.body.data.decode(errors="replace") if searched else ""
    for is_wanted, regexes in (
        (False, section.fail_if_body_matches_regexp),
        (True, section.fail_if_body_not_matches_regexp),
    ):
        for regex in regexes:
            if regex.found_in(text) is not is_wanted:
                verb = "does not match" if is_wanted else "matches"
                findings.say(f"The body {verb} {regex}.")
                findings.set("probe_failed_due_to_regex", 1)
                return False
    return True


def _is_spoken_well(section: HttpSection, attempt: Attempt) -> bool:
    version, tls = attempt.look.http_version, attempt.look.tls_version is not None
    version = "HTTP/2.0" if version == "HTTP/2" else version  # as the peer writes it
    if section.valid_http_versions and version not in section.valid_http_versions:
        attempt.findings.say(f"The answer came in {version}, which is not in valid_http_versions.")
        return False
    if tls and section.fail_if_ssl:
        attempt.findings.say("The last answer came over TLS (fail_if_ssl).")
        return False
    if not tls and section.fail_if_not_ssl:
        attempt.findings.say("The last answer came in clear (fail_if_not_ssl).")
        return False
    return True


def _tell(attempt: Attempt, section: HttpSection, client: _Noting, answer: Answer | None) -> None:
    look, findings = attempt.look, attempt.findings
    first = attempt.resolver.first
    if first is None or first.address is None:  # the peer tells no phase that it never came to
        seconds = first.seconds if first is not None else 0.0
        findings.set("probe_http_duration_seconds", seconds, phase="resolve")
        return
    spent = look.watch.phases
    for phase in _PHASES:
        seconds = spent[phase].total_seconds() if phase in spent else 0.0
        findings.set("probe_http_duration_seconds", seconds, phase=phase.value)
    findings.set("probe_http_redirects", look.redirects)
    if look.http_status is None or look.http_version is None or client.headers is None:
        return
    findings.say(f"The answer is {look.http_status} in {look.http_version}.")
    if look.http_status in _REDIRECTS and "location" in client.headers and answer is not None:
        findings.set("probe_http_redirects", look.redirects + 1)  # met, and not followed
    findings.set("probe_http_status_code", look.http_status)
    findings.set("probe_http_version", float(look.http_version.removeprefix("HTTP/")))
    length = client.headers.get("content-length", "")
    findings.set("probe_http_content_length", int(length) if length.isdecimal() else -1)
    if answer is not None:
        findings.set("probe_http_uncompressed_body_length", len(answer.body.data))
    with suppress(ValueError):
        modified = parsedate_to_datetime(client.headers.get("last-modified", ""))
        findings.set("probe_http_last_modified_timestamp_seconds", modified.timestamp())
    stream = client.stream
    if stream is not None and stream.tls is not None:
        findings.set("probe_http_ssl", 1)
        told_of_tls(stream.tls, findings, verified=not section.tls_config.insecure_skip_verify)
