"""A resolver that gives no address that may not be dialled, and the one that is preferred."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from collectors.blackbox.allowed import Allowed
from collectors.blackbox.refusal import RefusedError, Why
from collectors.resolve import Address, Resolver

_FAMILIES = {"ip4": socket.AF_INET, "ip6": socket.AF_INET6}
_FNV_OFFSET, _FNV_PRIME = 0x811C9DC5, 0x01000193  # FNV-1a, 32 bits


@dataclass(frozen=True, slots=True)
class Found:
    """What came of the first lookup of a probe; no address where there was none."""

    seconds: float
    address: Address | None

    @property
    def protocol(self) -> int:
        if self.address is None:
            return 0
        return 6 if self.address.family is socket.AF_INET6 else 4

    @property
    def hash(self) -> int:
        """As the peer makes it of the address's bytes."""
        if self.address is None:
            return 0
        value = _FNV_OFFSET
        for byte in socket.inet_pton(self.address.family, str(self.address).partition("%")[0]):
            value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFF
        return value


def permitted(allowed: Allowed, host: str, found: Sequence[Address]) -> Sequence[Address]:
    """Those of a host's addresses that may be dialled. Raises RefusedError without any."""
    refusals = {each: allowed.why_not(host, str(each)) for each in found}
    # What is refused is no choice: an inner address beside a public one would be a way in.
    open_ = tuple(each for each, why in refusals.items() if why is None)
    if not open_:
        raise RefusedError(Why.NOT_ALLOWED, next(filter(None, refusals.values()), host))
    return open_


class GuardedResolver(Resolver):
    """For one probe. Every connection of it asks here, so that nothing is dialled unlooked at:

    not what a name resolves to the second time, and not where a redirect leads.
    """

    def __init__(
        self,
        inner: Resolver,
        allowed: Allowed,
        monotonic: Callable[[], float],
        *,
        preferred: str = "ip6",
        fallback: bool = True,
    ) -> None:
        super().__init__()
        self._inner = inner
        self._allowed = allowed
        self._monotonic = monotonic
        self._preferred = _FAMILIES[preferred]
        self._fallback = fallback
        self.first: Found | None = None

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """One address. Raises socket.gaierror, and RefusedError where none may be dialled."""
        begun = self._monotonic()
        chosen: Address | None = None
        try:
            chosen = self._chosen(host, await self._inner.resolve(host, port))
        finally:
            if self.first is None:
                self.first = Found(self._monotonic() - begun, chosen)
        return (chosen,)

    def _chosen(self, host: str, found: Sequence[Address]) -> Address:
        open_ = permitted(self._allowed, host, found)
        liked = [each for each in open_ if each.family is self._preferred]
        if not liked and not self._fallback:
            raise socket.gaierror(socket.EAI_NONAME, "it has no address of the family asked for")
        return (liked or open_)[0]
