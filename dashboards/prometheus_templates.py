"""What can be promised of a job that a Prometheus watches: from the metrics that are there."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from dashboards.proposal import SLO, quoted
from slo.definition import EventsSLI, GaugeSLI
from slo.objective import Objective
from slo.selector import parse_selector
from slo.threshold import Side, parse_threshold
from slo.units import format_duration, format_percent

COLLECTOR = "prometheus"
FOUND = "found"  # the label that a metric's name is moved to
BACKFILL = timedelta(days=7)
INTERVAL = timedelta(minutes=1)
_STATUS_LABELS = ("code", "status", "status_code", "http_status_code", "http_response_status_code")
_NAMES = ".*requests_total|.*responses_total|.*handled_total|.*http.*_count|up|probe_success"
_STATUS = re.compile(r"[1-5](\d\d|xx|XX)")
# Those that speak of the server and not of what was asked, as others take them too.
_GRPC = "Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss"
_ORDER = ("events", "probe_success", "up")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way of counting. `name` is what the query is called; of a counter, `bad` selects what
    failed, and of a gauge a sample above 0 is good. `series`: how many the query reads.
    """

    key: str
    title: str
    name: str
    query: str
    bad: str | None
    series: int

    @property
    def kind(self) -> str:
        return "gauge" if self.bad is None else "counter"

    @property
    def sli(self) -> EventsSLI | GaugeSLI:
        """As the engine counts it."""
        every = (parse_selector(self.name),)
        if self.bad is None:
            return GaugeSLI(COLLECTOR, every, Side.ABOVE, parse_threshold(0))
        return EventsSLI(COLLECTOR, total=every, bad=(parse_selector(self.bad),))


def jobs_query() -> str:
    """How many targets each job has."""
    return "count by (job) (up)"


def metrics_query(job: str) -> str:
    """Which metrics of a job could be counted, and how many series each has, by status."""
    by = ", ".join(("__name__", "grpc_code", *_STATUS_LABELS))
    selector = f"{{job={_value(job)}, __name__=~{_value(_NAMES)}}}"
    return f'label_replace(count by ({by}) ({selector}), "{FOUND}", "$1", "__name__", "(.+)")'


def candidates(job: str, found: Iterable[tuple[Mapping[str, str], int]]) -> Sequence[Candidate]:
    """From the labels of each series of `metrics_query` and its value; the best first."""
    series: dict[str, int] = {}
    labels: dict[tuple[str, str], set[str]] = {}
    for one, number in found:
        metric = one.get(FOUND, "")
        series[metric] = series.get(metric, 0) + number
        for label in (*_STATUS_LABELS, "grpc_code"):
            if label in one:
                labels.setdefault((metric, label), set()).add(one[label])
    made = [
        candidate
        for (metric, label), values in sorted(labels.items())
        if (candidate := _events(job, metric, label, values, series[metric])) is not None
    ]
    made += [
        Candidate(metric, title, metric, _query(metric, job), None, series[metric])
        for metric, title in (
            ("probe_success", "Each probe: it succeeded, or not"),
            ("up", "Each scrape of each target: it answered, or not"),
        )
        if metric in series
    ]
    return made


def _events(
    job: str, metric: str, label: str, values: Iterable[str], series: int
) -> Candidate | None:
    if label == "grpc_code":
        pattern = _GRPC
    elif all(_STATUS.fullmatch(value) for value in values):
        pattern = "5.."
    else:
        return None
    return Candidate(
        key=f"{metric}:{label}",
        title=f"Each of {metric}: bad where {label} is {pattern}",
        name=metric,
        query=_query(metric, job),
        bad=f'{metric}{{{label}=~"{pattern}"}}',
        series=series,
    )


def _query(metric: str, job: str) -> str:
    return f"{metric}{{job={_value(job)}}}"


def _value(text: str) -> str:
    """A label's value as PromQL writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def promql_lines(
    service: str, url: str, one: Candidate, objective: Objective, window: timedelta
) -> str:
    """The lines of a service that is counted by a Prometheus, not indented."""
    counted = (
        f"metric: {one.name}, above: 0"
        if one.bad is None
        else f"bad: {quoted(one.bad)}, total: {one.name}"
    )
    return (
        f"{service}:\n"
        "  collectors:\n"
        f"    {COLLECTOR}:\n"
        f"      promql: {quoted(url)}\n"
        f"      interval: {format_duration(INTERVAL)}\n"
        f"      backfill: {format_duration(BACKFILL)}\n"
        f"      queries: {{{one.name}: {{query: {quoted(one.query)}, type: {one.kind}}}}}\n"
        "  slos:\n"
        f"    {SLO}:\n"
        f"      objective: {format_percent(objective.share)}\n"
        f"      window: {format_duration(window)}\n"
        f"      sli: {{collector: {COLLECTOR}, {counted}}}\n"
    )
