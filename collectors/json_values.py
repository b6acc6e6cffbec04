"""From a JSON document to samples: what the paths of a configuration select in it."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Annotated, Literal

import orjson
from pydantic import Field, JsonValue, PlainSerializer, PlainValidator, WithJsonSchema

from collectors.absence import Absences
from collectors.exposition_line import PageError
from collectors.pattern import JsonPath, JsonPathText, compile_json_path
from collectors.quantity import parse_scale, read_quantity
from collectors.settings import Strict
from slo.exposition import Labels, Sample, Series

MOST_SERIES = 10_000  # of a metric; more is a mistake of somebody's
_LONGEST_LABEL = 1_000
_KEY = "~"

MetricName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
MetricType = Literal["counter", "gauge"]
LabelName = Annotated[str, Field(pattern=r"^_?[a-zA-Z][a-zA-Z0-9_]*$")]
Scale = Annotated[
    Fraction,
    PlainValidator(parse_scale),
    PlainSerializer(float),
    WithJsonSchema({"type": "number", "description": "A factor, such as 0.001 for milliseconds."}),
]


def _label(written: object) -> object:
    if isinstance(written, JsonPath | str):
        is_path = isinstance(written, str) and written.startswith("$")
        return compile_json_path(written) if is_path else written
    raise ValueError("a label is a text, a path within the item such as $.name, or ~ for its key")


LabelText = Annotated[
    JsonPath | str,
    PlainValidator(_label),
    PlainSerializer(str),
    WithJsonSchema({"type": "string"}),
]


class JsonMetric(Strict):
    """One metric: each item that `path` selects is a series of it."""

    path: JsonPathText
    type: MetricType
    value: JsonPathText | None = Field(
        None, description="Where within an item its number is; the item itself by default."
    )
    scale: Scale = Fraction(1)
    labels: Mapping[LabelName, LabelText] = Field(
        default_factory=dict,
        description="A text, a path within the item such as $.name, or ~ for its key.",
    )


def read_document(data: bytes) -> JsonValue:
    """The document. Raises PageError in words."""
    try:
        document: JsonValue = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        came = f"it begins with {data[:80].decode(errors='replace')!r}" if data else "it is empty"
        raise PageError(f"the answer is no valid JSON ({error.msg}); {came}") from None
    return document


def read_metrics(
    document: JsonValue, metrics: Mapping[str, JsonMetric]
) -> tuple[dict[Series, Sample], Absences]:
    """The samples, and what is not there, with the reason. A value that is none is never 0."""
    samples: dict[Series, Sample] = {}
    absences = Absences()
    for name, metric in metrics.items():
        try:
            samples.update(_series(name, metric, document, absences))
        except ValueError as error:
            absences.say(name, str(error))
    return samples, absences


def _series(
    name: str, metric: JsonMetric, document: JsonValue, absences: Absences
) -> dict[Series, Sample]:
    """One metric's samples. Raises ValueError in words where none of it can be told."""
    found: dict[Series, Sample] = {}
    seen: set[Series] = set()
    ambiguous: set[Series] = set()
    for labels, value in _items(document, metric):
        series = Series(name, labels)
        if series in seen:
            ambiguous.add(series)
            absences.say(name, f"{metric.path} selects {series} twice: labels must tell them apart")
        seen.add(series)
        if len(seen) > MOST_SERIES:
            raise ValueError(f"{metric.path} selects more than {MOST_SERIES:,} series")
        _take(found, series, value, metric, absences)
    # Which of several is meant, nobody can say.
    return {one: sample for one, sample in found.items() if one not in ambiguous}


def one_number(document: JsonValue, path: JsonPath) -> tuple[object, str]:
    """The only value at a path, or why there is none."""
    try:
        values = path.values(document)
    except ValueError as error:
        return None, str(error)
    if len(values) == 1:
        return values[0], ""
    return None, f"{path} {'is not in the answer' if not values else 'selects several values'}"


def _items(document: JsonValue, metric: JsonMetric) -> Iterator[tuple[Labels, object]]:
    """Each item's labels and what stands at its value. Raises ValueError in words."""
    nodes = metric.path.nodes(document)
    if not nodes:
        raise ValueError(f"{metric.path} is not in the answer")
    for key, item in nodes:
        labels = ((name, _text(label, key, item)) for name, label in sorted(metric.labels.items()))
        yield tuple(pair for pair in labels if pair[1]), _value(item, metric.value)


def _value(item: JsonValue, path: JsonPath | None) -> object:
    if path is None:
        return item
    values = path.values(item)
    return values[0] if len(values) == 1 else values or _Nothing(path)


class _Nothing:
    """No value, where one was looked for."""

    def __init__(self, path: JsonPath) -> None:
        self.path = path


def _take(
    found: dict[Series, Sample],
    series: Series,
    value: object,
    metric: JsonMetric,
    absences: Absences,
) -> None:
    read = read_quantity(value, metric.scale)
    if isinstance(value, _Nothing):
        absences.say(series.metric, f"{series}: {value.path} is not in its item")
    elif read is None:
        absences.say(series.metric, f"{series} is {_shown(value)}, which is no number")
    else:
        found[series] = Sample(read)


def _text(label: JsonPath | str, key: str, item: object) -> str:
    """A label's value; empty where there is none."""
    if isinstance(label, str):
        return key if label == _KEY else label
    values = label.values(item)  # type: ignore[arg-type] # of a document
    value = values[0] if len(values) == 1 else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:_LONGEST_LABEL] if isinstance(value, str | int | float) else ""


def _shown(value: object) -> str:
    text = orjson.dumps(value, default=str).decode(errors="replace")
    return text if len(text) <= 60 else text[:60] + "..."
