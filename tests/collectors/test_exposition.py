"""What a page says, and when it says nothing."""

import gzip
import math
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.exposition import BLOCK_BYTES, PageReader
from collectors.exposition_line import LINE_BYTES, PageError
from slo.exposition import Page, Sample, Series
from tests.collectors.pages import read


def value_of(text: str) -> float:
    """The value of the one sample on a page."""
    (sample,) = read(f"a {text}\n").samples.values()
    return sample.value


def refusal(text: str | bytes, *, openmetrics: bool = False) -> str:
    """Why a page is refused, in words."""
    with pytest.raises(PageError) as refused:
        read(text, openmetrics=openmetrics)
    return str(refused.value)


def test_only_wanted_samples_are_kept() -> None:
    page = read('a{x="1"} 5\nb 6\nab 7\n')

    assert page.samples == {Series("a", (("x", "1"),)): Sample(5)}
    assert (page.lines, page.size_bytes) == (3, 20)


def test_labels_are_sorted_and_empty_ones_are_none() -> None:
    page = read('a{z="1",b="2",c=""} 5\n')

    assert list(page.samples) == [Series("a", (("b", "2"), ("z", "1")))]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\\", "\\"),
        (r"\"", '"'),
        (r"\n", "\n"),
        (r"\t", r"\t"),
        (r"\\n", r"\n"),
        ("ü☃", "ü☃"),
        ("a } b, c=# d", "a } b, c=# d"),
        ("nul \0 byte", "nul \0 byte"),
    ],
)
def test_label_values_are_unescaped_as_prometheus_does(written: str, meant: str) -> None:
    (series,) = read(f'a{{x="{written}"}} 5\n').samples

    assert series.labels == (("x", meant),)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993", 2**53 + 1),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("-5", -5),
        ("+5", 5),
        ("1e3", 1000),
        ("1.5e3", 1500),
        ("1.234567e+06", 1234567),
        ("12.0", 12),
        ("007", 7),
    ],
)
def test_whole_numbers_are_exact_ints(text: str, value: int) -> None:
    assert value_of(text) == value
    assert type(value_of(text)) is int


@pytest.mark.parametrize(
    ("text", "value"),
    [("12.5", 12.5), (".5", 0.5), ("1e-3", 0.001), ("-Inf", -math.inf), ("infinity", math.inf)],
)
def test_other_numbers_are_floats(text: str, value: float) -> None:
    assert value_of(text) == value
    assert type(value_of(text)) is float


@pytest.mark.parametrize("text", ["NaN", "nan", "NAN"])
def test_nan_is_kept_for_others_to_judge(text: str) -> None:
    assert math.isnan(value_of(text))


@pytest.mark.parametrize(
    "text",
    ["1_000", "0x10", "0x1p-3", "1e999", "--1", "1,5", "one", "1e", ".", "+nan", "9" * 5000],
)
def test_what_go_would_not_read_as_a_number_is_no_value(text: str) -> None:
    assert "line 1" in refusal(f"a {text}\n")


@pytest.mark.parametrize(
    "page",
    [
        '\n \t\n  a \t{ x = "1" , }  5 \t 1700000000000 \n',
        'a{x="1"}5\n',
        'a{x="1",} 5\n',
        '{"a",x="1"} 5\n',
        '{x="1","a"} 5\n',
        'a{"x"="1"} 5\n',
        '# anything\n#\n  # HELP a of it\n#TYPE\na{x="1"} 5 -17\n',
    ],
    ids=["blanks", "no blank", "comma", "quoted", "quoted last", "quoted label", "comments"],
)
def test_the_text_format_is_read_as_leniently_as_prometheus_does(page: str) -> None:
    assert read(page).samples == {Series("a", (("x", "1"),)): Sample(5)}


@pytest.mark.parametrize(
    ("page", "line", "words"),
    [
        ("b 1\na 5", 2, "ends within a line"),
        ("\ufeffa 5\n", 1, "byte order mark"),
        ("a 5\r\n", 1, "CR LF"),
        ("<!DOCTYPE html>\n", 1, "no Prometheus page"),
        ("b 1\nb 2\na{x=1} 5\n", 3, "labels are malformed"),
        ('a{x="1} 5\n', 1, "not closed"),
        ('a{x="1",x="2"} 5\n', 1, "twice"),
        ('a{__name__="b"} 5\n', 1, "reserved"),
        ('a{x="1"}\n', 1, "value is missing"),
        ("a five\n", 1, "'five' is no value"),
        ("a 5 now\n", 1, "'now' is no timestamp"),
        ("a 5 1 2\n", 1, "something follows"),
        ("a-b 5\n", 1, "no value"),
        ("a5.5\n", 1, "malformed"),
        ("0a 5\n", 1, "begins with a metric name"),
        ('{x="1"} 5\n', 1, "malformed"),
        ('a{"b"} 5\n', 1, "labels are malformed"),
    ],
)
def test_a_damaged_text_page_is_refused_with_its_line(page: str, line: int, words: str) -> None:
    why = refusal(page)

    assert why.startswith(f"line {line}: ")
    assert words in why


def test_a_raw_newline_within_a_label_is_refused() -> None:
    assert "line 1" in refusal('a{x="1\n2"} 5\n')


def test_a_label_that_is_not_utf8_is_refused() -> None:
    assert "UTF-8" in refusal(b'b{x="\xff"} 5\n')


def test_a_comment_that_is_not_utf8_is_advice() -> None:
    page = read(b"a 4\n# \xfcber\nb 5\n")

    assert page.advice == ("line 2: the comment is not valid UTF-8",)
    assert len(page.samples) == 1


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("a 1\n", "does not end with # EOF"),
        ("a 1\n# EOF \n", "does not end with # EOF"),
        ("", "does not end with # EOF"),
        ("a 1\n# EO", "does not end with # EOF"),
        ("a 1\n# EOF\na 2\n", "follows # EOF"),
        ("a 1\n# EOF\na 2", "follows # EOF"),
        ("a 1\n# EOF\n# EOF\n", "follows # EOF"),
        ("a 1\n\n# EOF\n", "no blank line"),
        (" a 1\n# EOF\n", "no blank before"),
        ("a  1\n# EOF\n", "malformed"),
        ("a\t1\n# EOF\n", "malformed"),
        ('a{x="1"}1\n# EOF\n', "malformed"),
        ('a{x="1" } 1\n# EOF\n', "labels are malformed"),
        ("a 1 NaN\n# EOF\n", "no timestamp"),
    ],
)
def test_a_damaged_openmetrics_page_is_refused(page: str, words: str) -> None:
    assert words in refusal(page, openmetrics=True)


@pytest.mark.parametrize("end", ["# EOF\n", "# EOF"])
def test_the_newline_after_eof_may_be_missing(end: str) -> None:
    page = read(f"a 1\n{end}", openmetrics=True)

    assert page.lines == 2


def test_an_openmetrics_counter_bears_when_it_was_created() -> None:
    page = read(
        'a_total{x="1"} 5 17.5 # {id="9"} 1 2\na_created{x="1"} 100.5\na_total 7\n# EOF\n',
        openmetrics=True,
    )

    assert page.samples == {
        Series("a_total", (("x", "1"),)): Sample(5, created=100.5),
        Series("a_total", ()): Sample(7),
    }


def test_a_histograms_buckets_bear_when_it_was_created() -> None:
    page = read(
        'h_bucket{le="1",x="y"} 5\nh_created{x="y"} 100\n# EOF\n',
        {"h_bucket"},
        openmetrics=True,
    )

    assert [sample.created for sample in page.samples.values()] == [100.0]


def test_in_the_text_format_created_is_a_gauge_like_any_other() -> None:
    page = read("a_total 5\na_created 100\n")

    assert page.samples == {Series("a_total", ()): Sample(5)}


def test_the_process_start_is_read_without_being_wanted() -> None:
    page = read("process_start_time_seconds 1.5e9\na 1\n")

    assert page.process_start == 1.5e9
    assert len(page.samples) == 1


def test_of_several_process_starts_none_is_believed() -> None:
    page = read('process_start_time_seconds{pid="1"} 10\nprocess_start_time_seconds{pid="2"} 20\n')

    assert page.process_start is None


def test_of_two_equal_series_the_first_counts_and_it_is_said() -> None:
    page = read("a 1\na 2\n")

    assert page.samples == {Series("a", ()): Sample(1)}
    assert page.advice == ("line 2: a is there twice; the first value counts",)


def test_of_two_equal_series_with_times_the_later_counts() -> None:
    assert read("a 1 1000\na 2 2000\n").samples == {Series("a", ()): Sample(2)}
    assert read("a 1 2000\na 2 1000\n").samples == {Series("a", ()): Sample(1)}


def test_advice_ends_at_twenty_sentences() -> None:
    assert len(read("a 1\n" * 500).advice) == 20


@pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "OpenMetrics"])
def test_a_histogram_lacks_its_last_bucket_only_where_it_is_not_there(*, openmetrics: bool) -> None:
    head = '# TYPE a histogram\na_bucket{le="0.2"} 1\n'
    last, end = 'a_bucket{le="+Inf"} 2\n', "# EOF\n" if openmetrics else ""

    assert read(f"{head}{last}{end}", {"a_bucket"}, openmetrics=openmetrics).advice == ()
    assert read(f"{head}{end}", {"a_bucket"}, openmetrics=openmetrics).advice == (
        "a has no bucket +Inf",
    )


def test_utf8_names_are_read() -> None:
    page = read('{"my.metric","größe"="1"} 5\n', {"my.metric"})

    assert page.samples == {Series("my.metric", (("größe", "1"),)): Sample(5)}


def test_quoted_names_may_hold_quotes() -> None:
    page = read('{"my\\"metric\\\\"} 5\n', {'my"metric\\'})

    assert len(page.samples) == 1


def test_a_page_above_the_limit_is_refused_at_once() -> None:
    reader = PageReader({"a"}, openmetrics=False, limit_bytes=100)
    reader.feed(b"a 1\n" * 25)

    with pytest.raises(PageError, match="larger than the limit of 100 bytes"):
        reader.feed(b"#")


@pytest.mark.parametrize("chunk", [1 << 30, 100_000, 4096])
def test_a_line_without_end_is_refused_before_it_is_kept_whole(chunk: int) -> None:
    text = b"a 1\nb " + b"0" * (2 * LINE_BYTES) + b"\n"
    reader = PageReader({"a"}, openmetrics=False, limit_bytes=1 << 30)

    def feed() -> None:
        for start in range(0, len(text), chunk):
            reader.feed(text[start : start + chunk])

    with pytest.raises(PageError, match="line 2: the line is longer than 1,048,576 bytes"):
        feed()


def test_the_longest_line_is_read() -> None:
    text = b'a{x="' + b"y" * (LINE_BYTES - len(b'a{x=""} 1')) + b'"} 1\n'

    assert [sample.value for sample in read(text).samples.values()] == [1]


@pytest.mark.parametrize("names", [1, 2, 500])
def test_names_that_begin_alike_are_told_apart(names: int) -> None:
    wanted = {f"requests_{'x' * (n % 7)}{n}" for n in range(names)} | {"requests_"}
    text = "".join(f"{name} 1\n{name}_more 2\nmore_{name} 3\n" for name in sorted(wanted))

    assert {series.metric for series in read(text, wanted).samples} == wanted


ANY_LINE = st.one_of(
    st.just("a 1"), st.just('a{x="1"} 2 3'), st.just('{"a"} 1'), st.just("# EOF"),
    st.just("# TYPE a counter"), st.just('a_total{x="\\n"} 1 # {y="z"} 2 3'), st.just(""),
    st.text('a_{}="\\,# \t\r0195.eE+-NnIif\0é', max_size=40), st.text(max_size=20),
)  # fmt: skip


@given(st.lists(ANY_LINE, max_size=30), st.booleans(), st.data())
@settings(max_examples=500, deadline=None)
def test_a_page_in_chunks_is_the_page_at_once_and_only_page_errors_are_raised(
    lines: list[str], openmetrics: bool, data: st.DataObject
) -> None:
    text = ("\n".join(lines) + data.draw(st.sampled_from(["", "\n", "\n# EOF\n"]))).encode(
        errors="surrogatepass"
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    results: list[Page | str] = []
    for edges in ([0, len(text)], [0, *cuts, len(text)]):
        reader = PageReader({"a", "a_total"}, openmetrics=openmetrics, limit_bytes=10_000)
        try:
            for start, end in pairwise(edges):
                reader.feed(text[start:end])
            results.append(reader.close())
        except PageError:
            results.append("refused")

    assert repr(results[0]) == repr(results[1])


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=300)
def test_any_bytes_are_a_page_or_a_page_error(garbage: bytes, openmetrics: bool) -> None:
    reader = PageReader({"a"}, openmetrics=openmetrics, limit_bytes=10_000)
    size = len(garbage) + 11
    try:
        reader.feed(b'a{x="1"} 1\n' + garbage)
        size_or_why: int | str = reader.close().size_bytes
    except PageError as error:
        size_or_why = str(error)

    assert size_or_why == size or isinstance(size_or_why, str)


def test_memory_is_a_few_blocks_however_large_the_page() -> None:
    line = b'other_metric{path="/some/where",method="GET"} 12345\n'
    block = line * (BLOCK_BYTES // len(line))
    reader = PageReader({"a"}, openmetrics=False, limit_bytes=1 << 30)
    reader.feed(block)
    tracemalloc.start()
    for _ in range(40):
        reader.feed(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert reader.close().size_bytes == 41 * len(block)
    assert peak < 6 * BLOCK_BYTES


@pytest.mark.parametrize(
    "hostile",
    [
        b'a{x="' + b"\\" * 200_001,
        b"a{" + b'x="1",' * 40_000 + b"x",
        b"a" + b" " * 200_000 + b"x",
        b"a " + b"1" * 200_000 + b"x",
        b'{"' + b"a" * 200_000,
        b'a{x="1"} 1 # {' + b'y="' * 60_000,
        b"#" * 200_000 + b"\xff",
    ],
    ids=["escapes", "labels", "blanks", "digits", "quoted", "exemplar", "comment"],
)
def test_a_hostile_line_costs_no_more_than_its_length(hostile: bytes) -> None:
    # Quadratic work on 200 kB would take minutes; the suite's own timeout is the judge.
    why = []
    for openmetrics in (False, True):
        reader = PageReader({"a"}, openmetrics=openmetrics, limit_bytes=1 << 20)
        try:
            for start in range(0, len(hostile), 1000):
                reader.feed(hostile[start : start + 1000])
            reader.feed(b"\n")
            reader.close()
        except PageError as error:
            why.append(str(error))

    assert all(len(text) < 300 for text in why)
    assert why


def test_a_bomb_of_one_endless_line_is_refused_at_the_limit() -> None:
    reader = PageReader({"a"}, openmetrics=False, limit_bytes=1 << 20)
    bomb = gzip.decompress(gzip.compress(b"a" * (1 << 19)))
    reader.feed(bomb)
    reader.feed(bomb)

    with pytest.raises(PageError, match="larger"):
        reader.feed(bomb)
