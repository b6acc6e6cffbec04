"""Which targets may be probed for whoever asks: names and networks, and nothing else."""

import re
from dataclasses import dataclass, replace
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAME = re.compile(r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")
_TRANSLATED = ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_COMPATIBLE = ip_network("::/96")  # RFC 4291, 2.5.5.1: likewise

_INTERNET = (ip_network("0.0.0.0/0"), ip_network("::/0"))

# What stands for this machine, its neighbours, or nobody; the names are for sentences.
_INNER: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("127.0.0.0/8", "this machine itself"),
        ("::1/128", "this machine itself"),
        ("0.0.0.0/8", "this machine itself"),
        ("::/128", "this machine itself"),
        ("10.0.0.0/8", "a private network"),
        ("172.16.0.0/12", "a private network"),
        ("192.168.0.0/16", "a private network"),
        ("100.64.0.0/10", "a provider's inner network"),
        ("192.0.0.0/24", "a network for protocols"),
        ("198.18.0.0/15", "a network for benchmarks"),
        ("169.254.0.0/16", "a link-local network"),
        ("fc00::/7", "a private network"),
        ("fe80::/10", "a link-local network"),
        ("fec0::/10", "a private network"),
        ("64:ff9b:1::/48", "a network behind a translator"),
        ("2001::/32", "a tunnel"),
        ("224.0.0.0/4", "a multicast group"),
        ("240.0.0.0/4", "a reserved network"),
        ("ff00::/8", "a multicast group"),
    )
)
# Where clouds hand out credentials to whoever asks from within.
_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fd20:ce::254",
            "100.100.100.200", "192.0.0.192", "168.63.129.16",
        ),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Allowed:
    """`names` in lower case; one that begins with `*.` stands for all below it.

    `key` is where the configuration holds them, for sentences.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    key: str = "probe_endpoint.allow"

    def why_not(self, host: str, address: str) -> str | None:
        """Why a connection to this address, found for this host, is not made; None if it may be.

        A name opens public addresses only. An inner one is opened by a network that is inner
        itself, so that 0.0.0.0/0 means the Internet; one of a cloud's metadata by itself alone.
        """
        found = _meant(ip_address(address.partition("%")[0]))
        is_named = f"{host} is {found}" if host != str(found) else str(found)
        if found in _METADATA:
            if any(network.num_addresses == 1 and found in network for network in self.networks):
                return None
            return f"{is_named}, where a cloud hands out credentials"
        what = _inner(found)
        if what is not None:
            if any(_opens_inner(network, found) for network in self.networks):
                return None
            return (
                f"{is_named}, {what}: such an address is probed where {self.key} holds it, or a "
                "network of such addresses"
            )
        if any(found in network for network in self.networks) or self._names(host):
            return None
        return f"{is_named}: neither the name nor the address is in {self.key}"

    def _names(self, host: str) -> bool:
        name = host.rstrip(".").lower()
        parts = name.split(".")
        return name in self.names or any(
            f"*.{'.'.join(parts[at:])}" in self.names for at in range(1, len(parts))
        )


def read_allowed(entries: tuple[str, ...]) -> Allowed:
    """Of `10.0.0.0/8`, `192.0.2.1`, `shop.example` and `*.shop.example`. Raises ValueError."""
    names: set[str] = set()
    networks: list[Network] = []
    for entry in entries:
        network = read_entry(entry)
        if isinstance(network, str):
            names.add(network)
        else:
            networks.append(network)
    return Allowed(frozenset(names), tuple(networks))


def everybodys(allowed: Allowed, *others: Allowed) -> Allowed:
    """The same and the Internet; what is inner stays closed, but for what one of them opens."""
    networks = [network for one in (allowed, *others) for network in one.networks]
    return replace(allowed, networks=(*networks, *_INTERNET))


def read_entry(entry: str) -> str | Network:
    """A network, an address as a network of one, or a name in lower case. Raises ValueError."""
    text = entry.strip()
    try:
        return ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            whole = ip_network(text, strict=False)
            raise ValueError(f"{entry!r} is no network; {whole} is the one around it") from None
    if _NAME.fullmatch(text) is None or re.fullmatch(r"[\d.]+", text) or ".." in text:
        raise ValueError(
            f"{entry!r} is no target to allow: write an address, a network such as 10.0.0.0/8, a "
            "name such as shop.example, or *.shop.example for all names below it"
        )
    return text.rstrip(".").lower()


def _meant(address: Address) -> Address:
    """The address that is reached: an IPv4 one that is wrapped into IPv6 is looked at itself."""
    if isinstance(address, IPv4Address):
        return address
    inside = address.ipv4_mapped or address.sixtofour
    if inside is not None:
        return inside
    is_wrapped = address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 1)
    return IPv4Address(int(address) & 0xFFFFFFFF) if is_wrapped else address


def _inner(address: Address) -> str | None:
    return next((what for network, what in _INNER if address in network), None)


def _opens_inner(network: Network, address: Address) -> bool:
    return address in network and any(
        network.version == inner.version and network.subnet_of(inner)  # type: ignore[arg-type]
        for inner, _ in _INNER
    )
