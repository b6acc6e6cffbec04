"""Ask over the network which targets there are."""

import asyncio
from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.resolver
import httpx

from nines.config.discovery import DnsNames
from nines.config.sd import Target, parse_json

WITHIN_SECONDS = 5.0
_MOST_BYTES = 8 * 1024 * 1024
_REFRESH_HEADER = "X-Prometheus-Refresh-Interval-Seconds"


class NotToldError(Exception):
    """It cannot be said which targets there are; in words, without a secret."""


async def ask_http(url: str, bearer_token: str | None, refresh: float) -> tuple[Target, ...]:
    """What an HTTP service discovery of Prometheus answers. Raises NotToldError."""
    headers = {"accept": "application/json", _REFRESH_HEADER: f"{refresh:g}"}
    if bearer_token is not None:
        headers["authorization"] = f"Bearer {bearer_token}"
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            body = await _fetch(url, headers)
        return await asyncio.to_thread(parse_json, body, "its answer")
    except TimeoutError:
        raise NotToldError(f"it did not answer within {WITHIN_SECONDS:g} s") from None
    except (httpx.HTTPError, OSError) as error:  # OSError: of ours, such as no file descriptor
        raise NotToldError(f"it cannot be asked: {str(error) or type(error).__name__}") from None
    except ValueError as error:
        raise NotToldError(str(error)) from None


async def ask_dns(asked: DnsNames, nameservers: Sequence[str] = ()) -> tuple[Target, ...]:
    """The targets that the records of these names are. Raises NotToldError.

    A name that does not exist has no targets; a resolver that fails has told nothing. By default
    the system's `nameservers` are asked, which may be written as host:port.
    """
    try:
        resolver = _resolver(nameservers)
        found = await asyncio.gather(*(_records(resolver, name, asked) for name in asked.names))
    except (dns.exception.DNSException, OSError) as error:
        said = str(error) or type(error).__name__
        raise NotToldError(f"it cannot be looked up: {said}") from None
    # An answer has no order: sorted, so that the same records are the same targets.
    return tuple(dict.fromkeys(sorted(target for part in found for target in part)))


def _resolver(nameservers: Sequence[str]) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(configure=not nameservers)
    resolver.lifetime = WITHIN_SECONDS
    if nameservers:
        split = [server.rpartition(":") for server in nameservers]
        resolver.nameservers = [host for host, _, _ in split]
        resolver.nameserver_ports = {host: int(port) for host, _, port in split}
    return resolver


async def _records(
    resolver: dns.asyncresolver.Resolver, name: str, asked: DnsNames
) -> list[Target]:
    try:
        answer = await resolver.resolve(name, asked.type, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    labels = {"__meta_dns_name": name}
    if asked.type != "SRV":
        return [Target.of(_address(one.address, asked.port), labels) for one in answer]
    return [
        Target.of(
            f"{one.target.to_text(omit_final_dot=True)}:{one.port}",
            {
                **labels,
                "__meta_dns_srv_record_target": one.target.to_text(),
                "__meta_dns_srv_record_port": str(one.port),
            },
        )
        for one in answer
    ]


def _address(host: str, port: int | None) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _fetch(url: str, headers: dict[str, str]) -> bytes:
    async with (
        httpx.AsyncClient(trust_env=False, timeout=None) as client,  # noqa: S113 - bounded above
        client.stream("GET", url, headers=headers) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise NotToldError(f"it answered {response.status_code}")
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > _MOST_BYTES:
                raise NotToldError("its answer is larger than 8 MiB")
        return bytes(body)
