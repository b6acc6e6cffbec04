"""One probe under way."""

from dataclasses import dataclass

from collectors.blackbox.findings import Findings
from collectors.blackbox.guard import GuardedResolver
from collectors.look import Look
from collectors.runnable import Clock


@dataclass(frozen=True, slots=True)
class Attempt:
    """`give_up_at` is in the event loop's time; `hostname` is asked for instead of the target's."""

    look: Look
    findings: Findings
    resolver: GuardedResolver
    timeout: float  # seconds
    give_up_at: float
    clock: Clock
    hostname: str | None = None
