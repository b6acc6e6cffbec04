"""A run of a collector in a row: how it ended, and where its time went."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from collectors.observation import Observation, Outcome, Phase
from dashboards import format as write
from dashboards.format import Moment
from dashboards.source import CollectorHealth
from slo.definition import SLO

FEW_RUNS = 15
MOST_RUNS = 100  # as many as are kept of a collector


@dataclass(frozen=True, slots=True)
class PhaseBar:
    """One phase of a probe's run, on a line that is 100 long."""

    name: str
    kind: int  # its place among the phases, which gives its colour
    took: str
    start: str
    length: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of the probe."""

    at: Moment
    time: str
    outcome: str
    word: str
    took: str
    detail: str
    status: str
    bars: tuple[PhaseBar, ...]
    words: str


_OUTCOMES = {Outcome.PASSED: "Passed", Outcome.FAILED: "Failed", Outcome.UNKNOWN: "Unknown"}
_PHASES = {
    Phase.RESOLVE: "DNS",
    Phase.CONNECT: "connect",
    Phase.TLS: "TLS",
    Phase.PROCESSING: "wait",
    Phase.TRANSFER: "transfer",
    Phase.JUDGE: "judge",
}


def runs(
    collector: CollectorHealth | None, now: datetime, most: int = FEW_RUNS
) -> tuple[RunRow, ...]:
    """The newest, those that did not pass first; `most` of them."""
    if collector is None:
        return ()
    # Failures first: they are what one comes to see.
    ordered = sorted(collector.recent, key=lambda run: (run.outcome is Outcome.PASSED, -_when(run)))
    shown = ordered[:most]
    longest = max((_phases_total(run) for run in shown), default=timedelta(0))
    return tuple(run_row(run, longest, now) for run in shown)


def runs_note(
    slo: SLO, collector: CollectorHealth | None, most: int = FEW_RUNS, *, past: bool
) -> str:
    if past and (collector is None or not collector.recent):
        return "Single runs are kept for a short while only; their counts stay."
    if collector is None or not collector.recent:
        return f"No run of {slo.collector_id} since Nines started."
    shown = min(len(collector.recent), most)
    return (
        f"{shown} of the last {write.plural(len(collector.recent), 'run')} of {slo.collector_id}, "
        "those that did not pass first."
    )


def run_row(run: Observation, longest: timedelta, now: datetime) -> RunRow:
    """One run: how it ended and where its time went, on the scale of the longest run shown."""
    bars = _phase_bars(run, longest)
    facts = [f"HTTP {run.http_status}" if run.http_status else "", run.address or ""]
    seen = ", ".join(filter(None, facts))
    cause = f"{run.cause.value}: " if run.cause else ""
    detail = f"{cause}{run.detail}" if run.detail else cause.removesuffix(": ")
    return RunRow(
        at=write.moment(run.due, now),
        time=write.stamp(run.due, now, seconds=True),
        outcome=run.outcome.value,
        word=_OUTCOMES[run.outcome],
        took=write.latency(run.duration),
        detail=detail or seen or "nothing to object to",
        status=seen if detail else "",
        bars=bars,
        words=", ".join(f"{bar.name} {bar.took}" for bar in bars) or "no phases",
    )


def _when(run: Observation) -> float:
    return run.due.timestamp()


def _phases_total(run: Observation) -> timedelta:
    return sum(run.phases.values(), timedelta(0))


def _phase_bars(run: Observation, longest: timedelta) -> tuple[PhaseBar, ...]:
    bars: list[PhaseBar] = []
    start = 0.0
    for kind, phase in enumerate(Phase):
        took = run.phases.get(phase)
        if took is None or not longest:
            continue
        length = took / longest * 100
        bars.append(
            PhaseBar(_PHASES[phase], kind, write.latency(took), f"{start:.2f}", f"{length:.2f}")
        )
        start += length
    return tuple(bars)
