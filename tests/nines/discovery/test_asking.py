"""Who is asked for targets over real sockets, and what became of it."""

import json
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.rcode
import pytest

from nines.config.discovery import DnsNames
from nines.config.sd import Target
from nines.demo.http_server import HttpServer, Misbehaviour, Request, Response
from nines.discovery import asking
from nines.discovery.asking import NotToldError, ask_dns, ask_http
from tests.fakes.names import names, refuses, says

GROUPS = json.dumps([{"targets": ["a:80"], "labels": {"city": "Berlin"}}]).encode()


@asynccontextmanager
async def serving(answer: Response | Misbehaviour) -> AsyncIterator[tuple[str, list[Request]]]:
    asked: list[Request] = []

    def handle(request: Request) -> Response | Misbehaviour:
        asked.append(request)
        return answer

    server = HttpServer(handle)
    await server.start()
    try:
        yield f"{server.url}/targets", asked
    finally:
        await server.refuse()


async def test_http_is_asked_as_prometheus_would() -> None:
    async with serving(Response(200, GROUPS)) as (url, asked):
        found = await ask_http(url, "hush", 30)

    assert found == (Target.of("a:80", {"city": "Berlin"}),)
    headers = {name.lower(): value for name, value in asked[0].headers.items()}
    assert headers["x-prometheus-refresh-interval-seconds"] == "30"
    assert headers["authorization"] == "Bearer hush"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response(500, b"x"), "it answered 500"),
        (Response(302, b"", headers={"location": "/elsewhere"}), "it answered 302"),
        (Response(200, b"<html>"), "its answer is no JSON"),
        (Response(200, b'[{"targets": 1}]'), "group 1: `targets` is no list"),
        (Misbehaviour.RESET, "it cannot be asked"),
        (Misbehaviour.HANG, "it did not answer within"),
    ],
)
async def test_who_does_not_tell_is_told_of(
    answer: Response | Misbehaviour, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answer is Misbehaviour.HANG:
        monkeypatch.setattr(asking, "WITHIN_SECONDS", 0.2)
    async with serving(answer) as (url, _):
        with pytest.raises(NotToldError, match=said):
            await ask_http(url, None, 30)


async def test_records_are_targets_in_an_order_of_their_own() -> None:
    srv = DnsNames(names=("_web._tcp.shop.example",))
    async with names(says("0 0 8080 b.example.", "0 0 8080 a.example.")) as servers:
        found = await ask_dns(srv, servers)
    assert [one.address for one in found] == ["a.example:8080", "b.example:8080"]
    assert found[0].labels["__meta_dns_name"] == "_web._tcp.shop.example"

    async with names(says("2001:db8::1")) as servers:
        v6 = await ask_dns(DnsNames(names=("shop.example",), type="AAAA", port=443), servers)
    assert [one.address for one in v6] == ["[2001:db8::1]:443"]


async def test_a_name_that_is_not_there_has_no_targets() -> None:
    for answer in (refuses(dns.rcode.NXDOMAIN), says()):
        async with names(answer) as servers:
            assert await ask_dns(DnsNames(names=("shop.example",)), servers) == ()


async def test_a_name_server_that_fails_has_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "WITHIN_SECONDS", 0.5)
    async with names(refuses(dns.rcode.SERVFAIL)) as servers:
        with pytest.raises(NotToldError, match="it cannot be looked up"):
            await ask_dns(DnsNames(names=("shop.example",)), servers)


async def test_that_no_file_descriptor_is_left_is_told_as_any_reason() -> None:
    async with serving(Response(200, GROUPS)) as (url, _):
        await ask_http(url, None, 30)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            with pytest.raises(NotToldError, match="Too many open files"):
                await ask_http(url, None, 30)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
