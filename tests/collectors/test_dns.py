"""Ask a name server for records, over real sockets, and judge what it says."""

import ssl
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import pytest
import trustme
from pydantic import ValidationError

from collectors import dns as probe
from collectors.dns import DnsConfig, DnsProbe
from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Address, Resolver
from collectors.target import HostPort
from slo.exposition import Series
from tests.collectors.wire import SHORT, TIMEOUT, look
from tests.fakes.names import Answer, names, refuses, says, streamed_names

SOA = "ns1.shop.example. ops.shop.example. 2026112601 7200 900 1209600 86400"


async def seen(answer: Answer, timeout: timedelta = TIMEOUT, **settings: object) -> Observation:
    async with names(answer) as (server,):
        return await asked_of(server, timeout, **settings)


async def asked_of(
    server: str | None, timeout: timedelta = TIMEOUT, **settings: object
) -> Observation:
    raw = {"dns": "shop.example", **settings} | ({} if server is None else {"server": server})
    means = Means(timedelta(seconds=10), timeout, Resolver())
    return await look(DnsProbe("shop/name", DnsConfig.model_validate(raw), means))


async def asked_of_ours(
    monkeypatch: pytest.MonkeyPatch, own: Sequence[str], port: int, **settings: object
) -> Observation:
    monkeypatch.setattr(probe, "_own_servers", lambda: list(own))
    monkeypatch.setitem(probe._PORTS, "udp", port)
    return await asked_of(None, timedelta(seconds=2), **settings)


async def test_records_that_are_as_expected_pass_and_are_counted() -> None:
    found = await seen(
        says("192.0.2.1", "192.0.2.2"), expect={"answers": ["192.0.2.2"], "at_least": 2}
    )

    assert (found.outcome, found.detail) == (Outcome.PASSED, "")
    assert found.page is not None
    assert found.page.samples[Series("dns_answers", ())].value == 2
    assert found.phases[Phase.PROCESSING] > timedelta(0)


async def test_the_serial_of_a_zone_can_be_read_and_judged() -> None:
    current = await seen(says(SOA), record="soa", expect={"serial_at_least": 2026112601})
    stale = await seen(says(SOA), record="SOA", expect={"serial_at_least": 2026112602})

    assert current.page is not None
    assert current.page.samples[Series("dns_serial", ())].value == 2026112601
    assert stale.detail == "the serial is 2026112601; expected at least 2026112602"


@pytest.mark.parametrize(
    ("answer", "record", "expect", "said"),
    [
        (refuses(dns.rcode.NXDOMAIN), "A", {}, "the answer is NXDOMAIN; expected NOERROR"),
        (refuses(dns.rcode.SERVFAIL), "A", {}, "the answer is SERVFAIL; expected NOERROR"),
        (says(), "A", {}, "expected at least 1 A records; what came is none"),
        (
            says("192.0.2.1"),
            "A",
            {"answers": ["192.0.2.9"]},
            "192.0.2.9 is not among the answers; what came is 192.0.2.1",
        ),
        (
            says('"v=spf1 -all"'),
            "TXT",
            {"regex": "include:"},
            'no answer matches include:; what came is "v=spf1 -all"',
        ),
    ],
)
async def test_what_is_not_as_expected_is_said(
    answer: Answer, record: str, expect: dict[str, object], said: str
) -> None:
    found = await seen(answer, record=record, expect=expect)

    assert (found.outcome, found.cause, found.phase) == (Outcome.FAILED, Cause.DNS, Phase.JUDGE)
    assert found.detail == said


async def test_a_name_that_must_not_exist_passes_where_it_does_not() -> None:
    found = await seen(refuses(dns.rcode.NXDOMAIN), expect={"rcode": "nxdomain"})

    assert found.outcome is Outcome.PASSED


async def test_a_lost_datagram_is_sent_again() -> None:
    asked: list[dns.message.Message] = []

    def second(query: dns.message.Message) -> dns.message.Message | None:
        asked.append(query)
        return None if len(asked) == 1 else says("192.0.2.1")(query)

    found = await seen(second, timedelta(seconds=0.6))

    assert (found.outcome, len(asked)) == (Outcome.PASSED, 2)


async def test_an_answer_to_another_question_is_none() -> None:
    def foreign(query: dns.message.Message) -> dns.message.Message | None:
        made = says("192.0.2.66")(query)
        assert made is not None
        made.id ^= 1
        return made

    found = await seen(foreign, SHORT)

    assert (found.outcome, found.cause) == (Outcome.FAILED, Cause.TIMEOUT)


async def test_a_server_that_is_silent_or_not_there_is_down() -> None:
    silent = await seen(lambda _: None, SHORT)
    assert (silent.outcome, silent.cause) == (Outcome.FAILED, Cause.TIMEOUT)

    refused = await asked_of("127.0.0.1:1", transport="tcp")
    assert (refused.outcome, refused.phase) == (Outcome.FAILED, Phase.PROCESSING)


async def test_a_server_is_asked_at_each_of_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    async with streamed_names(says("192.0.2.1")) as port:
        resolver = Resolver()
        here = await resolver.resolve("127.0.0.1", port)
        nobody = await resolver.resolve("127.0.0.2", port)

        async def both(*_: object) -> Sequence[Address]:
            return (*nobody, *here)

        monkeypatch.setattr(Resolver, "resolve", both)
        found = await asked_of(f"ns1.shop.example:{port}", transport="tcp")

    assert (found.outcome, found.detail) == (Outcome.PASSED, "")
    assert found.address == str(here[0])


async def test_an_answer_too_long_for_a_datagram_comes_over_tcp() -> None:
    def truncated(query: dns.message.Message) -> dns.message.Message:
        made = dns.message.make_response(query)
        made.flags |= dns.flags.TC
        return made

    async with names(truncated) as (server,):
        port = int(server.rpartition(":")[2])
        async with streamed_names(says("192.0.2.1", "192.0.2.2"), at=("127.0.0.1", port)):
            found = await asked_of(server)

    assert found.page is not None
    assert found.page.samples[Series("dns_answers", ())].value == 2


async def test_over_tls_the_certificate_must_be_the_servers(tmp_path: Path) -> None:
    authority, ca_file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("ns1.shop.example").configure_cert(context)
    async with streamed_names(says("192.0.2.1"), tls=context) as port:
        server = f"127.0.0.1:{port}"
        trusted: dict[str, Any] = {"transport": "tls", "ca_file": str(ca_file)}
        right = await asked_of(server, **trusted, server_name="ns1.shop.example")
        other = await asked_of(server, **trusted, server_name="ns2.shop.example")
        stranger = await asked_of(server, transport="tls", server_name="ns1.shop.example")

    assert (right.outcome, right.detail) == (Outcome.PASSED, "")
    assert (other.outcome, other.cause) == (Outcome.FAILED, Cause.CERTIFICATE)
    assert (stranger.outcome, stranger.cause) == (Outcome.FAILED, Cause.CERTIFICATE)


@pytest.mark.parametrize("junk", [b"", b"\x00\x04junk"], ids=["nothing", "no message"])
async def test_a_server_that_talks_no_dns_is_down(junk: bytes) -> None:
    async with streamed_names(says(), junk=junk) as port:
        found = await asked_of(f"127.0.0.1:{port}", transport="tcp")

    assert (found.outcome, found.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert "the answer is no proper one" in found.detail


@pytest.mark.parametrize(
    ("own", "said"),
    [([], "none is set"), (["127.0.0.1"], "127.0.0.1 did not answer")],
    ids=["none", "dead"],
)
async def test_a_resolver_of_ours_that_does_not_answer_is_our_failure(
    own: Sequence[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await asked_of_ours(monkeypatch, own, port=1)

    assert found.outcome is Outcome.UNKNOWN
    assert found.detail == f"no resolver of this machine found out: {said}"


@pytest.mark.parametrize(
    ("answer", "junk", "said"),
    [
        (lambda _: None, None, "did not answer"),
        (says(), b"\x00\x04junk", "answered with no proper message"),
        (says(), b"", "answered with no proper message"),
        (refuses(dns.rcode.SERVFAIL), None, "answered SERVFAIL"),
        (refuses(dns.rcode.REFUSED), None, "answered REFUSED"),
    ],
    ids=["silent", "junk", "nothing", "servfail", "refused"],
)
async def test_what_a_resolver_of_ours_could_not_find_out_is_asked_of_the_next(
    answer: Answer, junk: bytes | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with streamed_names(answer, junk=junk, at=("127.0.0.2", 0)) as port:
        alone = await asked_of_ours(monkeypatch, ["127.0.0.2"], port=port, transport="tcp")
        async with streamed_names(says("192.0.2.1"), at=("127.0.0.3", port)):
            both = ["127.0.0.2", "127.0.0.3"]
            found = await asked_of_ours(monkeypatch, both, port=port, transport="tcp")

    assert alone.outcome is Outcome.UNKNOWN
    assert alone.detail == f"no resolver of this machine found out: 127.0.0.2 {said}"
    assert (found.outcome, found.address) == (Outcome.PASSED, "127.0.0.3")


async def test_what_a_resolver_of_ours_knows_is_the_names_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with names(refuses(dns.rcode.NXDOMAIN)) as (server,):
        port = int(server.rpartition(":")[2])
        found = await asked_of_ours(monkeypatch, ["127.0.0.1"], port=port)

    assert (found.outcome, found.cause) == (Outcome.FAILED, Cause.DNS)


@pytest.mark.parametrize(
    ("server", "where"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("ns1.shop.example", ("ns1.shop.example", 53)),
        ("ns1.shop.example:5353", ("ns1.shop.example", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
    ],
)
def test_a_server_is_an_address_or_a_name(server: str, where: tuple[str, int]) -> None:
    config = DnsConfig.model_validate({"dns": "shop.example", "server": server})
    found = DnsProbe("shop/name", config, Means(timedelta(seconds=10), TIMEOUT, Resolver()))

    assert found._server == HostPort(*where)


@pytest.mark.parametrize(
    "server",
    [
        "",
        "http://x/",
        "ns1:99999",
        "ns1:0",
        "ns1.shop.example:port",
        "[2001:db8::53]:x",
        "[ns1.shop.example",
        "ns1 ns2",
    ],
)
def test_what_is_no_server_is_refused_where_it_stands(server: str) -> None:
    with pytest.raises(ValidationError, match="is no server") as refused:
        DnsConfig.model_validate({"dns": "shop.example", "server": server})

    assert refused.value.errors()[0]["loc"] == ("server",)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dns": "a..b"}, "is no name that could be looked up"),
        ({"record": "AX"}, "is no type of record"),
        ({"expect": {"rcode": "FINE"}}, "is no answer's code"),
        ({"transport": "tls"}, "needs a `server`"),
        ({"server_name": "x"}, "of no use without transport: tls"),
        ({"expect": {"serial_at_least": 1}}, "only a SOA record has a serial"),
    ],
)
def test_what_cannot_be_asked_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DnsConfig.model_validate({"dns": "shop.example", **settings})
