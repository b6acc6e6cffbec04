"""From a log's lines to counters and histograms."""

import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import accumulate
from typing import Annotated, Self

from pydantic import Field, model_validator

from collectors.json_values import MOST_SERIES, LabelName, MetricName
from collectors.log_line import Fields, field_of, text_of
from collectors.pattern import RegexText
from collectors.quantity import UNITS, read_quantity
from collectors.settings import Strict
from slo.exposition import Labels, Sample, Series
from slo.fields import ThresholdValue
from slo.threshold import Threshold

MALFORMED = "log_malformed_lines_total"
_LONGEST_LABEL = 200
_OTHER = "other"  # the values of labels beyond the most series

_BARE = re.compile(r"[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,3})?")

FieldName = Annotated[str, Field(min_length=1, max_length=100)]


class LogMetric(Strict):
    """Lines that are counted, or what they measured."""

    labels: Mapping[LabelName, FieldName] = Field(
        default_factory=dict, description="Label to field; `status_class` is 2xx and so on."
    )
    where: Mapping[FieldName, RegexText] = Field(
        default_factory=dict, description="Fields in which an RE2 expression must be found."
    )
    above: Mapping[FieldName, ThresholdValue] = Field(
        default_factory=dict, description="Fields whose number must be above."
    )
    histogram: FieldName | None = Field(None, description="The field that is measured.")
    buckets: tuple[ThresholdValue, ...] = Field((), max_length=100)

    @model_validator(mode="after")
    def _has_edges(self) -> Self:
        if (self.histogram is None) == bool(self.buckets):
            raise ValueError("`histogram` and `buckets` go together: a field, and edges in order")
        edges = [edge.value for edge in self.buckets]
        if edges != sorted(set(edges)):
            raise ValueError("`buckets` must rise")
        return self

    @property
    def numbers(self) -> tuple[str, ...]:
        """The fields that must be numbers."""
        return (*self.above, *([self.histogram] if self.histogram is not None else ()))


class _Cell:
    """What one metric counted under one set of labels: lines, or by the bucket they fall into."""

    __slots__ = ("counts", "series", "total")

    def __init__(self, series: tuple[Series, ...], counts: int) -> None:
        self.series = series
        self.counts = [0] * counts
        self.total = 0.0


class _Counted:
    """One metric. Its numbers are compared in the units of their fields: nothing is converted."""

    def __init__(self, name: str, metric: LogMetric, units: Mapping[str, Fraction]) -> None:
        def within(field: str, edge: Threshold) -> float:
            return float(Fraction(edge.value) / units.get(field, 1))

        self.name = name
        self.labels = sorted(metric.labels.items())
        self.where = list(metric.where.items())
        self.above = [(field, within(field, edge)) for field, edge in metric.above.items()]
        self.field = metric.histogram
        self.scale = float(units.get(metric.histogram or "", 1))
        self.edges = [within(metric.histogram or "", edge) for edge in metric.buckets]
        self.texts = [*(f"{edge.value:f}" for edge in metric.buckets), "+Inf"]
        self.cells: dict[tuple[str, ...], _Cell] = {}

    def takes(self, fields: Fields, numbers: Mapping[str, float]) -> bool:
        return all(numbers[field] > edge for field, edge in self.above) and all(
            regex.found_in(text_of(fields, field)) for field, regex in self.where
        )

    def cell(self, values: tuple[str, ...]) -> _Cell:
        """A new one for these values of its labels."""
        labels = tuple(
            (label, text[:_LONGEST_LABEL])
            for (label, _), text in zip(self.labels, values, strict=True)
            if text
        )
        names = (self.name,) if self.field is None else tuple(self._names())
        series = tuple(
            Series(name, tuple(sorted((*labels, *edge)))) for name, edge in map(_split, names)
        )
        cell = self.cells[values] = _Cell(series, len(self.texts) if self.field is not None else 1)
        return cell

    def _names(self) -> Iterator[str]:
        yield from (f"{self.name}_bucket={text}" for text in self.texts)
        yield from (f"{self.name}_count", f"{self.name}_sum")

    def samples(self, cell: _Cell) -> Iterator[tuple[Series, Sample]]:
        if self.field is None:
            yield cell.series[0], Sample(cell.counts[0])
            return
        risen = list(accumulate(cell.counts))
        values = (*risen, risen[-1], cell.total * self.scale)
        yield from zip(cell.series, map(Sample, values), strict=True)


def _split(name: str) -> tuple[str, Labels]:
    metric, _, edge = name.partition("=")
    return metric, (("le", edge),) if edge else ()


class Counting:
    """What was counted since it began. A line counts for all metrics, or is malformed."""

    def __init__(self, metrics: Mapping[MetricName, LogMetric], units: Mapping[str, str]) -> None:
        self._units = {field: UNITS[unit] for field, unit in units.items()}
        self._metrics = [_Counted(name, one, self._units) for name, one in metrics.items()]
        self._numbers = {field for one in metrics.values() for field in one.numbers}
        self._room = MOST_SERIES
        self.lines = self.malformed = 0

    def take(self, fields: Fields | None) -> bool:
        """Count a line; False where it cannot be read."""
        self.lines += 1
        numbers: dict[str, float] = {}
        for field in self._numbers if fields is not None else ():
            number = self._number(field_of(fields or {}, field), field)
            if number is None:
                fields = None
                break
            numbers[field] = number
        if fields is None:
            self.malformed += 1
            return False
        for metric in self._metrics:
            if not metric.takes(fields, numbers):
                continue
            values = tuple([text_of(fields, field) for _, field in metric.labels])
            cell = metric.cells.get(values) or self._new_cell(metric, values)
            if metric.field is None:
                cell.counts[0] += 1
            else:
                value = numbers[metric.field]
                cell.counts[bisect_left(metric.edges, value)] += 1  # good is at or below an edge
                cell.total += value
        return True

    def samples(self) -> dict[Series, Sample]:
        """Everything so far. A metric that counted nothing yet is 0: the log was read."""
        found = {Series(MALFORMED, ()): Sample(self.malformed)}
        for metric in self._metrics:
            if metric.field is None:
                found[Series(metric.name, ())] = Sample(0)
            else:
                bucket = f"{metric.name}_bucket"
                found |= {Series(bucket, (("le", edge),)): Sample(0) for edge in metric.texts}
            for cell in metric.cells.values():
                found.update(metric.samples(cell))
        return found

    def _number(self, value: object, field: str) -> float | None:
        """In the unit of the field; None where it is no number."""
        if isinstance(value, str) and not _BARE.fullmatch(value):
            read = read_quantity(value)  # by a unit of its own
            exact = None if read is None else Fraction(repr(read)) / self._units.get(field, 1)
            return None if exact is None else float(exact)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None

    def _new_cell(self, metric: _Counted, values: tuple[str, ...]) -> _Cell:
        """`other` for all labels where there are too many series already."""
        others = (_OTHER,) * len(values)
        if self._room <= 0 and values:
            return metric.cells.get(others) or metric.cell(others)
        cell = metric.cell(values)
        self._room -= len(cell.series)
        return cell
