"""Another way to a target: another resolver where there is one, and another address than failed."""

import socket
from collections.abc import Sequence

import dns.exception
import dns.resolver

from collectors.observation import Observation
from collectors.resolve import Address, Lookup, Resolver
from collectors.target import HostPort

_ANSWER_SECONDS = 3.0
_FAMILIES = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}
_RECORDS = ((socket.AF_INET6, "AAAA"), (socket.AF_INET, "A"))


class Detour(Resolver):
    """The resolver of one look that follows a failed run.

    The name is asked of `second` where there is one, and of `first` where that cannot say. Of its
    addresses, those of another family than the failed run's come first, then others than its own:
    whoever connects tries them in this order.
    """

    def __init__(
        self, first: Resolver, second: Resolver | None, server: str, failed: Observation
    ) -> None:
        """`server` is what the second resolver asks."""
        self._first = first
        self._second = second
        self._server = server
        self._avoid = failed.address
        self._asked_second = False

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """Every address of the host, by the other means first. Raises socket.gaierror."""
        return around(await self._look_up(host, port), self._avoid)

    async def _look_up(self, host: str, port: int) -> Sequence[Address]:
        if self._second is None or _is_address(host):
            return await self._first.resolve(host, port)
        try:
            found = await self._second.resolve(host, port)
        except socket.gaierror:
            # It may be a name of this house; if it is nobody's, this says so.
            return await self._first.resolve(host, port)
        self._asked_second = True
        return found

    def way(self, seen: Observation) -> str:
        """What was otherwise in the look that came to this, in a clause."""
        said = [f"its name asked of {self._server}"] if self._asked_second else []
        if seen.address is not None and self._avoid is not None and seen.address != self._avoid:
            said.append(f"at {_named(seen.address)} instead of {_named(self._avoid)}")
        elif seen.address is not None:
            said.append(f"on a fresh connection to {_named(seen.address)}")
        else:
            said.append("on a fresh connection")
        return ", ".join(said)


def around(found: Sequence[Address], avoid: str | None) -> tuple[Address, ...]:
    """These addresses, the most unlike the one to avoid first.

    With none to avoid the run may have reached none: then those that it tried last come first.
    """
    if avoid is None:
        first = found[0].family if found else None
        return tuple(sorted(found, key=lambda one: one.family is first))
    family = next((one.family for one in found if str(one) == avoid), _family(avoid))
    return tuple(sorted(found, key=lambda one: (one.family is family, str(one) == avoid)))


def lookup_at(server: HostPort) -> Lookup:
    """Ask this server for names, and none other; blocks for some seconds at most."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [server.host]
    resolver.port = server.port
    resolver.cache = None

    def lookup(host: str, port: int) -> Sequence[Address]:
        found: list[Address] = []
        for family, record in _RECORDS:
            try:
                answer = resolver.resolve(host, record, lifetime=_ANSWER_SECONDS, search=False)
            except dns.resolver.NoAnswer:
                continue
            except dns.resolver.NXDOMAIN as error:
                raise socket.gaierror(socket.EAI_NONAME, "there is no such name") from error
            except (dns.exception.DNSException, OSError) as error:
                raise socket.gaierror(socket.EAI_AGAIN, "the server did not tell") from error
            rest = (0, 0) if family is socket.AF_INET6 else ()
            found += [Address(family, (str(one.address), port, *rest)) for one in answer]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        return found

    return lookup


def _is_address(host: str) -> bool:
    return _family(host) is not None


def _family(address: str) -> socket.AddressFamily | None:
    for family in _FAMILIES:
        try:
            socket.inet_pton(family, address.partition("%")[0])
        except OSError:
            continue
        return family
    return None


def _named(address: str) -> str:
    family = _family(address)
    return f"{address} ({_FAMILIES[family]})" if family else address
