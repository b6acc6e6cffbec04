"""Probe a target that somebody names by a module that the configuration holds."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from collectors.blackbox.allowed import Allowed
from collectors.blackbox.attempt import Attempt
from collectors.blackbox.dns import probe_dns
from collectors.blackbox.findings import Findings
from collectors.blackbox.guard import GuardedResolver
from collectors.blackbox.http import probe_http
from collectors.blackbox.icmp import probe_icmp
from collectors.blackbox.module import Module
from collectors.blackbox.refusal import RefusedError, Why
from collectors.blackbox.tcp import probe_tcp
from collectors.failure import translate
from collectors.look import Look
from collectors.observation import Outcome
from collectors.request import RedirectError
from collectors.resolve import Resolver
from collectors.runnable import Clock

MOST_AT_ONCE = 200
_DEFAULT_TIMEOUT = 120.0  # seconds, of whoever does not say how long an answer is waited for
_OFFSET = 0.5  # seconds that the answer has to reach whoever waits for it
_PROBES: Mapping[str, Callable[[str, Module, Attempt], Awaitable[bool]]] = {
    "dns": probe_dns,
    "http": probe_http,
    "icmp": probe_icmp,
    "tcp": probe_tcp,
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What may be asked for."""

    modules: Mapping[str, Module] = field(default_factory=dict)
    allowed: Allowed = field(default_factory=Allowed)


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of it, and by which module."""

    findings: Findings
    module: Module


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `scrape_timeout` is how long whoever asked waits, in seconds."""

    target: str
    module: str = "http_2xx"
    hostname: str | None = None
    scrape_timeout: float | None = None


class Prober:
    """Makes probes upon request, a bounded number at once; nothing outlives one."""

    def __init__(
        self,
        endpoint: Callable[[], Endpoint | None],
        clock: Clock,
        resolver: Resolver | None = None,
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        """`endpoint` is what the configuration of now allows, None where it says nothing of it."""
        self._endpoint = endpoint
        self._clock = clock
        self._resolver = resolver or Resolver()
        self._most_at_once = most_at_once
        self._under_way = 0

    @property
    def is_open(self) -> bool:
        """Whether anything may be asked for."""
        return self._endpoint() is not None

    async def probe(self, wanted: Wanted) -> Probed:
        """Whether the target is well, in figures. Raises RefusedError: that was not found out."""
        endpoint = self._endpoint() or Endpoint()
        module = endpoint.modules.get(wanted.module)
        if module is None:
            raise RefusedError(Why.NO_MODULE, f'Unknown module "{wanted.module}"')
        if not wanted.target:
            raise RefusedError(Why.NO_TARGET, "Target parameter is missing")
        if module.lacking is not None:
            raise RefusedError(Why.NOT_SUPPORTED, f"the module {wanted.module}: {module.lacking}")
        if self._under_way >= self._most_at_once:
            said = f"{self._most_at_once} probes are under way, and more are not begun at once"
            raise RefusedError(Why.BUSY, said)
        self._under_way += 1
        try:
            return await self._probe(wanted, module, endpoint.allowed)
        finally:
            self._under_way -= 1

    async def _probe(self, wanted: Wanted, module: Module, allowed: Allowed) -> Probed:
        timeout = time_given(wanted.scrape_timeout, module.timeout.total_seconds())
        begun, now = self._clock.monotonic(), self._clock.now()
        attempt = Attempt(
            look=Look.begin("probe", now, self._clock),
            findings=Findings(),
            resolver=self._guarded(module, allowed),
            timeout=timeout,
            give_up_at=asyncio.get_running_loop().time() + timeout,
            clock=self._clock,
            hostname=wanted.hostname or None,
        )
        findings = attempt.findings
        findings.say(f"Probing {wanted.target} by {module.prober} within {timeout:g} s.")
        success = await _success(wanted.target, module, attempt)
        _tell_address(attempt)
        seconds = self._clock.monotonic() - begun
        findings.set("probe_success", success)
        findings.set("probe_duration_seconds", seconds)
        findings.set("probe_timeout_seconds", timeout)
        findings.say(f"The probe {'succeeded' if success else 'failed'} after {seconds:.3f} s.")
        return Probed(findings, module)

    def _guarded(self, module: Module, allowed: Allowed) -> GuardedResolver:
        section = module.section
        return GuardedResolver(
            self._resolver,
            allowed,
            self._clock.monotonic,
            preferred=section.preferred_ip_protocol if section is not None else "ip6",
            fallback=section is None or section.ip_protocol_fallback,
        )


def time_given(scrape: float | None, module: float) -> float:
    """Seconds for a probe: what the scraper waits less a little, or the module's if shorter."""
    waited = (scrape or _DEFAULT_TIMEOUT) - _OFFSET
    if 0 < module < waited or (waited <= 0 < module):
        return module
    return max(waited, 0.0)


async def _success(target: str, module: Module, attempt: Attempt) -> bool:
    """Raises RefusedError: what happened is no word about the target."""
    findings = attempt.findings
    try:
        async with asyncio.timeout_at(attempt.give_up_at):
            return await _PROBES[module.prober](target, module, attempt)
    except RefusedError as error:
        first = attempt.resolver.first
        if error.why is not Why.NOT_ALLOWED or first is None or first.address is None:
            raise
        # The target itself may be probed; where it sends us, we do not go.
        findings.say(f"It redirects to where nobody may probe: {error}.")
    except RedirectError as error:
        findings.say(f"{error}.")
    except Exception as error:
        outcome, _, sentence = translate(error, attempt.look.watch.phase)
        if outcome is Outcome.UNKNOWN:
            raise RefusedError(Why.OURS, sentence) from error
        findings.say(f"{sentence}.")
    return False


def _tell_address(attempt: Attempt) -> None:
    first = attempt.resolver.first
    if first is None:
        return
    attempt.findings.set("probe_dns_lookup_time_seconds", first.seconds)
    attempt.findings.set("probe_ip_protocol", first.protocol)
    attempt.findings.set("probe_ip_addr_hash", first.hash)


__all__ = ["Endpoint", "Probed", "Prober", "RefusedError", "Wanted", "Why"]
