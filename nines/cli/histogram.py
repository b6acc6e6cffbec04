"""`nines probe URL --histogram NAME`: the buckets of a running target, and what a threshold is."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction

import typer
from pydantic import ValidationError

from collectors.means import Means
from collectors.observation import Observation, Outcome
from collectors.resolve import Resolver
from collectors.scrape import PrometheusConfig, Scrape
from nines.cli.problems import FINE, NO, WRONG_USE, fail
from nines.clock import SystemClock
from nines.config.sentences import sentence
from slo.definition import BUCKET
from slo.exposition import Page, Series
from slo.native import NativeHistogram, cumulative, nearest_edge
from slo.native_edges import Cumulative, histogram_of, split, total_of
from slo.selector import Selector, parse_selector
from slo.threshold import Threshold, parse_threshold
from slo.units import parse_duration

_EDGES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """What a histogram says of a threshold, over all that it ever counted.

    `edges` are those that enclose it; one, where the threshold is an edge itself.
    """

    kind: str  # classic or native
    edges: tuple[float, ...]
    good: float
    bad: float
    unknown: float


@dataclass(frozen=True, slots=True)
class Buckets:
    """One histogram of a page."""

    series: str
    events: float
    classic_edges: tuple[float, ...] = ()
    schema: int | None = None  # of a native one
    zero_threshold: float | None = None
    native_buckets: int = 0
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Which histogram, where, and what is asked of it, as written on the command line."""

    url: str
    histogram: str | None
    below: str | None = None
    timeout: str = "5s"
    insecure: bool = False


def show(question: Question, *, as_json: bool, expected: bool = False) -> int:
    """Print the histograms that the selector selects: 0, or 1 where the page has none."""
    if expected:
        return fail("--histogram shows buckets, and expects nothing of the answer", WRONG_USE)
    url, below = question.url, question.below
    if question.histogram is None:
        return fail("--below goes with --histogram", WRONG_USE)
    raw = {
        "prometheus": url,
        "timeout": question.timeout,
        "tls": {"insecure_skip_verify": question.insecure},
    }
    try:
        selector = parse_selector(question.histogram)
        threshold = None if below is None else parse_threshold(below)
        config = PrometheusConfig.model_validate(raw)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        name = "--timeout" if "timeout" in first["loc"] else "URL"
        return fail(f"{name}: {sentence(first, name)}", WRONG_USE)
    except ValueError as error:
        return fail(str(error), WRONG_USE)
    seen = asyncio.run(_scrape(config, selector))
    if seen.page is None:
        return fail(f"{url}: {seen.detail}", NO)
    found = list(buckets(seen.page, selector, threshold))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
    elif not found:
        return fail(f"the page of {seen.page.lines:,} lines has no histogram {selector}", NO)
    for one in () if as_json else found:
        typer.echo("\n".join(_lines(one, threshold)))
    return FINE if found and seen.outcome is Outcome.PASSED else NO


async def _scrape(config: PrometheusConfig, selector: Selector) -> Observation:
    clock = SystemClock()
    timeout = config.timeout or parse_duration("5s")
    wanted = frozenset({selector.metric, selector.metric + BUCKET})
    scrape = Scrape("command/line", config, Means(timeout, timeout, Resolver(), wanted))
    return await scrape.run(clock.now(), clock)


def buckets(page: Page, selector: Selector, threshold: Threshold | None) -> Iterator[Buckets]:
    """The selected histograms of a page, in its order."""
    edges: dict[Series, dict[float, int | float]] = {}
    for series, sample in page.samples.items():
        if series.metric == selector.metric + BUCKET:
            edge = float(dict(series.labels).get("le", "nan"))
            edges.setdefault(histogram_of(series), {})[edge] = sample.value
    for histogram, classic in edges.items():
        total = page.samples.get(total_of(histogram))
        if total is None or not selector.matches(dict(histogram.labels)):
            continue
        native = page.natives.get(histogram)
        finite = {edge: count for edge, count in sorted(classic.items()) if edge < float("inf")}
        yield Buckets(
            series=str(histogram),
            events=total.value,
            classic_edges=tuple(finite),
            schema=None if native is None else native.schema,
            zero_threshold=None if native is None else native.zero_threshold,
            native_buckets=0 if native is None else len(native.positive) + len(native.negative),
            answer=None if threshold is None else _answer(threshold, total.value, finite, native),
        )


def _answer(
    threshold: Threshold,
    total: float,
    classic: dict[float, int | float],
    native: NativeHistogram | None,
) -> Answer | None:
    """As an SLI would read it; None where it could not."""
    at = float(threshold.value)
    if at in classic:
        return Answer("classic", (at,), classic[at], total - classic[at], 0)
    if native is None or not native.is_readable:
        return None
    at = nearest_edge(at)
    around = cumulative(native, at)
    events = Fraction(total)
    edges = {edge: Fraction(count) for edge, count in around.items()}
    parts = split(at, Cumulative(events, edges), None, events)
    lower = max((edge for edge in around if edge <= at), default=at)
    upper = min((edge for edge in around if edge >= at), default=at)
    bad = parts.events - parts.good - parts.unknown
    return Answer(
        "native", tuple(sorted({lower, upper})), float(parts.good), float(bad), float(parts.unknown)
    )


def _lines(one: Buckets, threshold: Threshold | None) -> Iterator[str]:
    yield f"{one.series}: {_count(one.events, 'event')}"
    if one.classic_edges:
        yield f"  classic buckets, edges {_some(one.classic_edges)}"
    if one.schema is not None:
        yield f"  native, {_native(one)}"
    if threshold is None:
        return
    answer = one.answer
    if answer is None:
        yield f"  {threshold} is not an edge: an SLI with it would have no data"
        return
    counts = f"{answer.good:,g} good, {answer.bad:,g} bad"
    if len(answer.edges) == 1:
        yield f"  {threshold} is an edge of its {answer.kind} buckets: {counts}"
        return
    lower, upper = answer.edges
    cut = f"{threshold} lies between the edges {lower!r} and {upper!r}"
    yield f"  {cut}: {counts}, {answer.unknown:,g} unknown"


def _native(one: Buckets) -> str:
    schema = one.schema or 0
    if not NativeHistogram(schema, 0).is_readable:
        return f"schema {schema}, whose edges no page tells"
    factor = 2.0**2.0**-schema
    zero = f"zero bucket up to {one.zero_threshold:g}"
    return (
        f"schema {schema}: each edge is {factor:.4g} times the one before; "
        f"{_count(one.native_buckets, 'bucket')} in use, {zero}"
    )


def _count(number: float, noun: str) -> str:
    return f"{number:,g} {noun}" if number == 1 else f"{number:,g} {noun}s"


def _some(edges: Sequence[float]) -> str:
    shown = [f"{edge:g}" for edge in edges[:_EDGES_SHOWN]]
    more = len(edges) - len(shown)
    return " ".join(shown) + (f" and {more} more" if more else "")
