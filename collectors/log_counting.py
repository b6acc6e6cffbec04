"""From a log's lines to counters and histograms."""

from bisect import bisect_left
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Self

from pydantic import Field, model_validator

from collectors.json_values import MOST_SERIES, LabelName, MetricName
from collectors.log_line import Fields, field_of, text_of
from collectors.pattern import RegexText
from collectors.quantity import UNITS, read_quantity
from collectors.settings import Strict
from slo.exposition import Labels, Sample, Series
from slo.fields import ThresholdValue

MALFORMED = "log_malformed_lines_total"
_LONGEST_LABEL = 200
_OTHER = "other"  # the values of labels beyond the most series

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


class Counting:
    """What was counted since it began. A line counts for all metrics, or is malformed."""

    def __init__(self, metrics: Mapping[MetricName, LogMetric], units: Mapping[str, str]) -> None:
        self._metrics = metrics
        self._units = {field: UNITS[unit] for field, unit in units.items()}
        self._counts: dict[Series, int] = {}
        self._sums: dict[Series, Fraction] = {}
        self._edges = {
            name: (
                [Fraction(edge.value) for edge in metric.buckets],
                [f"{edge.value:f}" for edge in metric.buckets],
            )
            for name, metric in metrics.items()
        }
        self.lines = self.malformed = 0

    def take(self, fields: Fields | None) -> bool:
        """Count a line; False where it cannot be read."""
        self.lines += 1
        numbers = self._numbers(fields) if fields is not None else None
        if fields is None or numbers is None:
            self.malformed += 1
            return False
        for name, metric in self._metrics.items():
            matches = all(
                regex.found_in(text_of(fields, key)) for key, regex in metric.where.items()
            )
            if matches and all(
                numbers[key] > Fraction(edge.value) for key, edge in metric.above.items()
            ):
                self._count(name, metric, fields, numbers)
        return True

    def samples(self) -> dict[Series, Sample]:
        """Everything so far. A metric that counted nothing yet is 0: the log was read."""
        found = {Series(MALFORMED, ()): Sample(self.malformed)}
        for name, metric in self._metrics.items():
            bare = () if metric.histogram is None else tuple(self._edges[name][1])
            if metric.histogram is None:
                found[Series(name, ())] = Sample(0)
            else:
                found |= {
                    Series(f"{name}_bucket", (("le", edge),)): Sample(0) for edge in (*bare, "+Inf")
                }
        found |= {series: Sample(count) for series, count in self._counts.items()}
        found |= {series: Sample(float(total)) for series, total in self._sums.items()}
        return found

    def _numbers(self, fields: Fields) -> dict[str, Fraction] | None:
        """What must be numbers; None where one of them is not."""
        found: dict[str, Fraction] = {}
        for name in {name for metric in self._metrics.values() for name in metric.numbers}:
            number = self._number(fields, name)
            if number is None:
                return None
            found[name] = number
        return found

    def _number(self, fields: Fields, name: str) -> Fraction | None:
        value = field_of(fields, name)
        bare = not isinstance(value, str) or value.strip()[-1:].isdigit()
        scale = self._units.get(name, Fraction(1)) if bare else Fraction(1)
        read = read_quantity(value, scale)
        if read is None:
            return None
        return Fraction(read) if isinstance(read, int) else Fraction(repr(read))

    def _count(
        self, name: str, metric: LogMetric, fields: Fields, numbers: Mapping[str, Fraction]
    ) -> None:
        labels = tuple(
            (label, text[:_LONGEST_LABEL])
            for label, field in sorted(metric.labels.items())
            if (text := text_of(fields, field))
        )
        if metric.histogram is None:
            self._add(Series(name, self._bounded(Series(name, labels))))
            return
        edges, texts = self._edges[name]
        labels = self._bounded(Series(f"{name}_count", labels))
        value = numbers[metric.histogram]
        first = bisect_left(edges, value)  # good is at or below an edge
        for at, text in enumerate((*texts, "+Inf")):
            edge = tuple(sorted((*labels, ("le", text))))
            self._add(Series(f"{name}_bucket", edge), int(at >= first))
        self._add(Series(f"{name}_count", labels))
        total = Series(f"{name}_sum", labels)
        self._sums[total] = self._sums.get(total, Fraction(0)) + value

    def _bounded(self, series: Series) -> Labels:
        """Its labels; `other` for all of them where there are too many series already."""
        if series in self._counts or len(self._counts) < MOST_SERIES:
            return series.labels
        return tuple((label, _OTHER) for label, _ in series.labels)

    def _add(self, series: Series, count: int = 1) -> None:
        self._counts[series] = self._counts.get(series, 0) + count
