"""What people call the events that an SLO counts."""

from slo.definition import SLO, CompositeSLI, EventsSLI, GaugeSLI, HistogramSLI, ProbeSLI, QuorumSLI


def noun(slo: SLO, number: int = 2) -> str:
    """What this SLO's events are called."""
    match slo.sli:
        case ProbeSLI():
            one = "probe"
        case EventsSLI(total=total) if any("request" in each.metric for each in total):
            one = "request"
        case HistogramSLI(total=total) if any("request" in each.metric for each in total):
            one = "request"
        case GaugeSLI():
            one = "sample"
        case QuorumSLI() | CompositeSLI(weighted=False):
            one = "slice"
        case CompositeSLI():
            one = "weighted slice"
        case _:
            one = "event"
    return one if number == 1 else f"{one}s"
