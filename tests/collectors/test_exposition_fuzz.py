"""Damaged pages cost no more than sound ones: every page of the corpora, damaged at random."""

import random
import struct
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle, islice

import pytest

from collectors.exposition import PageReader
from collectors.exposition_line import PageError
from slo.exposition import Page, Series
from tests.collectors.pages import DATA, every_name, read
from tests.collectors.test_exposition_corpus import FUZZ, TEXT_PAGES, VALID

_SIZE = 256 * 1024
# Of the processor. The worst of them, lines of five bytes that are all wanted, takes 0.6 on a slow
# machine and most take 0.1; what grows with the square of a page takes minutes.
_SECONDS_A_MEGABYTE = 3.0
_MEMORY_BYTES = 64 << 20
# What parsers stumble over: quotes, escapes, ends of lines, separators, odd bytes.
_PIECES = [
    *(
        b'"',
        b"\\",
        b"\n",
        b"{",
        b"}",
        b",",
        b"=",
        b"#",
        b" ",
        b"\t",
        b"\0",
        b"\xff",
        b"\xf0\x9f\x98\x80",
    ),
    *(b"# EOF\n", b"# TYPE ", b"# HELP a ", b" # {", b'{"', b"NaN", b"+Inf", b"1e308", b"0x1p4"),
    *(b"_total", b"_created", b"_bucket", b'le="'),
    *(piece * 500 for piece in (b'\\"', b"{", b'a="b",', b"9", b" ")),
]


def _corpus() -> list[tuple[bytes, bool]]:
    """Every page, and whether it is OpenMetrics."""
    text = [(DATA / "exposition" / name).read_bytes() for name in TEXT_PAGES]
    text += [case["input"].encode() for case in FUZZ if case.get("input")]
    return [(page, False) for page in text] + [(page.encode(), True) for page in VALID.values()]


def _damaged(page: bytes, chance: random.Random) -> bytes:
    """The page with a few pieces put in, taken out or doubled."""
    for _ in range(chance.randrange(4)):
        at, end = sorted(chance.randrange(len(page) + 1) for _ in range(2))
        match chance.randrange(3):
            case 0:
                page = page[:at] + chance.choice(_PIECES) + page[at:]
            case 1:
                page = page[:at] + page[min(end, at + 20) :]
            case _:
                page = page[:end] + page[at:end] + page[end:]
    return page


def _large(seed: int) -> tuple[bytes, bool]:
    """A page of some hundred kilobytes: a damaged one again and again, its series as they come."""
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    pages = _corpus()
    page, openmetrics = pages[seed % len(pages)]
    body = page.replace(b"# EOF\n", b"") or b"\n"
    body = body if body.endswith(b"\n") else body + b"\n"
    damaged = _damaged(body, chance)
    sound = body * (_SIZE // 2 // len(body))  # so that the damage is not what ends it at once
    copies = b"".join(islice(cycle([damaged]), _SIZE // 2 // max(1, len(damaged))))
    return sound + copies + (b"# EOF\n" if openmetrics else b""), openmetrics


SEEDS = range(len(_corpus()))


def _read(page: bytes, *, openmetrics: bool) -> None:
    names = every_name(page[: 64 * 1024].decode(errors="replace"))
    reader = PageReader(sorted(names)[:50], openmetrics=openmetrics, limit_bytes=1 << 30)
    with suppress(PageError):
        for at in range(0, len(page), 64 * 1024):
            reader.feed(page[at : at + 64 * 1024])
        reader.close()


def _series(count: int) -> Iterator[bytes]:
    for start in range(0, count, 1000):
        yield b"".join(b'a{n="%d"} %d\n' % (n, n) for n in range(start, start + 1000))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_damaged_page_costs_much_more_than_its_size(seed: int) -> None:
    page, openmetrics = _large(seed)
    began = time.thread_time()
    _read(page, openmetrics=openmetrics)
    spent = time.thread_time() - began

    assert spent <= _SECONDS_A_MEGABYTE * len(page) / (1 << 20)


@pytest.mark.parametrize("seed", SEEDS[:: len(SEEDS) // 10])
def test_no_damaged_page_costs_more_than_64_megabytes(seed: int) -> None:
    page, openmetrics = _large(seed)
    tracemalloc.start()
    try:
        _read(page, openmetrics=openmetrics)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak <= _MEMORY_BYTES


def test_a_million_samples_that_nobody_wants_cost_a_few_blocks() -> None:
    reader = PageReader(("b",), openmetrics=False, limit_bytes=1 << 30)
    tracemalloc.start()
    try:
        for block in _series(1_000_000):
            reader.feed(block)
        reader.feed(b"b 1\n")
        page = reader.close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert page.lines == 1_000_001
    assert list(page.samples) == [Series("b", ())]
    assert peak <= 8 << 20


@pytest.mark.parametrize("openmetrics", [False, True])
def test_an_exemplar_changes_no_value(openmetrics: bool) -> None:
    line = 'a_total{b="c"} 7' + (' # {trace_id="x",n="{}"} 0.5 1.5' if openmetrics else "")
    page: Page = read(line + "\n" + ("# EOF\n" if openmetrics else ""), openmetrics=openmetrics)

    assert {one: sample.value for one, sample in page.samples.items()} == {
        Series("a_total", (("b", "c"),)): 7
    }


def test_a_targets_nan_is_no_marker_of_staleness() -> None:
    page = read("a NaN\n")
    (sample,) = page.samples.values()

    assert struct.pack(">d", sample.value) != bytes.fromhex("7ff0000000000002")
