"""Whether anything comes to be counted and, if not, why: each reason is another person's work."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alerting.wording import NO_DATA_WORDS, NoDataCause, capital
from dashboards import format as write
from slo.status import SLOStatus
from slo.units import format_duration


class FlowState(StrEnum):
    """What comes. The last of them is told of the past, where why nothing came is not kept."""

    FLOWING = "flowing"
    IDLE = "idle"
    TARGET_DOWN = "target_down"
    COLLECTOR_DOWN = "collector_down"
    SERIES_MISSING = "series_missing"
    WAITING = "waiting"
    STOPPED = "stopped"


_WORDS = {
    FlowState.FLOWING: "Events come",
    FlowState.IDLE: "Idle",
    FlowState.TARGET_DOWN: "Target down",
    FlowState.COLLECTOR_DOWN: "Collector down",
    FlowState.SERIES_MISSING: "Series missing",
    FlowState.WAITING: "Waiting",
    FlowState.STOPPED: "Nothing came",
}
_OF_CAUSE = {
    NoDataCause.TARGET_DOWN: FlowState.TARGET_DOWN,
    NoDataCause.COLLECTOR_DOWN: FlowState.COLLECTOR_DOWN,
    NoDataCause.SERIES_MISSING: FlowState.SERIES_MISSING,
    NoDataCause.WAITING: FlowState.WAITING,
}
WhyNoData = tuple[NoDataCause, str]  # why, and the collector's own sentence about it


@dataclass(frozen=True, slots=True)
class Flow:
    """What comes, in a word and a clause; `since` is when the last observation was due."""

    state: FlowState
    word: str
    clause: str
    since: datetime | None

    @property
    def flows(self) -> bool:
        return self.state is FlowState.FLOWING

    @property
    def sentence(self) -> str:
        return f"{capital(self.clause)}."


FlowOf = Callable[[SLOStatus], Flow]


def is_silent(status: SLOStatus) -> bool:
    """Did observations stop coming? What is excluded is silent by intent."""
    if status.excluded_now is not None:
        return False
    heard = status.last_observation
    return heard is None or status.at - heard > status.slo.stale_after


def flow_state(status: SLOStatus, cause: NoDataCause | None) -> FlowState:
    """What comes; `cause` is why nothing does, where that is known."""
    brief = status.burns[0].window if status.burns else status.window
    if not is_silent(status):
        idle = brief.seen and not brief.counts.total and not brief.counts.unknown
        return FlowState.IDLE if idle else FlowState.FLOWING
    if cause is not None:
        return _OF_CAUSE[cause]
    return FlowState.COLLECTOR_DOWN if brief.counts.unknown else FlowState.STOPPED


def flow_of(status: SLOStatus, why: WhyNoData | None, now: datetime) -> Flow:
    """What comes, in words; `why` is asked of the collector when nothing does."""
    state = flow_state(status, why[0] if why else None)
    heard = status.last_observation
    last = f"the last observation was {write.ago(heard, now)}" if heard else "none ever came"
    match state:
        case FlowState.FLOWING:
            clause = f"events come; {last}"
        case FlowState.IDLE:
            clause = f"the collector works and nothing happens: {_idle(status)}"
        case FlowState.WAITING:
            clause = _silent(status, why)
        case FlowState.STOPPED:
            clause = f"observations had stopped, why is not kept; {last}"
        case _:
            clause = f"{_silent(status, why)}; {last}"
    return Flow(state, _WORDS[state], clause, heard)


def _idle(status: SLOStatus) -> str:
    """The longest stretch in which it looked and found nothing."""
    quiet = [burn for burn in status.burns if burn.window.seen and not burn.window.counts.total]
    longest = quiet[-1]
    return (
        f"no event in the last {format_duration(longest.lookback)}, of which "
        f"{write.plural(longest.window.seen, 'observation')} came"
    )


def _silent(status: SLOStatus, why: WhyNoData | None) -> str:
    if why is None:
        unknown = write.count(status.burns[0].window.counts.unknown)
        return f"{NO_DATA_WORDS[NoDataCause.COLLECTOR_DOWN]}: {unknown} looks failed"
    words, detail = NO_DATA_WORDS[why[0]], why[1].strip().rstrip(".")
    return f"{words}: {detail}" if detail else words
