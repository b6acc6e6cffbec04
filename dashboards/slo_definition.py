"""An SLO's definition: in pairs of words, and as YAML as it stands in a configuration's file."""

import json
from functools import lru_cache
from io import StringIO

from ruamel.yaml import YAML

from dashboards import format as write
from dashboards import made_of
from slo.definition import SLO, CompositeSLI, EventsSLI, GaugeSLI, HistogramSLI, ProbeSLI, QuorumSLI
from slo.slices import NoData, Slicing
from slo.units import format_duration
from slo.versions import Definition
from slo.window import Calendar, Window

_WIDE = 4_096  # selectors stay on their lines


def definition(slo: SLO) -> tuple[tuple[str, str], ...]:
    """What an SLO promises and what it counts, in pairs of words."""
    parts = [
        ("Objective", f"{write.objective(slo.objective)} over {_over(slo.window)}"),
    ]
    if slo.collector_id is not None:
        every = format_duration(slo.interval)
        parts.append(("Collector", f"{slo.collector_id}, every {every}"))
    match slo.sli:
        case ProbeSLI():
            parts.append(("Counts", "one run of the probe is one event"))
        case EventsSLI(total=total, bad=bad, good=good):
            side, selectors = ("Bad", bad) if bad else ("Good", good)
            parts.append((side, " + ".join(str(each) for each in selectors)))
            parts.append(("Total", " + ".join(str(each) for each in total)))
        case HistogramSLI(histograms=histograms, below=below):
            parts.append(("Histogram", " + ".join(str(each) for each in histograms)))
            parts.append(("Good", f"at or below {below}, as its buckets tell"))
        case GaugeSLI(metric=metric, side=wanted, threshold=threshold):
            parts.append(("Gauge", " + ".join(str(each) for each in metric)))
            parts.append(("Good", f"each sample that is {wanted.value} {threshold}"))
        case QuorumSLI() | CompositeSLI():
            parts += made_of.definition(slo.sli)
    if slo.slicing is not None:
        parts.append(("Method", _method(slo.slicing)))
    parts.append(("No data", f"alerts after {format_duration(slo.no_data_after)} of silence"))
    return tuple(parts)


def _over(window: Window) -> str:
    if isinstance(window, Calendar):
        return f"the calendar's {window.period} in {window.zone.key}"
    return f"a rolling {window.label}"


def _method(slicing: Slicing) -> str:
    counts = (
        "each counts as its ratio"
        if slicing.target is None
        else f"good from {write.share(slicing.target)} on"
    )
    idle = "" if slicing.no_data is NoData.IGNORE else f"; idle ones are {slicing.no_data.value}"
    return f"slices of {slicing.label}, {counts}{idle}"


def definition_text(one: Definition) -> str:
    """A version of it, where it stands in a file; what is left out there is the default."""
    return _text(one.sli_id, one.text)


@lru_cache(maxsize=64)  # a page that is open asks again every few seconds
def _text(sli_id: str, text: str) -> str:
    service, _, name = sli_id.partition("/")
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width = None, _WIDE
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # as it is documented
    written = StringIO()
    yaml.dump({"services": {service: {"slos": {name: json.loads(text)}}}}, written)
    return written.getvalue()
