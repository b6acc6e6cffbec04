"""Probe a host by ICMP echoes: how many come back, and how fast."""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from collectors.expect import Failure
from collectors.expectation import never_judged
from collectors.icmp_wire import (
    TOKEN_BYTES,
    Echoes,
    Fate,
    Heard,
    NotPermittedError,
    OpenEchoes,
    open_echoes,
)
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Phase
from collectors.resolve import Address
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, Strict, positive
from collectors.stream import most_telling
from slo.exposition import Page, Sample, Series
from slo.units import Duration, Percent, format_duration, format_percent

_GAP_SECONDS = 0.2  # between echoes, where the timeout leaves room for it
_MOST_PACKETS = 20
_HOST_PATTERN = r"^[^\s:/\[\]@?#]+$|^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[\w.-]+)?$"
_IP = {4: "AF_INET", 6: "AF_INET6"}


def _share(value: Decimal) -> Decimal:
    if not 0 <= value < 1:
        raise ValueError("it lies between 0% and less than 100%")
    return value


class IcmpExpect(Strict):
    """How much may be lost, and how long the way may take; one answer is enough by default."""

    loss_at_most: Annotated[Percent, AfterValidator(_share)] | None = None
    rtt_at_most: Annotated[Duration, AfterValidator(positive)] | None = Field(
        None, description="There and back, on the average."
    )


class IcmpConfig(CollectorSettings):
    """Ping a host."""

    icmp: str = Field(pattern=_HOST_PATTERN, examples=["router.example", "2001:db8::1"])
    ip: Literal[4, 6] | None = None
    packets: int = Field(default=3, ge=1, le=_MOST_PACKETS, strict=True)
    expect: IcmpExpect = IcmpExpect()

    def within(self, timeout: timedelta) -> Iterator[tuple[tuple[str, ...], str]]:
        late = self.expect.rtt_at_most
        if late is not None and late > timeout:
            yield ("expect", "rtt_at_most"), never_judged(late, timeout)


@dataclass(slots=True)
class Tally:
    """What was sent, and what became of it."""

    sent: dict[int, float] = field(default_factory=dict)  # number: monotonic seconds
    trips: dict[int, float] = field(default_factory=dict)  # number: seconds, of what came back
    troubles: dict[int, Heard] = field(default_factory=dict)

    def take(self, heard: Heard, now: float) -> None:
        """Note what is heard of an echo; the first word on each counts."""
        if heard.sequence not in self.sent or heard.sequence in self.trips:
            return
        if heard.fate is Fate.ANSWERED:
            self.trips[heard.sequence] = now - self.sent[heard.sequence]
        else:
            self.troubles.setdefault(heard.sequence, heard)

    @property
    def settled(self) -> int:
        """Of how many it is known what became."""
        return len(self.trips.keys() | self.troubles.keys())

    @property
    def lost(self) -> int:
        return len(self.sent) - len(self.trips)

    @property
    def mean(self) -> float | None:
        """Seconds, there and back."""
        return sum(self.trips.values()) / len(self.trips) if self.trips else None


class IcmpProbe:
    """One host, and how much may be lost on the way to it."""

    kind = "icmp"

    def __init__(
        self,
        collector_id: str,
        config: IcmpConfig,
        means: Means,
        open_: OpenEchoes = open_echoes,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`chance` gives so many bytes that nobody guesses."""
        self.id = collector_id
        self.target = config.icmp
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._resolver = means.resolver
        self._open = open_
        self._chance = chance

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self.timeout.total_seconds()
        tally = Tally()
        try:
            # What our resolver takes is not the target's: half of the time is for the echoes.
            async with asyncio.timeout(self.timeout.total_seconds() / 2):
                look.watch.enter(Phase.RESOLVE)
                addresses = await self._addresses()
            if not addresses:
                look.watch.stop()
                said = f"the host name has no IPv{self._config.ip} address"
                return look.failed(Cause.DNS, said, Phase.RESOLVE)
            look.watch.enter(Phase.CONNECT)
            with self._begun(addresses, look, tally, clock) as echoes:
                look.watch.enter(Phase.PROCESSING)
                await self._exchange(echoes, tally, clock, give_up_at)
        except NotPermittedError as error:
            look.watch.stop()
            look.warning = str(error)
            return look.unknown(look.warning)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error)
        look.watch.stop()
        failure = judge(self._config.expect, tally)
        if failure is None:
            return replace(look.passed(), page=page(tally))
        phase = Phase.JUDGE if tally.trips else Phase.PROCESSING
        return replace(look.failed(failure.cause, failure.sentence, phase), page=page(tally))

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _addresses(self) -> list[Address]:
        found = await self._resolver.resolve(self._config.icmp, 0)
        wanted = _IP[self._config.ip] if self._config.ip is not None else None
        return [one for one in found if wanted is None or one.family.name == wanted]

    def _begun(self, addresses: list[Address], look: Look, tally: Tally, clock: Clock) -> Echoes:
        """The first address to which this machine can send, with the first echo on its way."""
        failures: list[OSError] = []
        for address in addresses:
            look.address = str(address)
            chance = self._chance(TOKEN_BYTES + 2)
            ident = int.from_bytes(chance[TOKEN_BYTES:], "big")
            try:
                echoes = self._open(address, ident, chance[:TOKEN_BYTES])
            except OSError as error:
                failures.append(error)
                continue
            tally.sent[0] = clock.monotonic()
            try:
                echoes.send(0)
            except OSError as error:
                echoes.close()
                failures.append(error)
            else:
                return echoes
        raise most_telling(failures)

    async def _exchange(
        self, echoes: Echoes, tally: Tally, clock: Clock, give_up_at: float
    ) -> None:
        """Send the rest, each in its time, and listen until all is known or time is up."""
        loop, packets = asyncio.get_running_loop(), self._config.packets
        # The last one has half of the time to come back.
        gap = min(_GAP_SECONDS, self.timeout.total_seconds() / 2 / packets)
        following = loop.time() + gap
        while tally.settled < packets and loop.time() < give_up_at:
            until = min(following, give_up_at) if len(tally.sent) < packets else give_up_at
            try:
                async with asyncio.timeout_at(until):
                    tally.take(await echoes.hear(), clock.monotonic())
            except TimeoutError:
                if loop.time() < give_up_at:
                    sequence = len(tally.sent)
                    tally.sent[sequence] = clock.monotonic()
                    echoes.send(sequence)
                    following += gap
        # Where we were late ourselves, what came meanwhile lies there.
        for heard in echoes.waiting():
            if heard is not None:
                tally.take(heard, clock.monotonic())


def judge(expect: IcmpExpect, tally: Tally) -> Failure | None:
    """What is not as expected; None where all is."""
    sent, mean = len(tally.sent), tally.mean
    troubles = list(tally.troubles.values())
    if mean is None and troubles:
        first = troubles[0]
        loop = " (a loop of routes, perhaps)" if first.fate is Fate.EXPIRED else ""
        told = f"{first.why}, says {first.by}{loop}"
        return Failure(Cause.CONNECT, f"no echo came back: {told} ({len(troubles)} of {sent})")
    if mean is None:
        return Failure(Cause.TIMEOUT, f"no echo came back of {sent} that were sent")
    if expect.loss_at_most is not None and tally.lost > expect.loss_at_most * sent:
        most = format_percent(expect.loss_at_most)
        why = f" ({troubles[0].why}, says {troubles[0].by})" if troubles else ""
        said = f"{tally.lost} of {sent} echoes were lost{why}; expected at most {most}"
        return Failure(Cause.ASSERTION, said)
    if expect.rtt_at_most is not None and mean > expect.rtt_at_most.total_seconds():
        took = f"{mean * 1000:.1f} ms"
        most = format_duration(expect.rtt_at_most)
        return Failure(
            Cause.LATENCY, f"an echo takes {took} there and back; expected at most {most}"
        )
    return None


def page(tally: Tally) -> Page:
    """What rules may read."""
    values: dict[str, int | float] = {
        "icmp_packets_sent": len(tally.sent),
        "icmp_packets_received": len(tally.trips),
        "icmp_loss_ratio": tally.lost / len(tally.sent),
    }
    if (mean := tally.mean) is not None:
        values["icmp_rtt_seconds"] = mean
        values["icmp_rtt_max_seconds"] = max(tally.trips.values())
        values["icmp_rtt_min_seconds"] = min(tally.trips.values())
    return Page({Series(name, ()): Sample(value) for name, value in values.items()})
