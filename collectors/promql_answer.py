"""Read what Prometheus's HTTP API answers to a query, and what Thanos, Mimir and others do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

from collectors.exposition_line import PageError, number
from collectors.json_values import MOST_SERIES
from slo.exposition import Labels, Sample, Series

_NOTES = ("PromQL warning:", "PromQL info:")  # about the query, not about what is missing
_LONGEST = 300


class RefusedQueryError(Exception):
    """The query was answered by an error; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The samples by their moment (epoch seconds), oldest first, and what was said beside."""

    at: Mapping[float, Mapping[Series, Sample]]
    notes: tuple[str, ...] = ()
    partial: str = ""  # why not all of it is there
    odd: tuple[str, ...] = field(default_factory=tuple)  # what is no number


def read_answer(name: str, status: int, data: bytes) -> Answer:
    """The answer as samples of the metric `name`. Raises RefusedQueryError, PageError in words."""
    try:
        body: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict) or "status" not in body:
        if status != HTTPStatus.OK:
            raise RefusedQueryError(f"the target answered {status} to the query `{name}`")
        raise PageError(f"the answer to `{name}` is not one of Prometheus's API")
    if body["status"] != "success" or status != HTTPStatus.OK:
        error = str(body.get("error") or f"status {status}")[:_LONGEST]
        raise RefusedQueryError(f"the query `{name}` was refused: {error}")
    said = [str(one)[:_LONGEST] for key in ("warnings", "infos") for one in body.get(key) or ()]
    notes = tuple(one for one in said if one.startswith(_NOTES) or one in (body.get("infos") or ()))
    missing = [one for one in said if one not in notes]
    if body.get("isPartial") is True:
        missing.insert(0, "the answer is partial")
    try:
        at, odd = _samples(name, body["data"])
    except PageError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        raise PageError(f"the answer to `{name}` is not one of Prometheus's API") from None
    return Answer(dict(sorted(at.items())), notes, "; ".join(missing[:3]), odd)


def _samples(
    name: str, data: Mapping[str, Any]
) -> tuple[dict[float, dict[Series, Sample]], tuple[str, ...]]:
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        kind, result = "vector", [{"metric": {}, "value": result}]
    if kind not in ("vector", "matrix"):
        raise PageError(f"the query `{name}` gives a {str(kind)[:40]}, not numbers")
    if len(result) > MOST_SERIES:
        raise PageError(f"the query `{name}` gives more than {MOST_SERIES:,} series")
    at: dict[float, dict[Series, Sample]] = {}
    odd: list[str] = []
    for one in result:
        series = Series(name, _labels(one["metric"]))
        if "histogram" in one or "histograms" in one:
            odd.append(f"{series} is a histogram: ask for histogram_count or histogram_fraction")
            continue
        for moment, text in _pairs(one):
            have = at.setdefault(float(moment), {})
            if series in have:
                raise PageError(f"the query `{name}` gives {series} twice")
            have[series] = Sample(number(text.encode()))
    return at, tuple(odd[:3])


def _pairs(one: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    yield from [one["value"]] if "value" in one else one["values"]


def _labels(metric: Mapping[str, Any]) -> Labels:
    return tuple(sorted((key, str(text)) for key, text in metric.items() if key != "__name__"))
