"""Read pages in tests, and prometheus_client's reading of the same page to compare with."""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from prometheus_client.metrics_core import Metric

from collectors.exposition import PageReader
from collectors.exposition_advice import family_of
from slo.exposition import Page, Series

DATA = Path(__file__).parent.parent / "data"
_ENDINGS = (
    "", "_total", "_created", "_bucket", "_count", "_sum", "_gcount", "_gsum", "_info",
)  # fmt: skip
_NAME = re.compile(r"(?:^|[{ ])\"?([a-zA-Z_:][a-zA-Z0-9_:.]*)", re.MULTILINE)


def read(
    text: str | bytes, wanted: Collection[str] = ("a", "a_total"), *, openmetrics: bool = False
) -> Page:
    """A page read at once."""
    reader = PageReader(wanted, openmetrics=openmetrics, limit_bytes=1 << 30)
    reader.feed(text.encode() if isinstance(text, str) else text)
    return reader.close()


def every_name(text: str) -> frozenset[str]:
    """Every name that could be a sample's on this page, with all that its family could have."""
    bases = {family_of(name)[0] for name in _NAME.findall(text)}
    return frozenset(base + ending for base in bases for ending in _ENDINGS)


def values(page: Page) -> Mapping[Series, float]:
    """The page's samples, comparable: NaN equals itself."""
    return {series: _comparable(sample.value) for series, sample in page.samples.items()}


def values_of(families: Iterable[Metric]) -> Mapping[Series, float]:
    """What prometheus_client read; of a series that is there twice the last, as the latest."""
    return {
        Series(sample.name, tuple(sorted((k, v) for k, v in sample.labels.items() if v))): (
            _comparable(sample.value)
        )
        for family in families
        for sample in family.samples
    }


def _comparable(value: float) -> float:
    return -12345.678 if math.isnan(value) else float(value)
