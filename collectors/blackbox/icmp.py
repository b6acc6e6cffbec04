"""Ping a host once by our own collector, and tell of it as the peer does."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from pydantic import ValidationError

from collectors.blackbox.attempt import Attempt
from collectors.blackbox.module import Module
from collectors.blackbox.refusal import RefusedError, Why
from collectors.icmp import IcmpConfig, IcmpProbe
from collectors.means import Means
from collectors.observation import Outcome, Phase
from collectors.resolve import Address, Resolver
from slo.exposition import Series


async def probe_icmp(target: str, _: Module, attempt: Attempt) -> bool:
    """Whether an echo came back. Raises what went wrong before one was sent."""
    look, findings = attempt.look, attempt.findings
    for phase in ("resolve", "setup", "rtt"):
        findings.set("probe_icmp_duration_seconds", 0, phase=phase)
    try:
        config = IcmpConfig.model_validate({"icmp": target, "packets": 1})
    except ValidationError:
        raise RefusedError(Why.NOT_READABLE, f"{target!r} is no host to ping") from None
    look.watch.enter(Phase.RESOLVE)
    (address,) = await attempt.resolver.resolve(target, 0)
    look.watch.stop()
    left = timedelta(seconds=attempt.give_up_at - asyncio.get_running_loop().time())
    probe = IcmpProbe("probe", config, Means(left, left, _Known(address)))
    seen = await probe.run(look.due, attempt.clock)
    if seen.outcome is Outcome.UNKNOWN:
        raise RefusedError(Why.OURS, seen.detail)
    first = attempt.resolver.first
    trip = seen.page.samples.get(Series("icmp_rtt_seconds", ())) if seen.page is not None else None
    setup = seen.phases.get(Phase.CONNECT, timedelta(0))
    phases = {
        "resolve": first.seconds if first is not None else 0.0,
        "setup": setup.total_seconds(),
        "rtt": float(trip.value) if trip is not None else 0.0,
    }
    for phase, seconds in phases.items():
        findings.set("probe_icmp_duration_seconds", seconds, phase=phase)
    if seen.detail:
        findings.say(f"{seen.detail}.")
    return seen.outcome is Outcome.PASSED


class _Known(Resolver):
    """The address that was looked at is the one that is dialled."""

    def __init__(self, address: Address) -> None:
        super().__init__()
        self._address = address

    async def resolve(self, host: str, port: int) -> Sequence[Address]:  # noqa: ARG002 - it is known
        return (self._address,)
