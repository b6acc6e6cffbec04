"""Ask Elasticsearch or OpenSearch how many events there were, and read what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import Field, JsonValue

from collectors.exposition_line import PageError
from collectors.json_values import LabelName
from collectors.settings import Strict
from slo.exposition import Series

_VALUES = 100  # of a label at one look; what is beyond them is `other`
OTHER = "other"
_LONGEST = 300
_BY = "by"


class SearchMetric(Strict):
    """Documents that are counted; those of the filter, or all."""

    filter: Mapping[str, JsonValue] | None = Field(
        None, min_length=1, max_length=1, description="A query of its Query DSL."
    )
    label: LabelName | None = None
    field: str | None = Field(None, description="Whose values are the label's, as a keyword.")

    def aggregation(self) -> dict[str, Any]:
        asked: dict[str, Any] = {"filter": dict(self.filter or {"match_all": {}})}
        if self.field is not None:
            asked["aggs"] = {_BY: {"terms": {"field": self.field, "size": _VALUES}}}
        return asked


class RefusedSearchError(Exception):
    """The search was answered by an error, or by less than the whole; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to, and without, `end`."""

    start: datetime
    end: datetime


def search(metrics: Mapping[str, SearchMetric], timestamp: str, span: Span) -> bytes:
    """The body of the request."""
    within = {
        "gte": _milliseconds(span.start),
        "lt": _milliseconds(span.end),
        "format": "epoch_millis",
    }
    return orjson.dumps(
        {
            "size": 0,
            "track_total_hits": False,
            "query": {"bool": {"filter": [{"range": {timestamp: within}}]}},
            "aggs": {name: metric.aggregation() for name, metric in metrics.items()},
        }
    )


def read_counts(status: int, data: bytes, metrics: Mapping[str, SearchMetric]) -> dict[Series, int]:
    """What was counted by series. Raises RefusedSearchError, PageError in words."""
    try:
        body: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        body = None
    if status != HTTPStatus.OK:
        raise RefusedSearchError(f"the target answered {status}{_reason(body)}")
    try:
        shards = body["_shards"]
        if body["timed_out"] or shards["failed"] or body.get("_clusters", {}).get("skipped"):
            raise RefusedSearchError(
                f"the search was answered in part: {shards['failed']} of {shards['total']} shards "
                f"failed{', and its time was up' if body['timed_out'] else ''}"
            )
        if not shards["total"]:
            raise RefusedSearchError("no index is called so: nothing was searched")
        counts: dict[Series, int] = {}
        for name, metric in metrics.items():
            counts |= _counts(name, metric, body["aggregations"][name])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise PageError("the answer is not one of Elasticsearch's or OpenSearch's") from None
    return counts


def _counts(name: str, metric: SearchMetric, found: Mapping[str, Any]) -> dict[Series, int]:
    """They add up to all that the filter takes, however many values the label has."""
    total = _count(found["doc_count"])
    if metric.field is None:
        return {Series(name, ()): total}
    label = metric.label or metric.field
    counts: dict[Series, int] = {}
    for bucket in found[_BY]["buckets"]:
        value = str(bucket.get("key_as_string", bucket["key"]))[:_LONGEST]
        counts[Series(name, ((label, value),))] = _count(bucket["doc_count"])
    other = Series(name, ((label, OTHER),))
    counts[other] = counts.get(other, 0) + _count(found[_BY]["sum_other_doc_count"])
    if not counts[other]:
        del counts[other]
    counts[Series(name, ())] = max(0, total - sum(counts.values()))  # they lack the field
    return counts


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(value)
    return value


def _reason(body: object) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return f": {str(error.get('reason') or error.get('type'))[:_LONGEST]}"
    return f": {error[:_LONGEST]}" if isinstance(error, str) else ""


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
