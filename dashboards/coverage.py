"""How much of an SLO was observed: what came, what is unknown, what is excluded."""

from datetime import datetime

from dashboards import format as write
from dashboards import learning
from dashboards.counted import noun
from slo.status import SLOStatus

MOST_ANOMALIES = 5


def coverage(status: SLOStatus, now: datetime) -> tuple[tuple[str, str], ...]:
    """How much was observed, and what is unknown."""
    slo, window = status.slo, status.window
    seen = f"{write.count(window.seen)} of {write.count(window.due)} observations due"
    unknown = window.counts.unknown
    last = status.last_observation
    return (
        ("Coverage", f"{write.coverage(window.coverage)} ({seen})"),
        (
            "Unknown",
            f"{write.count(unknown)} {noun(slo, unknown)}: our failures to look, counted for nobody"
            if unknown
            else "none",
        ),
        ("Good and bad", f"{write.count(window.counts.good)} and {write.count(window.counts.bad)}"),
        *_slices(status),
        *_excluded(status),
        ("Last observation", write.ago(last, now) if last else "none yet"),
        ("Watched since", write.stamp(status.watched_since, now) if status.watched_since else "-"),
        *(("Anomaly", f"{said} ({times})") for said, times in _anomalies(status)),
    )


def _excluded(status: SLOStatus) -> list[tuple[str, str]]:
    """What does not count, and what the numbers would be if it did."""
    raw, slo = status.raw, status.slo
    if raw is None:
        return []
    gone = status.excluded
    number = gone.total + gone.unknown
    events = (
        f"{write.count(number)} {noun(slo, number)}: {write.count(gone.good)} good, "
        f"{write.count(gone.bad)} bad, {write.count(gone.unknown)} unknown"
    )
    left = learning.left(status, raw.budget)
    return [
        ("Excluded", events if number else "nothing of this window"),
        ("Without exclusions", f"SLI {write.sli(raw.sli, slo.objective)}, budget left {left}"),
    ]


def excluded_now(status: SLOStatus, now: datetime) -> str | None:
    """That, and until when, what happens now does not count."""
    if status.excluded_now is None:
        return None
    until = write.stamp(status.excluded_now[1], now)
    return f"Excluded until {until}: what happens now does not count."


def _slices(status: SLOStatus) -> list[tuple[str, str]]:
    """What the budget is counted in, where that is no event."""
    if status.slices is None:
        return []
    observed, cost = status.slices.observed, status.slices.cost
    return [("Slices", f"{write.count(observed)} that count, {write.cost(cost)} of them bad")]


def _anomalies(status: SLOStatus) -> list[tuple[str, str]]:
    """What could not be counted as it came, the most frequent first."""
    ordered = sorted(status.anomalies.items(), key=lambda item: (-item[1], item[0]))
    return [(said, write.plural(times, "time")) for said, times in ordered[:MOST_ANOMALIES]]
