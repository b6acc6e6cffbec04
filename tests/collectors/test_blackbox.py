"""What may be dialled for whoever asks, by every way to an address."""

import asyncio
import socket
from collections.abc import Sequence
from datetime import timedelta

import pytest
from pydantic import ValidationError

from collectors.blackbox.allowed import Allowed, read_allowed
from collectors.blackbox.guard import Found
from collectors.blackbox.module import DnsSection, HttpSection, Module
from collectors.blackbox.probe import (
    Endpoint,
    Probed,
    Prober,
    RefusedError,
    Wanted,
    Why,
    time_given,
)
from collectors.blackbox.values import read_duration, read_size
from collectors.icmp_wire import why_not_permitted
from collectors.resolve import Address, Resolver
from nines.clock import SystemClock
from tests.collectors.wire import Server, answer, hang, keeps, says, script

PINGED = "probe_icmp_duration_seconds"
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
LOOPBACK = ("127.0.0.0/8",)


def module(prober: str, timeout: str = "20s", **section: object) -> Module:
    settings = {"preferred_ip_protocol": "ip4", **section}
    return Module.model_validate({"prober": prober, "timeout": timeout, prober: settings})


def address(ip: str, port: int = 80) -> Address:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    return Address(family, (ip, port, 0, 0) if ":" in ip else (ip, port))


def prober(
    one: Module,
    allow: Sequence[str] = LOOPBACK,
    resolver: Resolver | None = None,
    most_at_once: int = 10,
) -> Prober:
    endpoint = Endpoint({"one": one}, read_allowed(tuple(allow)))
    return Prober(lambda: endpoint, SystemClock(), resolver, most_at_once)


async def probed(
    target: str,
    one: Module,
    allow: Sequence[str] = LOOPBACK,
    resolver: Resolver | None = None,
    hostname: str | None = None,
) -> Probed:
    return await prober(one, allow, resolver).probe(Wanted(target, "one", hostname))


def value(probed: Probed, name: str) -> float:
    return probed.findings.samples[name][()]


@pytest.mark.parametrize(
    ("host", "found", "allow"),
    [
        ("shop.example", "203.0.113.9", ()),
        ("other.example", "93.184.215.14", ("shop.example",)),
        ("shop.example", "10.0.0.1", ("shop.example",)),
        ("shop.example", "127.0.0.1", ("shop.example", "0.0.0.0/0", "::/0")),
        ("shop.example", "::ffff:127.0.0.1", ("shop.example", "::/0")),
        ("shop.example", "64:ff9b::7f00:1", ("::/0",)),
        ("shop.example", "2002:7f00:1::", ("::/0",)),
        ("shop.example", "::127.0.0.1", ("::/0",)),
        ("shop.example", "0.0.0.0", ("0.0.0.0/0",)),
        ("shop.example", "fe80::1%eth0", ("::/0",)),
        ("shop.example", "169.254.169.254", ("shop.example", "169.254.0.0/16")),
        ("shop.example", "168.63.129.16", ("0.0.0.0/0",)),
        ("shop.example", "224.0.0.1", ("0.0.0.0/0",)),
        ("notshop.example", "93.184.215.14", ("*.shop.example",)),
    ],
)
def test_an_address_that_is_not_allowed_is_not_dialled(
    host: str, found: str, allow: tuple[str, ...]
) -> None:
    assert read_allowed(allow).why_not(host, found) is not None


@pytest.mark.parametrize(
    ("host", "found", "allow"),
    [
        ("shop.example", "93.184.215.14", ("shop.example",)),
        ("SHOP.example.", "93.184.215.14", ("shop.example",)),
        ("a.b.shop.example", "93.184.215.14", ("*.shop.example",)),
        ("other.example", "93.184.215.14", ("0.0.0.0/0",)),
        ("db.inner", "10.0.0.1", ("10.0.0.0/24",)),
        ("db.inner", "10.0.0.1", ("10.0.0.1",)),
        ("db.inner", "::ffff:10.0.0.1", ("10.0.0.1",)),
        ("meta.inner", "169.254.169.254", ("169.254.169.254",)),
        ("localhost", "::1", ("::1",)),
    ],
)
def test_an_address_that_is_allowed_is(host: str, found: str, allow: tuple[str, ...]) -> None:
    assert read_allowed(allow).why_not(host, found) is None


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "1.2.3", "http://a", "a..b", "*", "", "a b"])
def test_what_is_no_target_to_allow_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is no "):
        read_allowed((entry,))


async def test_without_an_allow_list_nothing_is_probed() -> None:
    async with Server(says(answer())) as server:
        with pytest.raises(RefusedError) as refused:
            await probed(f"127.0.0.1:{server.port}", module("http"), ())

    assert refused.value.why is Why.NOT_ALLOWED
    assert str(refused.value) == (
        "127.0.0.1, this machine itself: such an address is probed where probe_endpoint.allow "
        "holds it, or a network of such addresses"
    )
    assert server.connections == 0


@pytest.mark.parametrize("written", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
async def test_an_address_is_judged_however_it_is_written(written: str) -> None:
    async with Server(says(answer())) as server:
        with pytest.raises(RefusedError, match="this machine itself"):
            await probed(f"{written}:{server.port}", module("tcp"), ("0.0.0.0/0",))

    assert server.connections == 0


@pytest.mark.parametrize("prober", ["http", "tcp", "dns"])
async def test_a_name_that_leads_within_is_not_followed(prober: str) -> None:
    inner = Resolver(lambda _, port: [address("127.0.0.1", port)])
    settings = {"query_name": "a.example"} if prober == "dns" else {}
    async with Server(says(answer())) as server:
        with pytest.raises(RefusedError, match=r"shop\.example is 127\.0\.0\.1"):
            await probed(
                f"shop.example:{server.port}", module(prober, **settings), ("shop.example",), inner
            )

    assert server.connections == 0


@pytest.mark.parametrize("host", ["shop.example", "127.0.0.2", "[::ffff:127.0.0.2]"])
async def test_a_redirect_to_where_nobody_may_probe_is_not_followed(host: str) -> None:
    """By an address, and by the target's own name that is bound to another one by then."""
    reached: list[object] = []
    within = await asyncio.start_server(lambda *both: reached.append(both), "127.0.0.2", 0)
    port = within.sockets[0].getsockname()[1]
    redirect = answer(b"", "302 Found", f"Location: http://{host}:{port}/\r\n")
    async with within, Server(says(redirect)) as server:
        looked_up = iter(["127.0.0.1", "127.0.0.2"])
        rebinding = Resolver(lambda _, port: [address(next(looked_up), port)])
        target = f"shop.example:{server.port}"
        found = await probed(target, module("http"), ("127.0.0.1",), rebinding)

    assert value(found, "probe_success") == 0
    assert value(found, "probe_http_status_code") == 302
    assert "It redirects to where nobody may probe: " in "\n".join(found.findings.lines)
    assert reached == []


async def test_of_several_addresses_one_that_is_allowed_is_dialled() -> None:
    async with Server(says(answer())) as server:
        both = Resolver(lambda _, port: [address("10.9.8.7", port), address("127.0.0.1", port)])
        found = await probed(f"shop.example:{server.port}", module("tcp"), LOOPBACK, both)

    assert value(found, "probe_success") == 1
    assert value(found, "probe_ip_protocol") == 4


def test_an_address_has_the_peers_hash() -> None:
    assert Found(0.1, address("127.0.0.1")).hash == 3668918509
    assert Found(0.1, None).hash == 0


async def test_the_family_that_is_preferred_is_dialled_and_no_other_without_fallback() -> None:
    four = Resolver(lambda _, port: [address("127.0.0.1", port)])
    async with Server(says(answer())) as server:
        target = f"shop.example:{server.port}"
        falls_back = module("tcp", preferred_ip_protocol="ip6")
        strict = module("tcp", preferred_ip_protocol="ip6", ip_protocol_fallback=False)

        assert value(await probed(target, falls_back, LOOPBACK, four), "probe_success") == 1
        refused = await probed(target, strict, LOOPBACK, four)

    assert value(refused, "probe_success") == 0
    assert value(refused, "probe_ip_protocol") == 0


async def test_a_resolver_of_ours_that_is_silent_is_no_verdict() -> None:
    def silent(*_: object) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(RefusedError) as refused:
        await probed("shop.example:80", module("tcp"), LOOPBACK, Resolver(silent))

    assert refused.value.why is Why.OURS
    assert "our own resolver did not answer" in str(refused.value)


async def test_a_name_that_does_not_exist_is_the_targets_failure() -> None:
    def nowhere(*_: object) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    found = await probed("shop.example", module("http"), LOOPBACK, Resolver(nowhere))

    assert value(found, "probe_success") == 0
    assert set(found.findings.samples["probe_http_duration_seconds"]) == {(("phase", "resolve"),)}


async def test_a_host_is_pinged_where_we_may_and_else_there_is_no_verdict() -> None:
    if why_not_permitted() is None:
        found = await probed("127.0.0.1", module("icmp"))
        assert value(found, "probe_success") == 1
        phases = {dict(one)["phase"] for one in found.findings.samples[PINGED]}
        assert phases == {"resolve", "setup", "rtt"}
    else:
        with pytest.raises(RefusedError, match="may not send ICMP echoes"):
            await probed("127.0.0.1", module("icmp"))


@pytest.mark.parametrize("target", ["http://127.0.0.1", "shop.example:80", "a b"])
async def test_what_is_no_host_is_not_pinged(target: str) -> None:
    with pytest.raises(RefusedError, match="is no host to ping"):
        await probed(target, module("icmp"))


async def test_a_host_that_is_not_allowed_is_not_pinged() -> None:
    inner = Resolver(lambda *_: [address("127.0.0.1", 0)])
    with pytest.raises(RefusedError, match="this machine itself"):
        await probed("shop.example", module("icmp"), ("shop.example",), inner)


async def test_bytes_in_clear_behind_the_answer_to_starttls_fail_the_probe() -> None:
    heard: list[bytes] = []
    injected = script(b"220 mx\r\n", b"220 go on\r\n250 safe\r\n", heard=heard, hangs_up=False)
    steps = [
        {"expect": "^220"},
        {"send": "STARTTLS"},
        {"expect": "^220"},
        {"starttls": True},
        {"expect": "^250 safe"},
    ]
    async with Server(injected) as server:
        found = await probed(f"127.0.0.1:{server.port}", module("tcp", query_response=steps))
        await server.all_hung_up()

    assert value(found, "probe_success") == 0
    assert "10 bytes came in clear behind it" in "\n".join(found.findings.lines)
    assert heard == [b"STARTTLS\n"]


async def test_a_line_is_kept_in_labels_and_said_again() -> None:
    heard: list[bytes] = []
    step = {
        "expect": "^SSH-2.0-([^ ]+)(?: (.*))?$",
        "send": "I see ${1}, $2 and $$",
        "labels": [{"name": "version", "value": "${1}"}, {"name": "more", "value": "$2"}],
    }
    async with Server(script(b"SSH-2.0-OpenSSH_9\r\n", heard=heard, hangs_up=False)) as server:
        target = f"127.0.0.1:{server.port}"
        found = await probed(target, module("tcp", query_response=[step]))
        await server.all_hung_up()

    (labels,) = found.findings.samples["probe_expect_info"]
    assert dict(labels) == {"version": "OpenSSH_9", "more": ""}
    assert heard == [b"I see OpenSSH_9,  and $\n"]


async def test_bytes_are_sent_and_expected_as_they_are() -> None:
    async def postgresql(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readexactly(8)
        writer.write(b"S" if asked == SSL_REQUEST else b"E")
        rest.append(await reader.read())

    rest: list[bytes] = []
    steps = [{"send": SSL_REQUEST}, {"expect_bytes": "S"}]
    async with Server(postgresql) as server:
        target = f"127.0.0.1:{server.port}"
        found = await probed(target, module("tcp", query_response=steps))
        other = await probed(
            target, module("tcp", query_response=[steps[0], {"expect_bytes": "N"}])
        )
        await server.all_hung_up()

    assert value(found, "probe_success") == 1
    assert rest == [b"", b""]
    assert (value(other, "probe_success"), value(other, "probe_failed_due_to_bytes")) == (0, 1)


async def test_a_host_name_is_asked_for_instead_of_the_targets() -> None:
    heads: list[bytes] = []
    async with Server(keeps(heads, answer())) as server:
        target = f"127.0.0.1:{server.port}"
        found = await probed(target, module("http"), hostname="shop.example")
        other = module("http", headers={"Host": "other.example"})
        with pytest.raises(RefusedError, match="hostname= is another one"):
            await probed(target, other, hostname="shop.example")

    assert value(found, "probe_success") == 1
    assert b"\r\nhost: shop.example\r\n" in heads[0].lower()


async def test_no_more_probes_are_under_way_than_there_may_be() -> None:
    asked = prober(module("http", "300ms"), most_at_once=0)

    with pytest.raises(RefusedError) as refused:
        await asked.probe(Wanted("127.0.0.1", "one"))

    assert refused.value.why is Why.BUSY


async def test_a_probe_ends_within_the_time_that_the_scraper_waits() -> None:
    async with Server(hang) as server:
        found = await prober(module("http", "0s")).probe(
            Wanted(f"127.0.0.1:{server.port}", "one", scrape_timeout=0.75)
        )

    assert value(found, "probe_timeout_seconds") == 0.25
    assert value(found, "probe_success") == 0
    assert value(found, "probe_http_status_code") == 0


@pytest.mark.parametrize(
    ("scrape", "of_module", "given"),
    [(None, 0, 119.5), (10, 0, 9.5), (10, 5, 5), (3, 5, 2.5), (0.4, 5, 5), (0.4, 0, 0)],
)
def test_the_time_that_is_given_is_the_peers(
    scrape: float | None, of_module: float, given: float
) -> None:
    assert time_given(scrape, of_module) == given


def test_durations_and_sizes_are_written_as_in_go() -> None:
    assert read_duration("1m1.5s") == timedelta(seconds=61.5)
    assert read_size("1MB") == 1 << 20
    for wrong in ("5", "5d", "", 5, "-1s"):
        with pytest.raises(ValueError, match="is not a duration"):
            read_duration(wrong)


@pytest.mark.parametrize(
    ("section", "lacking"),
    [
        ({"proxy_url": "http://127.0.0.1:3128"}, "proxy_url is not supported by this version"),
        ({"oauth2": {"client_id": "a"}}, "oauth2 is not supported by this version"),
        ({"compression": "br"}, "compression: br is not supported by this version"),
        (
            {"tls_config": {"min_version": "TLS12"}},
            "tls_config.min_version is not supported by this version",
        ),
        ({"valid_http_versions": ["HTTP/3.0"]}, "valid_http_versions: HTTP/3.0 is not supported"),
    ],
)
async def test_what_is_not_supported_is_refused_by_name(
    section: dict[str, object], lacking: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        await probed("127.0.0.1", module("http", "20s", **section))

    assert refused.value.why is Why.NOT_SUPPORTED
    assert lacking in str(refused.value)


@pytest.mark.parametrize("kind", ["grpc", "unix", "websocket"])
async def test_a_prober_that_is_not_answered_to_is_refused_by_name(kind: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await probed("127.0.0.1", Module.model_validate({"prober": kind, "timeout": "20s"}))

    assert refused.value.why is Why.NOT_SUPPORTED
    assert f"prober: {kind} is not supported" in str(refused.value)


@pytest.mark.parametrize(
    "section",
    [
        {"body": "a", "body_file": "b"},
        {"enable_http3": True},
        {"compression": "gzip", "headers": {"Accept-Encoding": "identity, gzip;q=0"}},
        {"bearer_token": "a", "basic_auth": {"username": "b"}},
        {"fail_if_body_matches_regexp": [":["]},
        {"unknown": 1},
    ],
)
def test_a_section_that_contradicts_itself_is_refused(section: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HttpSection.model_validate(section)


def test_records_are_asked_for_by_what_there_is() -> None:
    for wrong in ({"query_type": "NOT_A"}, {"query_class": "X"}, {"valid_rcodes": ["NO"]}, {}):
        with pytest.raises(ValidationError):
            DnsSection.model_validate({"query_name": "a.example", **wrong} if wrong else {})
    assert Allowed().why_not("a.example", "93.184.215.14") is not None
