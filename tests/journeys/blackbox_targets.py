"""Targets on loopback, well and ill, and the modules by which they are probed."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.message
import dns.rcode
import dns.rrset
import trustme

from collectors.icmp_wire import why_not_permitted
from tests.collectors import http2_wire
from tests.collectors.test_dialog import upgrading
from tests.collectors.wire import Server, Talk, answer, ends, hang, says, script, server_context
from tests.fakes import names
from tests.web.ports import free_port

_SOA = "ns1.shop.example. ops.shop.example. 2026112601 7200 900 1209600 86400"
MODULES = """
modules:
  http_2xx: {prober: http, http: &ip4 {preferred_ip_protocol: ip4}}
  http_brief: {prober: http, timeout: 700ms, http: {<<: *ip4}}
  http_404: {prober: http, http: {<<: *ip4, valid_status_codes: [404]}}
  http_stays: {prober: http, http: {<<: *ip4, follow_redirects: false}}
  http_stays_302: {prober: http, http: {<<: *ip4, follow_redirects: false,
    valid_status_codes: [302]}}
  http_post: {prober: http, http: {<<: *ip4, method: POST, body: '{}', headers: {X-Tell: yes}}}
  http_trusting: {prober: http, http: {<<: *ip4, tls_config: &ca {ca_file: ca.pem}}}
  http_not_ssl: {prober: http, http: {<<: *ip4, fail_if_not_ssl: true}}
  http_2: {prober: http, http: {<<: *ip4, valid_http_versions: [HTTP/2.0], tls_config: {<<: *ca}}}
  http_not_2: {prober: http, http: {<<: *ip4, enable_http2: false, tls_config: {<<: *ca}}}
  http_ssl: {prober: http, http: {<<: *ip4, fail_if_ssl: true, tls_config: {<<: *ca}}}
  http_named: {prober: http, http: {<<: *ip4, tls_config: {<<: *ca, server_name: shop.example}}}
  http_careless: {prober: http, http: {<<: *ip4, tls_config: {insecure_skip_verify: true}}}
  http_body_bad: {prober: http, http: {<<: *ip4, fail_if_body_matches_regexp: [Could not connect]}}
  http_body_good: {prober: http, http: {<<: *ip4, fail_if_body_not_matches_regexp: ['is w.l']}}
  http_header_bad: {prober: http, http: {<<: *ip4, fail_if_header_matches: [
    {header: Set-Cookie, regexp: '.*', allow_missing: true}]}}
  http_header_good: {prober: http, http: {<<: *ip4, fail_if_header_not_matches: [
    {header: X-Shop, regexp: '^open$'}]}}
  http_small: {prober: http, http: {<<: *ip4, body_size_limit: 1KB}}
  http_gzip: {prober: http, http: {<<: *ip4, compression: gzip}}
  http_version: {prober: http, http: {<<: *ip4, valid_http_versions: [HTTP/1.0]}}
  http_basic: {prober: http, http: {<<: *ip4, basic_auth: {username: ann, password_file: word}}}
  tcp: {prober: tcp, tcp: &tcp4 {preferred_ip_protocol: ip4}}
  tcp_brief: {prober: tcp, timeout: 700ms, tcp: {<<: *tcp4, query_response: [{expect: '^220'}]}}
  tcp_banner: {prober: tcp, tcp: {<<: *tcp4, query_response: [
    {expect: '^SSH-2.0-([^ ]+)', send: 'I see ${1}'}, {expect: '^you see OpenSSH'}]}}
  tcp_tls: {prober: tcp, tcp: {<<: *tcp4, tls: true, tls_config: {<<: *ca}}}
  tcp_tls_untrusting: {prober: tcp, tcp: {<<: *tcp4, tls: true}}
  tcp_starttls: {prober: tcp, tcp: {<<: *tcp4, tls_config: {<<: *ca}, query_response: [
    {expect: '^220'}, {send: "STARTTLS\\r"}, {expect: '^220'}, {starttls: true},
    {send: "NOOP\\r"}, {expect: '^250 safe'}]}}
  ping: {prober: icmp, icmp: {preferred_ip_protocol: ip4}}
  dns_a: {prober: dns, dns: &dns4 {query_name: shop.example, query_type: A,
    preferred_ip_protocol: ip4}}
  dns_soa: {prober: dns, dns: {<<: *dns4, query_type: SOA}}
  dns_tcp: {prober: dns, dns: {<<: *dns4, transport_protocol: tcp}}
  dns_missing: {prober: dns, dns: {<<: *dns4, valid_rcodes: [NXDOMAIN]}}
  dns_record: {prober: dns, dns: {<<: *dns4, validate_answer_rrs: {
    fail_if_not_matches_regexp: ["^shop\\\\.example\\\\.\\t60\\tIN\\tA\\t192\\\\.0\\\\.2\\\\."]}}}
  dns_no_record: {prober: dns, dns: {<<: *dns4, validate_answer_rrs: {
    fail_if_matches_regexp: ["192\\\\.0\\\\.2\\\\.1"]}}}
  dns_all: {prober: dns, dns: {<<: *dns4, validate_answer_rrs: {
    fail_if_all_match_regexp: ["192\\\\.0\\\\.2\\\\.1"]}}}
  dns_brief: {prober: dns, timeout: 700ms, dns: {<<: *dns4}}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked for, and what has to come of it."""

    module: str
    target: str
    succeeds: bool


@asynccontextmanager
async def targets(folder: Path) -> AsyncIterator[Mapping[str, Case]]:
    """Cases by what they show; the files that modules name are in `folder`."""
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    (folder / "word").write_text("open sesame\n")
    (folder / "blackbox.yml").write_text(MODULES)
    async with AsyncExitStack() as stack:

        async def at(talk: Talk, context: ssl.SSLContext | None = None) -> str:
            server = await stack.enter_async_context(Server(talk, context))
            return f"127.0.0.1:{server.port}"

        async def name_server(made: names.Answer) -> str:
            return (await stack.enter_async_context(names.names(made)))[0]

        well = await at(says(answer(b"all is well", headers="X-Shop: open\r\n")))
        ill = await at(says(answer(b"Could not connect to database")))
        missing = await at(says(answer(b"", "404 Not Found")))
        broken = await at(says(answer(b"oh", "500 Internal Server Error")))
        sends_on = await at(says(_redirect(f"http://{well}/")))
        in_circles = await at(says(_redirect("/again")))
        refusing = f"127.0.0.1:{free_port()}"
        silent = await at(hang)
        cookie = await at(says(answer(headers="Set-Cookie: a=b\r\n")))
        dated = await at(says(answer(headers="Last-Modified: Sat, 21 Nov 2026 12:00:00 GMT\r\n")))
        endless = await at(ends(b"HTTP/1.1 200 OK\r\n\r\nhow long I am, nobody knows"))
        chunked = await at(
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        )
        cut = await at(ends(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"))
        nonsense = await at(says(b"I do not speak HTTP\r\n\r\n"))
        large = await at(says(answer(b"x" * 5000)))
        tls = await at(says(answer(b"all is well")), server_context(authority))
        agreeing = server_context(authority)
        agreeing.set_alpn_protocols(["h2", "http/1.1"])
        http2 = await at(http2_wire.speaks(http2_wire.says(b"all is well")), agreeing)
        upgrades = await at(upgrading(server_context(authority)))
        over = datetime.now(UTC) - timedelta(days=1)
        expired = await at(says(answer()), server_context(authority, expires=over))
        wrong_name = await at(says(answer()), server_context(authority, "shop.example"))
        untrusted = await at(says(answer()), server_context(stranger))
        banner = await at(script(b"hello\r\nSSH-2.0-OpenSSH_9 x\r\n", b"you see OpenSSH\r\n"))
        hung_up = await at(script(b"hello\r\n"))
        found = await name_server(names.says("192.0.2.1", "192.0.2.2"))
        zone = await name_server(names.says(_SOA))
        nowhere = await name_server(names.refuses(dns.rcode.NXDOMAIN))
        failing = await name_server(names.refuses(dns.rcode.SERVFAIL))
        mute = await name_server(lambda _: None)
        streamed = await stack.enter_async_context(names.streamed_names(names.says("192.0.2.1")))
        yield {
            "a well target": Case("http_2xx", well, True),
            "an address with its scheme and path": Case("http_2xx", f"http://{well}/a?b=c", True),
            "a missing page": Case("http_2xx", missing, False),
            "a missing page that is wanted": Case("http_404", missing, True),
            "an error": Case("http_2xx", broken, False),
            "a redirect that is followed": Case("http_2xx", sends_on, True),
            "a redirect that is not followed": Case("http_stays", sends_on, False),
            "a redirect that is wanted": Case("http_stays_302", sends_on, True),
            "a redirect in circles": Case("http_2xx", in_circles, False),
            "nobody listens": Case("http_2xx", refusing, False),
            "no answer in time": Case("http_brief", silent, False),
            "a post": Case("http_post", well, True),
            "a date of change": Case("http_2xx", dated, True),
            "a body without its length": Case("http_2xx", endless, True),
            "a body in chunks": Case("http_2xx", chunked, True),
            "a body that is cut off": Case("http_2xx", cut, False),
            "no HTTP": Case("http_2xx", nonsense, False),
            "a body within its limit": Case("http_small", well, True),
            "a body beyond its limit": Case("http_small", large, False),
            "no compression, though it is wanted": Case("http_gzip", well, False),
            "another version": Case("http_version", well, False),
            "a password of a file": Case("http_basic", well, True),
            "a body that tells of trouble": Case("http_body_bad", ill, False),
            "a body that tells of none": Case("http_body_bad", well, True),
            "a body as it is wanted": Case("http_body_good", well, True),
            "a body as it is not wanted": Case("http_body_good", ill, False),
            "a header that tells of trouble": Case("http_header_bad", cookie, False),
            "a header that may be missing": Case("http_header_bad", well, True),
            "a header as it is wanted": Case("http_header_good", well, True),
            "a header that is missing": Case("http_header_good", ill, False),
            "in clear where TLS is wanted": Case("http_not_ssl", well, False),
            "TLS": Case("http_trusting", f"https://{tls}", True),
            "HTTP/2": Case("http_2", f"https://{http2}", True),
            "HTTP/1.1 where HTTP/2 is wanted": Case("http_2", f"https://{tls}", False),
            "HTTP/1.1 by choice": Case("http_not_2", f"https://{tls}", True),
            "TLS where clear is wanted": Case("http_ssl", f"https://{tls}", False),
            "an expired certificate": Case("http_trusting", f"https://{expired}", False),
            "a certificate of another": Case("http_trusting", f"https://{wrong_name}", False),
            "a certificate of another, by its name": Case(
                "http_named", f"https://{wrong_name}", True
            ),
            "a certificate of a stranger": Case("http_trusting", f"https://{untrusted}", False),
            "any certificate": Case("http_careless", f"https://{untrusted}", True),
            "TLS with who speaks none": Case("http_trusting", f"https://{banner}", False),
            "an open port": Case("tcp", well, True),
            "a closed port": Case("tcp", refusing, False),
            "a dialog": Case("tcp_banner", banner, True),
            "a dialog that is broken off": Case("tcp_banner", hung_up, False),
            "a port that says nothing": Case("tcp_brief", silent, False),
            "a port under TLS": Case("tcp_tls", tls, True),
            "a port that is not trusted": Case("tcp_tls_untrusting", tls, False),
            "TLS within a dialog": Case("tcp_starttls", upgrades, True),
            "a name": Case("dns_a", found, True),
            "a zone": Case("dns_soa", zone, True),
            "a name over TCP": Case("dns_tcp", f"127.0.0.1:{streamed}", True),
            "no such name": Case("dns_a", nowhere, False),
            "no such name, as is wanted": Case("dns_missing", nowhere, True),
            "a name server that fails": Case("dns_a", failing, False),
            "a name server that is mute": Case("dns_brief", mute, False),
            "a closed port of a name server": Case("dns_brief", refusing, False),
            "records as they are wanted": Case("dns_record", found, True),
            "a record that is not wanted": Case("dns_no_record", found, False),
            "not all records match": Case("dns_all", found, False),
            # Neither tells anything of a host that it may not ping.
            **({"a host": Case("ping", "127.0.0.1", True)} if why_not_permitted() is None else {}),
        }


def _redirect(where: str) -> bytes:
    return answer(b"", "302 Found", f"Location: {where}\r\n")
