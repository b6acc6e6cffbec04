"""Prometheus' text and OpenMetrics: what a family and a sample look like on the page."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import orjson
from numpy.typing import NDArray

Labels = tuple[tuple[str, str], ...]  # names and values

_LINES_KEPT = 4_096  # of samples that come one by one
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(frozen=True, slots=True)
class Family:
    """Samples of one name, as OpenMetrics calls it: without `_total` or `_info`."""

    name: str
    kind: str  # gauge, counter, info, histogram
    help: str

    @property
    def sample_name(self) -> str:
        return self.name + {"counter": "_total", "info": "_info"}.get(self.kind, "")

    def head(self, *, as_openmetrics: bool) -> bytes:
        """HELP and TYPE. The text format knows no info, and calls a family as its samples."""
        return _head(self, as_openmetrics)

    def prepared(self, labels: Labels = ()) -> bytes:
        """A sample's line, with `%b` for its value; labels stand in the order of their names."""
        said = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in sorted(labels))
        line = f"{self.sample_name}{{{said}}}" if said else self.sample_name
        return line.replace("%", "%%").encode() + b" %b\n"

    def line(self, labels: Labels, value: float | None) -> bytes:
        """One sample; nothing where the value is not known."""
        return b"" if value is None else _prepared(self, labels) % repr(value).encode()

    def lines(self, samples: Iterable[tuple[Labels, float | None]]) -> bytes:
        """Samples that are too few for anybody to keep their lines prepared."""
        return b"".join(self.line(labels, value) for labels, value in samples)


@cache
def _head(family: Family, as_openmetrics: bool) -> bytes:
    if as_openmetrics:
        name, kind, help_ = family.name, family.kind, family.help.translate(_ESCAPES)
    else:
        name, kind = family.sample_name, family.kind.replace("info", "gauge")
        help_ = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {help_}\n# TYPE {name} {kind}\n".encode()


@lru_cache(_LINES_KEPT)
def _prepared(family: Family, labels: Labels) -> bytes:
    return family.prepared(labels)


def gauge(name: str, help_: str) -> Family:
    return Family(name, "gauge", help_)


def counter(name: str, help_: str) -> Family:
    return Family(name, "counter", help_)


def info(name: str, help_: str) -> Family:
    return Family(name, "info", help_)


def column(values: NDArray[np.generic]) -> tuple[bytes, ...]:
    """As `numbers`, of whole arrays; all of them are known."""
    whole = np.ascontiguousarray(values).ravel()
    if not whole.size:
        return ()
    return tuple(orjson.dumps(whole, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b","))


def numbers(*values: float | None) -> list[bytes | None]:
    """Each as it is printed: the shortest text that reads back the same.

    They are printed together, and by orjson, because Python takes eight times as long.
    """
    printed = orjson.dumps(values)[1:-1].split(b",")
    return [None if one == b"null" else one for one in printed] if None in values else [*printed]
