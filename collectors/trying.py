"""Look once at an address that somebody gives, and at no address that they may not reach by us."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from collectors.blackbox.allowed import Allowed
from collectors.blackbox.guard import permitted
from collectors.blackbox.refusal import RefusedError, Why
from collectors.http import HttpConfig, HttpProbe
from collectors.means import Means
from collectors.observation import Observation, Outcome
from collectors.promql import Promql, PromqlConfig, Stretch
from collectors.resolve import Address, Resolver
from collectors.runnable import Clock
from slo.exposition import Page

TIMEOUT = timedelta(seconds=2)
ASKED_WITHIN = timedelta(seconds=5)
HISTORY_WITHIN = timedelta(seconds=20)
MOST_AT_ONCE = 8
_BODY_BYTES = 256 * 1024  # what is beyond is not read
_T = TypeVar("_T")
_ID = "first/look"  # of a collector that runs once, where others have service and name


class OpenResolver(Resolver):
    """For one look. Every connection of it asks here, also where a redirect leads: what a name is
    found to be is dialled, or nothing is.
    """

    def __init__(self, inner: Resolver, allowed: Allowed) -> None:
        super().__init__()
        self._inner = inner
        self._allowed = allowed
        self.opened = 0
        self.refusal: str | None = None  # why the last question was not answered

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """The addresses that may be dialled. Raises socket.gaierror; RefusedError without any."""
        found = await self._inner.resolve(host, port)
        try:
            open_ = permitted(self._allowed, host, found)
        except RefusedError as error:
            self.refusal = str(error)
            raise
        self.opened += 1
        return open_


async def look_once(config: HttpConfig, clock: Clock, resolver: Resolver) -> Observation:
    """One run of the collector that would watch it, within two seconds.

    Raises ValueError for TLS files that cannot be read.
    """
    short = config.model_copy(update={"body_limit": _BODY_BYTES})
    collector = HttpProbe(_ID, short, Means(TIMEOUT, TIMEOUT, resolver))
    return await collector.run(clock.now(), clock)


class Tries:
    """Looks upon request, a bounded number at once."""

    def __init__(
        self,
        allowed: Callable[[], Allowed],
        clock: Clock,
        resolver: Resolver | None = None,
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        """`allowed` is what the configuration of now opens."""
        self._allowed = allowed
        self._clock = clock
        self._resolver = resolver or Resolver()
        self._most_at_once = most_at_once
        self._under_way = 0

    async def look(self, config: HttpConfig) -> Observation:
        """What was seen. Raises RefusedError where nobody may look there, or too many do."""
        resolver = self.resolver()
        seen = await self.bounded(lambda: look_once(config, self._clock, resolver))
        return told(seen, resolver)

    async def ask(self, config: PromqlConfig) -> Observation:
        """What a Prometheus answers now. Raises RefusedError likewise."""
        resolver = self.resolver()
        collector = Promql(_ID, config, Means(ASKED_WITHIN, ASKED_WITHIN, resolver))
        now = self._clock.now()
        return told(await self.bounded(lambda: collector.run(now, self._clock)), resolver)

    async def history(
        self, config: PromqlConfig, stretch: Stretch
    ) -> tuple[Observation, Mapping[datetime, Page]]:
        """What it kept of a stretch. Raises RefusedError likewise."""
        resolver = self.resolver()
        means = Means(stretch.step, HISTORY_WITHIN, resolver)
        collector = Promql(_ID, config, means)
        seen, pages = await self.bounded(lambda: collector.history(stretch, self._clock))
        return told(seen, resolver), pages

    def resolver(self) -> OpenResolver:
        """For one look."""
        return OpenResolver(self._resolver, self._allowed())

    async def permit(self, host: str, port: int) -> None:
        """Raises RefusedError where nobody may look there; a name that is not found is let be."""
        resolver = self.resolver()
        try:
            await resolver.resolve(host, port)
        except OSError:  # it may be found one day, and is a result until then
            return

    async def bounded(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Do it, unless too much is done already. Raises RefusedError."""
        if self._under_way >= self._most_at_once:
            said = f"{self._most_at_once} addresses are being tried; try again in a moment"
            raise RefusedError(Why.BUSY, said)
        self._under_way += 1
        try:
            return await work()
        finally:
            self._under_way -= 1


def told(seen: Observation, resolver: OpenResolver) -> Observation:
    """What may be said of it. Raises RefusedError where the address itself was refused."""
    if resolver.refusal is None:
        return seen
    if not resolver.opened:
        raise RefusedError(Why.NOT_ALLOWED, resolver.refusal)
    # The target itself may be looked at; where it sends us, we do not go.
    detail = f"it redirects to where nobody may look from here: {resolver.refusal}"
    return replace(seen, outcome=Outcome.UNKNOWN, cause=None, phase=None, detail=detail)
