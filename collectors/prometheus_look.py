"""Look into a Prometheus for what could be promised: jobs, metrics, and past weeks."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from collectors.observation import Observation, Outcome
from collectors.promql import PromqlConfig, Stretch
from collectors.trying import Tries
from slo.exposition import Page

NAME = "found"
# Samples that are read of the past at most, and the steps among which the finest that fits is
# taken. A Prometheus answers with 11,000 moments at most.
_MOST_SAMPLES = 250_000
_STEPS = tuple(timedelta(minutes=minutes) for minutes in (10, 30, 60, 120, 240))
_BYTES = "32MiB"


class NoAnswerError(Exception):
    """The Prometheus did not tell; why, in a sentence."""


def step_for(series: int, length: timedelta) -> timedelta | None:
    """How far apart to look at so many series of the past; None where they are too many."""
    for step in _STEPS:
        if (length // step + 1) * max(series, 1) <= _MOST_SAMPLES:
            return step
    return None


async def vector(
    tries: Tries, url: str, query: str
) -> Sequence[tuple[Mapping[str, str], int | float]]:
    """The series of a query of gauges, by their labels. Raises NoAnswerError, RefusedError."""
    config = config_of(url, NAME, query, "gauge")
    seen = await tries.ask(config)
    page = _page(seen)
    return [(dict(series.labels), sample.value) for series, sample in page.samples.items()]


async def past(
    tries: Tries, config: PromqlConfig, start: datetime, end: datetime, step: timedelta
) -> Mapping[datetime, Page]:
    """The pages between the two, `step` apart. Raises NoAnswerError, RefusedError."""
    seen, pages = await tries.history(config, Stretch(start, end, step))
    _page(seen)
    return pages


def config_of(url: str, name: str, query: str, kind: str) -> PromqlConfig:
    """One query. Raises pydantic's ValidationError for what cannot be asked."""
    return PromqlConfig.model_validate(
        {"promql": url, "queries": {name: {"query": query, "type": kind}}, "page_limit": _BYTES}
    )


def _page(seen: Observation) -> Page:
    if seen.outcome is not Outcome.PASSED or seen.page is None:
        raise NoAnswerError(seen.detail or "it did not answer")
    return seen.page
