"""What a strict reader would object to on a page that is good enough to be counted."""

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from slo.exposition import Labels, Series

ADVICE_LIMIT = 20
_HEARD_LIMIT = 1000  # samples looked at a page: advice is worth a moment, not a scrape
_EXEMPLAR_LIMIT = 128  # code points of an exemplar's labels; OpenMetrics 1.0, "Exemplars"

# Which endings a type's samples have; OpenMetrics 1.0, "Metric Types".
_ENDINGS = {
    "counter": ("_total", "_created"),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "gaugehistogram": ("_bucket", "_gcount", "_gsum"),
    "summary": ("", "_count", "_sum", "_created"),
    "info": ("_info",),
    "stateset": ("",),
    "unknown": ("",),
}
_TEXT_ENDINGS = {
    "counter": ("",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
    "summary": ("", "_count", "_sum"),
    "untyped": ("",),
}
_RISING = {
    ("counter", "_total"), ("histogram", "_bucket"), ("histogram", "_count"),
    ("histogram", "_sum"), ("summary", "_count"), ("summary", "_sum"),
    ("gaugehistogram", "_bucket"), ("gaugehistogram", "_gcount"), ("gaugehistogram", "_gsum"),
}  # fmt: skip
_MAY_FALL_BELOW_ZERO = {("histogram", "_sum"), ("gaugehistogram", "_gsum")}  # below negative edges
_WITH_EXEMPLARS = {("counter", "_total"), ("histogram", "_bucket"), ("gaugehistogram", "_bucket")}
_SUFFIXES = ("_total", "_created", "_bucket", "_gcount", "_gsum", "_count", "_sum", "_info")

_COMMENT = re.compile(
    r'#[ \t]+(TYPE|HELP|UNIT)[ \t]+("(?:[^"\\]|\\.)*"|[a-zA-Z_:][\w:]*)(?: (.*))?'
)
_EXEMPLAR_LABEL = re.compile(r'([^{,="]+|"(?:[^"\\]|\\.)*")="((?:[^"\\]|\\.)*)"')


def family_of(metric: str) -> tuple[str, str]:
    """A sample's name as family and ending: `requests_total` is (`requests`, `_total`)."""
    for suffix in _SUFFIXES:
        if metric.endswith(suffix) and len(metric) > len(suffix):
            return metric[: -len(suffix)], suffix
    return metric, ""


@dataclass(slots=True)
class _Family:
    """What the page said of one family so far."""

    type: str | None = None
    unit: str = ""
    said: set[str] = field(default_factory=set)
    has_samples: bool = False
    groups: dict[Labels, "_Group"] = field(default_factory=dict)


@dataclass(slots=True)
class _Group:
    """The samples of one histogram: what they are compared by at the end."""

    infinite: float | None = None
    has_negative_edge: bool = False
    values: dict[str, float] = field(default_factory=dict)

    def hold(self, le: str | None, value: float) -> None:
        """A bucket."""
        edge = _number(le)
        if le == "+Inf":
            self.infinite = value
        elif edge is not None and edge < 0:
            self.has_negative_edge = True


class Adviser:
    """Collects sentences, at most ADVICE_LIMIT; hears of `wanted` samples only."""

    def __init__(self, wanted: Collection[str], *, openmetrics: bool) -> None:
        self._wanted = frozenset(wanted)
        self._openmetrics = openmetrics
        self._endings = _ENDINGS if openmetrics else _TEXT_ENDINGS
        self._families: dict[str, _Family] = {}
        self._current: tuple[str, Labels | None] = ("", None)
        self._heard = 0
        self._said: list[str] = []
        self.listens = True

    def say(self, line: int, sentence: str) -> None:
        """Note a finding; what is beyond the limit is dropped."""
        if len(self._said) < ADVICE_LIMIT:
            self._said.append(f"line {line}: {sentence}")
        else:
            self.listens = False

    def close(self) -> tuple[str, ...]:
        """All that there is to say, once the page has ended."""
        if self.listens:
            for name, family in self._families.items():
                if family.type in ("info", "stateset") and family.unit:
                    self._said.append(f"{name} is of type {family.type} and has a unit")
                for labels, group in family.groups.items():
                    what = str(Series(name, labels))
                    self._said += (f"{what} {text}" for text in self._of_group(name, family, group))
        return tuple(self._said[:ADVICE_LIMIT])

    def comment(self, text: bytes) -> Iterator[str]:
        """Objections to a comment that concerns a wanted family, or is broken."""
        match = _COMMENT.fullmatch(text.decode(errors="replace"))
        if match is None:
            yield "the comment is malformed: OpenMetrics knows TYPE, HELP, UNIT and EOF alone"
            return
        keyword, name, said = match[1], match[2].strip('"'), match[3]
        if keyword == "UNIT" and not self._openmetrics:
            return
        family = self._families.setdefault(name, _Family())
        if said is None:
            yield f"{keyword} of {name} says nothing"
        if keyword in family.said:
            yield f"{keyword} of {name} is there twice"
        elif family.has_samples:
            yield f"{keyword} of {name} comes after its samples"
        family.said.add(keyword)
        if keyword == "TYPE" and said is not None:
            yield from self._type(name, family, said.strip())
        elif keyword == "UNIT" and said:
            family.unit = said
            if not name.endswith(f"_{said}"):
                yield f"the unit {said} is not how the name {name} ends"

    def _type(self, name: str, family: _Family, said: str) -> Iterator[str]:
        if said not in self._endings:
            yield f"{said!r} is no metric type"
            return
        family.type = said
        base, ending = family_of(name)
        owner = self._families.get(base) if ending else None
        taken = [name + ending for ending in self._endings[said] if ending]
        if owner is not None and owner.type and ending in self._endings[owner.type]:
            yield f"{name} clashes with the samples of {base}"
        for other in taken:
            if other in self._families:
                yield f"{other} clashes with the samples of {name}"

    def sample(
        self,
        series: Series,
        value: float,
        time: float | None,
        labels: bytes | None,
        exemplar: bytes | None,
    ) -> Iterator[str]:
        """Objections to a wanted sample; `labels` and `exemplar` as they were written."""
        self._heard += 1
        if self._heard > _HEARD_LIMIT:
            self.listens = False
            return
        name, ending = self._owner(series.metric)
        family = self._families.setdefault(name, _Family())
        yield from self._order(name, family, series)
        family.has_samples = True
        if time is not None:
            yield f"{series} has a time of its own, which is not used"
        if ending == "_bucket" and (group := family.groups.get(self._current[1] or ())):
            group.hold(dict(series.labels).get("le"), value)
        if not self._openmetrics:
            return
        if labels is not None and labels.endswith(b",}"):
            yield "the labels end with a comma"
        kind = (family.type or "unknown", ending)
        if kind[1] not in self._endings[kind[0]]:
            endings = ", ".join(f"{name}{end}" for end in self._endings[kind[0]])
            yield f"{series.metric} is no sample of a {kind[0]}: those are {endings}"
        yield from _of_value(series, kind, value)
        yield from self._of_labels(series, name, family, ending, value)
        if exemplar is not None:
            yield from _of_exemplar(series, kind, exemplar)

    def _owner(self, metric: str) -> tuple[str, str]:
        """The family that a sample belongs to, and its ending there."""
        base, ending = family_of(metric)
        family = self._families.get(base)
        if ending and family and family.type and ending in self._endings[family.type]:
            return base, ending
        return metric, ""

    def _order(self, name: str, family: _Family, series: Series) -> Iterator[str]:
        group = tuple(pair for pair in series.labels if pair[0] not in ("le", "quantile"))
        if family.has_samples and self._current[0] != name:
            yield f"the samples of {name} are not together"
        elif family.type in ("histogram", "gaugehistogram", "summary"):
            if self._current != (name, group) and group in family.groups:
                yield f"the samples of {Series(name, group)} are not together"
            family.groups.setdefault(group, _Group())
        self._current = name, group

    def _of_labels(
        self, series: Series, name: str, family: _Family, ending: str, value: float
    ) -> Iterator[str]:
        labels = dict(series.labels)
        if family.type == "stateset" and name not in labels:
            yield f"{series} is of a stateset and has no label {name}"
        if family.type == "summary" and ending == "" and not _is_quantile(labels.get("quantile")):
            yield f"{series} is of a summary and has no quantile between 0 and 1"
        group = family.groups.get(self._current[1] or ())
        if group is None:
            return
        group.values[ending] = value
        if ending == "_bucket" and _number(labels.get("le")) is None:
            yield f"{series} has no number for le"

    def _of_group(self, name: str, family: _Family, group: _Group) -> Iterator[str]:
        if family.type not in ("histogram", "gaugehistogram"):
            return
        count, total = ("_count", "_sum") if family.type == "histogram" else ("_gcount", "_gsum")
        if f"{name}_bucket" in self._wanted and group.infinite is None:
            yield "has no bucket +Inf"
        if {name + count, name + total} <= self._wanted:
            has_count, has_sum = count in group.values, total in group.values
            if has_count != has_sum and not group.has_negative_edge:
                yield f"has only one of {count} and {total}"
        if group.infinite is not None and group.values.get(count, group.infinite) != group.infinite:
            yield f"has a {count} that is not its bucket +Inf"
        if total in group.values:
            if group.has_negative_edge and family.type == "histogram":
                yield "has negative edges and therefore no sum that only rises"
            elif group.values[total] < 0 and not group.has_negative_edge:
                yield "has a negative sum without negative edges"


def _of_value(series: Series, kind: tuple[str, str], value: float) -> Iterator[str]:
    if kind in _RISING and math.isnan(value):
        yield f"{series} counts, and is NaN"
    if kind in _RISING - _MAY_FALL_BELOW_ZERO and value < 0:
        yield f"{series} counts, and is negative"
    if kind[0] == "info" and value != 1:
        yield f"{series} is of an info, and is not 1"
    if kind[0] == "stateset" and value not in (0, 1):
        yield f"{series} is of a stateset, and is neither 0 nor 1"


def _of_exemplar(series: Series, kind: tuple[str, str], exemplar: bytes) -> Iterator[str]:
    if kind not in _WITH_EXEMPLARS:
        yield f"{series} may not have an exemplar"
    pairs = _EXEMPLAR_LABEL.findall(exemplar.decode())
    if sum(len(name.strip('"')) + len(value) for name, value in pairs) > _EXEMPLAR_LIMIT:
        yield f"the exemplar's labels are longer than {_EXEMPLAR_LIMIT} characters"


def _is_quantile(text: str | None) -> bool:
    value = _number(text)
    return value is not None and 0 <= value <= 1


def _number(text: str | None) -> float | None:
    """The number that the text is; None for no text, no number and NaN."""
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return None if math.isnan(value) else value
