"""What a derived SLI is made of: its vantages or the SLOs of a journey, and which broke it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collectors.observation import Observation, Outcome
from dashboards import format as write
from dashboards import learning, links, states
from dashboards.format import Moment
from dashboards.source import CollectorHealth
from dashboards.states import Mark
from slo.counts import Counts
from slo.definition import SLO, CompositeSLI, DerivedSLI, QuorumSLI
from slo.slices import NoData
from slo.status import Part, SLOStatus
from slo.units import format_duration

_PAIR = 2  # with so many needed, those that are too few are one
_PAST = "How they stood is told of now alone; which of them failed stands among the causes."
_WORDS = {Outcome.PASSED: "Passed", Outcome.FAILED: "Failed", Outcome.UNKNOWN: "Unknown"}


@dataclass(frozen=True, slots=True)
class PartRow:
    """One vantage, with how its last run ended, or one component, with how its SLO stands."""

    name: str
    url: str
    marks: tuple[Mark, ...]
    outcome: str  # passed, failed, unknown, none; of a vantage
    word: str
    last: Moment | None
    detail: str
    own: str  # its own SLI
    own_of: str  # over what
    hour: str
    bad: str
    alone: str


@dataclass(frozen=True, slots=True)
class MadeOf:
    """The section of the page."""

    title: str
    note: str
    what: str  # what a row is
    bad_header: str
    alone_header: str | None  # None: nothing can be alone
    rows: tuple[PartRow, ...]


def view(
    status: SLOStatus,
    components: Sequence[SLOStatus],
    vantages: Sequence[CollectorHealth],
    now: datetime,
) -> MadeOf | None:
    """The section at `now`; None for an SLO whose events are counted by a collector."""
    sli = status.slo.sli
    if isinstance(sli, QuorumSLI):
        by_collector, slo = {one.id: one for one in vantages}, status.slo
        return MadeOf(
            title="Vantages",
            note=_disagreement(status) if status.parts else _PAST,
            what="Vantage",
            bad_header="Bad with others",
            alone_header="One vantage" if sli.bad_at == _PAIR else "Too few",
            rows=tuple(
                _vantage(part, by_collector.get(part.id), slo, now) for part in status.parts
            ),
        )
    if isinstance(sli, CompositeSLI):
        by_sli = {one.slo.sli_id: one for one in reversed(components)}
        return MadeOf(
            title="Made of",
            note=_judged_by(sli) if status.parts else _PAST,
            what="SLO",
            bad_header="Bad slices" if not sli.weighted else "Bad, as weighed",
            alone_header=None,
            rows=tuple(_component(part, by_sli.get(part.id)) for part in status.parts),
        )
    return None


def _judged_by(sli: CompositeSLI) -> str:
    return f"Slices of {format_duration(sli.slice)}, judged by what these counted in them."


def _disagreement(status: SLOStatus) -> str:
    window = status.slo.window.phrase
    if not status.beside:
        return f"Never in {window} did too few of them fail to make a slice bad."
    return (
        f"In {write.plural(status.beside, 'slice')} of {window} some failed, and too few to make "
        "them bad: one vantage is no outage."
    )


def _vantage(part: Part, collector: CollectorHealth | None, slo: SLO, now: datetime) -> PartRow:
    last = collector.last if collector else None
    return PartRow(
        name=part.name,
        url=links.service_url(part.id.partition("/")[0]),
        marks=(),
        outcome=last.outcome.value if last else "none",
        word=_WORDS[last.outcome] if last else "No run yet",
        last=write.moment(last.due, now) if last else None,
        detail=_detail(last) if last else "",
        own=write.sli(part.window.good_ratio if part.window else None, slo.objective),
        own_of=_of(part.window),
        hour=_hour(part),
        bad=write.count(part.bad),
        alone=write.count(part.alone),
    )


def _component(part: Part, status: SLOStatus | None) -> PartRow:
    return PartRow(
        name=part.name,
        url=links.slo_url(part.id),
        marks=states.marks(status) if status else (),
        outcome="",
        word="",
        last=None,
        detail=_promise(status) if status else "",
        own=write.sli(status.sli, status.slo.objective) if status else write.NO_DATA,
        own_of=f"over {status.slo.window.label}" if status else "",
        hour=_hour(part),
        bad=write.count(part.bad),
        alone="",
    )


def _detail(run: Observation) -> str:
    cause = f"{run.cause.value}: " if run.cause else ""
    return f"{cause}{run.detail}" if run.detail else cause.removesuffix(": ")


def _of(counts: Counts | None) -> str:
    """What a vantage's own SLI is of."""
    return f"{write.count(counts.bad)} of {write.count(counts.total)} bad" if counts else ""


def _hour(part: Part) -> str:
    counts = part.hour
    if not counts.total:
        return "nothing" if not counts.unknown else f"{write.count(counts.unknown)} unknown"
    return f"{write.count(counts.bad)} of {write.count(counts.total)} bad"


def _promise(status: SLOStatus) -> str:
    slo = status.slo
    left = "" if status.budget is None else f", {_left(status)}"
    return f"{write.objective(slo.objective)} over {slo.window.label}{left}"


def _left(status: SLOStatus) -> str:
    left = learning.budget(status)
    return left if learning.learns(status) else f"{left} left"


def definition(sli: DerivedSLI) -> list[tuple[str, str]]:
    """What is counted, in the list of facts."""
    length = format_duration(sli.slice)
    if isinstance(sli, QuorumSLI):
        return [
            ("Vantages", ", ".join(sli.names)),
            (
                "Bad",
                f"a slice of {length} in which at least {sli.bad_at} of {len(sli.vantages)} failed",
            ),
        ]
    counts = (
        f"each, once for every slice of {length}, as much as it weighs"
        if sli.weighted
        else f"a slice of {length} is good when it is for every one of them"
    )
    return [
        ("Counts", counts),
        *(
            (
                one.sli_id,
                f"good from {write.exact(one.target * 100)}{write.NBSP}% on"
                + (f", weighs {one.weight}" if sli.weighted else "")
                + ("" if one.no_data is NoData.IGNORE else f", idle is {one.no_data.value}"),
            )
            for one in sli.components
        ),
    ]
