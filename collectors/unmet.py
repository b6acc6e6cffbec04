"""What is told of due instants that no run met: unknown, for it is we who were not there."""

from collections.abc import Iterator
from datetime import timedelta

from collectors.grid import from_us
from collectors.observation import Observation, Outcome

_REPORTED = 10_000  # per collector and gap; older ones are summed up


def unmet(collector_id: str, due_us: int, now_us: int, why: str) -> Observation:
    """A due instant without a run, for a reason of ours."""
    lateness = timedelta(microseconds=max(now_us - due_us, 0))
    return Observation(
        collector_id=collector_id,
        due=from_us(due_us),
        started=from_us(now_us),
        lateness=lateness,
        duration=timedelta(0),
        outcome=Outcome.UNKNOWN,
        detail=f"we were {lateness.total_seconds():.1f} s late: {why}",
    )


def misses(collector_id: str, instants_us: range, now_us: int) -> Iterator[Observation]:
    """One observation per instant, the older ones beyond a limit in one."""
    why = "this process was busy or stood still"
    summed = instants_us[:-_REPORTED]
    if summed:
        last = from_us(summed[-1]).isoformat()
        yield unmet(
            collector_id,
            summed[0],
            now_us,
            f"{why}; this stands for {len(summed)} due instants, the last at {last}",
        )
    for due_us in instants_us[-_REPORTED:]:
        yield unmet(collector_id, due_us, now_us, why)
