"""The wanted lines of a page with their values taken out: the rest is compared, not parsed.

From scrape to scrape a page says the same but for its values. A template finds that out by
comparing words; a page that says anything else does not fit, and is read line by line.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter

from collectors.exposition_line import PROCESS_START, values
from collectors.harvest import Wanted, created_of, one_start
from slo.exposition import Layout, Page, Samples, Series

_Words = Sequence[bytes]
_Pick = Callable[[_Words], tuple[bytes, ...]]


class Template:
    """Made of the lines of one page, each given as what stands before its value, and its series."""

    def __init__(self, lines: Sequence[tuple[bytes, Series]], wanted: Wanted) -> None:
        places, words = [], [b""]
        for prefix, _ in lines:
            words += (b"\n" + prefix).split(b" ")
            places.append(len(words))
            words.append(b"")
        self._size = len(words)
        self._values = _picker(places)
        self._fixed = _picker(sorted(set(range(self._size)) - set(places)))
        self._expected = self._fixed(words)
        self._sort_out([series for _, series in lines], wanted)

    def _sort_out(self, lines: Sequence[Series], wanted: Wanted) -> None:
        """Which lines are samples, when they began, and when the process did."""
        at = {series: number for number, series in enumerate(lines)}
        samples = [number for number, series in enumerate(lines) if series.metric in wanted.names]
        self.layout = Layout(lines[number] for number in samples)
        self._samples = samples if len(samples) < len(lines) else None
        created = [at.get(created_of(series)) for series in self.layout.series]
        is_known = wanted.created and any(number is not None for number in created)
        self._created = created if is_known else None
        self._starts = [n for n, series in enumerate(lines) if series.metric == PROCESS_START]

    def read(self, text: bytes, size_bytes: int) -> Page | None:
        """The page whose wanted lines are `text`, a newline before each; None if it is no fit."""
        # A newline becomes a word's beginning, so that no other blank can pass for one.
        words = text.replace(b"\n", b" \n").split(b" ")
        if len(words) != self._size or self._fixed(words) != self._expected:
            return None
        numbers = values(self._values(words))
        if numbers is None:
            return None
        picked = numbers if self._samples is None else [numbers[at] for at in self._samples]
        starts = [float(numbers[at]) for at in self._starts if _is_finite(numbers[at])]
        return Page(
            samples=Samples(self.layout, picked, self._begun(numbers)),
            process_start=one_start(starts),
            size_bytes=size_bytes,
        )

    def _begun(self, numbers: Sequence[int | float]) -> list[float | None] | None:
        if self._created is None:
            return None
        return [
            float(numbers[at]) if at is not None and _is_finite(numbers[at]) else None
            for at in self._created
        ]


def _picker(places: Sequence[int]) -> _Pick:
    """What takes the words at these places; an itemgetter of one gives no tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda words: tuple(words[place] for place in places)


def _is_finite(value: float) -> bool:
    return value - value == 0
