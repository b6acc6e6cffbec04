"""Reading what is wanted of a page that is known, against reading every line."""

import tracemalloc
from collections.abc import Collection, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.exposition import PageReader
from collectors.exposition_line import LINE_BYTES, PageError
from collectors.known import Known
from collectors.selective import SelectiveReader
from slo.exposition import Page, Sample, Samples, Series
from tests.collectors.pages import values

WANTED = ("a", "a_total", "h_bucket")
LIMIT = 1 << 22


def whole(
    text: str | bytes, *, openmetrics: bool = False, wanted: Collection[str] = WANTED
) -> tuple[Page, Known]:
    """The page, every line of it checked, and what it teaches."""
    reader = PageReader(wanted, openmetrics=openmetrics, limit_bytes=LIMIT)
    reader.feed(text.encode() if isinstance(text, str) else text)
    return reader.close(), reader.known


def selective(
    text: str | bytes, known: Known, *, cuts: Iterable[int] = (), wanted: Collection[str] = WANTED
) -> tuple[Page, Known]:
    """What is wanted of the page, fed in pieces, and what is known after it."""
    data = text.encode() if isinstance(text, str) else text
    reader = SelectiveReader(wanted, limit_bytes=LIMIT, known=known)
    for start, end in pairwise((0, *cuts, len(data))):
        reader.feed(data[start:end])
    return reader.close(), reader.known


def known_of(*, openmetrics: bool = False) -> Known:
    return whole("a 1\n# EOF\n", openmetrics=openmetrics)[1]


def refusal(text: str | bytes, *, openmetrics: bool = False) -> str:
    with pytest.raises(PageError) as refused:
        selective(text, known_of(openmetrics=openmetrics))
    return str(refused.value)


def test_from_the_second_page_on_samples_come_as_columns_of_one_layout() -> None:
    lines = 'b 1\na{{x="1 2"}} {}\na{{x="3"}} {}\nb 2\nprocess_start_time_seconds 1.5e9\n'
    _, known = whole(lines.format(5, 6))
    second, known = selective(lines.format(7, "8.0"), known)
    third, _ = selective(lines.format("1e3", 2**70), known)

    assert second.samples == {
        Series("a", (("x", "1 2"),)): Sample(7),
        Series("a", (("x", "3"),)): Sample(8),
    }
    assert isinstance(second.samples, Samples)
    assert isinstance(third.samples, Samples)
    assert second.samples.layout is third.samples.layout
    assert third.samples.numbers == [1000, 2**70]
    assert second.process_start == third.process_start == 1.5e9


@pytest.mark.parametrize(
    "other",
    ["a 1\na 5\n", "a 1 2\n", 'a{x="1"} 1\n', "a 1\nb 1\na_total 1\n", " a 1\n", "a\t1\n", "b 1\n"],
)
def test_a_page_that_says_anything_else_is_read_as_it_is(other: str) -> None:
    _, known = selective("a 3\n", known_of())

    page, after = selective(other, known)
    assert page.samples == whole(other)[0].samples
    assert selective(other, after)[0].samples == page.samples


def test_what_stands_before_a_time_is_not_taken_for_a_series() -> None:
    _, known = selective("a 5 1700000000\n", known_of())

    assert selective("a 5 17\n", known)[0].samples == {Series("a", ()): Sample(5)}


def test_created_values_and_exemplars_are_read() -> None:
    text = (
        'a_total{{x="1"}} {0}\na_created{{x="1"}} 100.5\n'
        'h_bucket{{le="1.0"}} {0}{1}\nh_created 7\n# EOF\n'
    )
    _, known = whole(text.format(1, ""), openmetrics=True)
    for exemplar in ("", "", ' # {id="9"} 0.5 2', ""):
        page, known = selective(text.format(2, exemplar), known)

        assert page.samples == {
            Series("a_total", (("x", "1"),)): Sample(2, created=100.5),
            Series("h_bucket", (("le", "1.0"),)): Sample(2, created=7.0),
        }


def test_of_several_process_starts_none_is_believed() -> None:
    text = 'a 1\nprocess_start_time_seconds{pid="1"} 10\nprocess_start_time_seconds{pid="2"} 20\n'
    _, known = whole(text)
    for _ in range(2):
        page, known = selective(text, known)

        assert page.process_start is None


def test_values_that_are_no_numbers_are_kept_for_others_to_judge() -> None:
    text = 'a{{x="1"}} {}\na{{x="2"}} -5\n'
    page, _ = selective(text.format("NaN"), selective(text.format("1"), known_of())[1])

    assert isinstance(page.samples, Samples)
    assert str(page.samples.numbers) == "[nan, -5]"


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("a 5\nb 1\na{x=1} 5\n", "labels are malformed"),
        ("b 1\nb 1\na five\n", "'five' is no value"),
        ("a 5\r\n", "CR LF"),
        ("a 1_000\n", "no value"),
        ("a  +\n", "no value"),
        ("a " + "9" * 400 + "\n", "out of range"),
        ("a 1e999\n", "out of range"),
        ('a{x="1",x="2"} 5\n', "twice"),
        ("<html>\n" + "b 1\n" * 9 + "a 1\n", "no Prometheus page"),
        ("\ufeffb 5\na 1\n", "byte order mark"),
        ("a 1\nb 1", "cut off"),
        ("a 1\na", "cut off"),
        ('b 1\nb{x="1\na 7\ny"} 5\n', "not closed"),
        ("b 1\n" * 2000 + 'b{x="1\na 7\nb 8\n', "not closed"),
        ("b 1\n" * 2000 + "a 7\nb{ 8\n" + "b 1\n" * 9, "not closed"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_damage_to_what_is_wanted_or_beside_it_is_refused(page: str, words: str) -> None:
    assert words in refusal(page)


@pytest.mark.parametrize(
    ("before", "after"),
    [('b{x="1\n', "a 7\nb 8\n"), ("b 8\na 7\n", "y 2 3 4\n")],
    ids=["damage before", "damage after"],
)
def test_neighbours_are_looked_at_though_they_came_in_another_block(
    before: str, after: str
) -> None:
    rest = "b 1\n" * 70_000
    text = rest + before + after + rest

    with pytest.raises(PageError):
        selective(text, known_of(), cuts=[len(rest) + len(before)])


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("a 1\n", "does not end with # EOF"),
        ("a 1\n# EOF\na 2\n", "follows # EOF"),
        ("a 1\n# EOF\nb", "follows # EOF"),
        ("a 1\n# EOF\n# EOF\n", "follows # EOF"),
        (" a 1\n# EOF\n", "no blank before"),
        ("b 1\na  1\n# EOF\n", "malformed"),
    ],
)
def test_a_damaged_openmetrics_page_is_refused(page: str, words: str) -> None:
    assert words in refusal(page, openmetrics=True)


def test_lines_that_nobody_asked_for_are_passed_over() -> None:
    rest = "b 1\n" * 2000
    page, _ = selective(f"a 1\n{rest}b{{ broken\n{rest}", known_of())

    assert len(page.samples) == 1


@pytest.mark.parametrize("chunk", [100_000, 4096])
def test_a_line_without_end_is_refused_before_it_is_kept_whole(chunk: int) -> None:
    text = b"a 1\nb " + b"0" * (2 * LINE_BYTES)
    with pytest.raises(PageError, match="longer than 1,048,576 bytes"):
        selective(text, known_of(), cuts=range(chunk, len(text), chunk))


def test_a_page_above_the_limit_is_refused_at_once() -> None:
    reader = SelectiveReader(WANTED, limit_bytes=100, known=known_of())
    reader.feed(b"a 1\n" * 25)

    with pytest.raises(PageError, match="larger than the limit of 100 bytes"):
        reader.feed(b"#")


def test_memory_is_what_is_wanted_however_large_the_page() -> None:
    block = b'other_metric{path="/some/where",method="GET"} 12345\n' * 5000
    reader = SelectiveReader(WANTED, limit_bytes=1 << 30, known=known_of())
    reader.feed(block)
    tracemalloc.start()
    for _ in range(40):
        reader.feed(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 4 * len(block)


ANY_LINE = st.one_of(
    st.just("a 1"), st.just('a{x="1"} 2 3'), st.just('{"a"} 1'), st.just('{"b","a"="1"} 1'),
    st.just('a_total{x="\\n y"} 1 # {y="z"} 2 3'), st.just("a_created 5"), st.just("b 1"),
    st.just("process_start_time_seconds 7"), st.just('h_bucket{le="+Inf"} 1e3'), st.just("# EOF"),
    st.builds('a{{x="{}"}} {}'.format, st.sampled_from("12"), st.integers(0, 10**20)),
    st.text('a_{}="\\,# \t\r0195.eE+-NnIif\0é', max_size=40), st.text(max_size=20),
)  # fmt: skip


def read_or_refused(text: bytes, known: Known | None, cuts: list[int], openmetrics: bool) -> object:
    try:
        if known is None:
            page, _ = whole(text, openmetrics=openmetrics)
        else:
            page, _ = selective(text, known, cuts=cuts)
    except PageError:
        return "refused"
    return values(page), page.process_start, page.size_bytes, {
        series: sample.created for series, sample in page.samples.items()
    }  # fmt: skip


@given(st.lists(st.lists(ANY_LINE, max_size=12), min_size=1, max_size=3), st.booleans(), st.data())
@settings(max_examples=800, deadline=None)
def test_a_sound_page_is_read_as_if_every_line_were(
    pages: list[list[str]], openmetrics: bool, data: st.DataObject
) -> None:
    known = known_of(openmetrics=openmetrics)
    for lines in (*pages, *pages):
        text = ("\n".join(lines) + ("\n# EOF\n" if openmetrics else "\n")).encode(
            errors="surrogatepass"
        )
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
        every = read_or_refused(text, None, cuts, openmetrics)
        some = read_or_refused(text, known, cuts, openmetrics)

        if every != "refused":
            assert some == every
            _, known = selective(text, known, cuts=cuts)
            if not known.series:
                known = known_of(openmetrics=openmetrics)
