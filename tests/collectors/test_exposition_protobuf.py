"""Pages of protobuf: the values of the same metrics' text, and strictness about the rest."""

import math
import resource
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
    UntypedMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from collectors.exposition_line import PageError
from collectors.exposition_protobuf import PIECE_BYTES, ProtobufReader
from collectors.metric_family import (
    COUNTER,
    GAUGE,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    UNTYPED,
    MetricFamily,
)
from collectors.protobuf import Message
from collectors.scrape import ACCEPT_NATIVE
from slo.exposition import Sample, Series
from slo.native import NativeHistogram
from tests.collectors import pages
from tests.collectors.families import delimited, family_of, native_family, read, with_length
from tests.slo.natives import histogram

WANTED = ("seconds", "seconds_bucket", "seconds_count", "seconds_sum")


def counters(*values: tuple[str, float], name: str = "http_requests_total") -> Message:
    family = MetricFamily(name=name, type=COUNTER)
    for code, value in values:
        metric = family.metric.add()
        metric.counter.value = value
        metric.label.add(name="code", value=code)
    return family


# --- The schema, spelled out by its numbers: no class of ours writes these bytes. ---


def field(number: int, wire: int, content: bytes) -> bytes:
    prefix = (
        bytes([number << 3 | wire]) if number < 16 else bytes([number << 3 & 0x7F | wire | 128, 1])
    )
    return prefix + (bytes([len(content)]) + content if wire == 2 else content)


def test_a_page_of_bytes_written_by_hand_is_read() -> None:
    label = field(1, 2, b"route") + field(2, 2, b"/a")
    created = field(1, 0, b"\x64") + field(2, 0, b"\x80\xca\xb5\xee\x01")  # 100.5 s
    shown = b"".join(
        [
            field(1, 0, b"\x09"),  # sample_count 9
            field(2, 1, bytes.fromhex("0000000000001240")),  # sample_sum 4.5
            field(5, 0, b"\x06"),  # schema 3, zigzag
            field(6, 1, bytes.fromhex("000000000000f03f")),  # zero_threshold 1.0
            field(7, 0, b"\x02"),  # zero_count 2
            field(9, 2, field(1, 0, b"\x04") + field(2, 0, b"\x01")),  # negative_span 2, 1
            field(10, 2, b"\x02"),  # negative_delta 1
            field(12, 2, field(1, 0, b"\x07") + field(2, 0, b"\x02")),  # positive_span -4, 2
            field(12, 2, field(1, 0, b"\x02") + field(2, 0, b"\x01")),  # positive_span 1, 1
            field(13, 2, b"\x02\x02\x01"),  # positive_delta 1, 1, -1
            field(15, 2, created),
            field(16, 2, field(2, 1, bytes(8))),  # an exemplar
        ]
    )
    family = b"".join(
        [
            field(1, 2, b"seconds"),
            field(2, 2, b"Help."),
            field(3, 0, b"\x04"),
            field(4, 2, field(1, 2, label) + field(7, 2, shown)),
            field(5, 2, b"seconds"),  # the unit
        ]
    )

    page = read(bytes([len(family)]) + family, WANTED)

    route = ("route", "/a")
    assert page.samples == {
        Series("seconds_bucket", (("le", "+Inf"), route)): Sample(9, 100.5),
        Series("seconds_sum", (route,)): Sample(4.5, 100.5),
        Series("seconds_count", (route,)): Sample(9, 100.5),
    }
    assert page.natives == {
        Series("seconds", (route,)): NativeHistogram(
            3, 9, 1.0, 2, ((-4, 1), (-3, 2), (-1, 1)), ((2, 1),)
        )
    }


# --- As text. ---

COUNTS = st.integers(0, 2**53)
VALUES = st.one_of(st.floats(), st.integers(-(2**53), 2**53).map(float))
LABEL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=4)


@st.composite
def metrics(draw: st.DrawFn) -> list[Metric]:
    """One family of each kind, in two series."""
    labels = draw(st.lists(LABEL, min_size=2, max_size=2, unique=True))
    created = draw(st.sampled_from([None, 1.0, 1_700_000_000.25]))
    counter = CounterMetricFamily("requests", "R.", labels=["x"])
    gauge = GaugeMetricFamily("depth", "D.", labels=["x"])
    untyped = UntypedMetricFamily("other", "O.", labels=["x"])
    summary = SummaryMetricFamily("size", "S.", labels=["x"])
    times = HistogramMetricFamily("seconds", "H.", labels=["x"])
    for value in labels:
        counter.add_metric([value], draw(COUNTS), created=created)
        gauge.add_metric([value], draw(VALUES))
        untyped.add_metric([value], draw(VALUES))
        summary.add_metric([value], draw(COUNTS), draw(COUNTS))
        summary.add_sample("size", {"x": value, "quantile": "0.5"}, draw(VALUES))
        buckets = [(edge, draw(COUNTS)) for edge in ("0.1", "1.0", "1e+06", "+Inf")]
        times.add_metric([value], buckets, draw(COUNTS))
    return [counter, gauge, untyped, summary, times]


class Only:
    """A collector of these."""

    def __init__(self, families: list[Metric]) -> None:
        self.families = families

    def collect(self) -> list[Metric]:
        return self.families


@given(metrics())
def test_a_page_has_the_values_of_the_same_metrics_as_text(families: list[Metric]) -> None:
    registry = CollectorRegistry()
    registry.register(Only(families))
    text = generate_latest(registry)  # type: ignore[no-untyped-call] # theirs
    wanted = [
        "requests_total", "depth", "other", "size", "size_sum", "size_count",
        "seconds_bucket", "seconds_sum", "seconds_count",
    ]  # fmt: skip

    page = read(delimited(*map(family_of, families)), wanted)
    as_text = pages.read(text, wanted, openmetrics=True)

    assert pages.values(page) == pages.values(as_text)
    assert {s: one.created for s, one in page.samples.items()} == {
        s: one.created for s, one in as_text.samples.items()
    }


@pytest.mark.needs("prometheus")
def test_the_page_of_a_real_go_client_is_read_as_its_text_is(
    go_client: Callable[[str], bytes],
) -> None:
    wanted = [
        "prometheus_build_info", "prometheus_http_response_size_bytes_bucket",
        "prometheus_http_response_size_bytes_sum", "go_gc_duration_seconds_count",
        "prometheus_tsdb_head_series", "prometheus_rule_evaluations_total",
        "prometheus_sd_kubernetes_http_request_duration_seconds_count", "go_info",
    ]  # fmt: skip
    protobuf = go_client(ACCEPT_NATIVE)

    page = read(protobuf, wanted)
    as_text = pages.read(go_client("text/plain"), wanted)

    steady = {
        s for s in as_text.samples if "http_response" not in s.metric and "gc" not in s.metric
    }
    assert steady
    assert {s: page.samples[s].value for s in steady} == {
        s: as_text.samples[s].value for s in steady
    }
    assert {series.metric for series in page.samples} == {s.metric for s in as_text.samples}
    assert page.process_start == pytest.approx(as_text.process_start)


@given(st.integers(1, 40), st.integers(-4, 8), st.lists(st.floats(1e-6, 1e6), max_size=9))
def test_a_page_is_the_same_in_pieces_of_any_size(
    piece: int, schema: int, seen: list[float]
) -> None:
    shown = histogram([*seen, -0.5, 0.0], schema)
    page = delimited(counters(("200", 3)), native_family("seconds", {"a": shown}))

    got = read(page, (*WANTED, "http_requests_total"), piece=piece)

    assert got == read(page, (*WANTED, "http_requests_total"))
    assert got.natives == {Series("seconds", (("route", "a"),)): shown}
    assert (got.lines, got.size_bytes) == (2, len(page))


def test_a_float_histogram_has_its_counts() -> None:
    shown = NativeHistogram(1, 4.5, 0.0, 0.5, ((-1, 1.5), (3, 2.5)))

    page = read(delimited(native_family("seconds", {"a": shown})), WANTED)

    assert page.natives[Series("seconds", (("route", "a"),))] == shown
    assert page.samples[Series("seconds_count", (("route", "a"),))].value == 4.5


def test_classic_buckets_stand_beside_native_ones() -> None:
    shown = histogram([0.1, 0.3], 3)
    family = native_family("seconds", {"a": shown}, classic={0.25: 1})

    page = read(delimited(family), WANTED)

    edges = {dict(s.labels)["le"] for s in page.samples if s.metric == "seconds_bucket"}
    assert edges == {"0.25", "+Inf"}
    assert page.natives.keys() == {Series("seconds", (("route", "a"),))}


def test_a_classic_histogram_is_no_native_one() -> None:
    family = MetricFamily(name="seconds", type=HISTOGRAM)
    family.metric.add().histogram.bucket.add(upper_bound=1, cumulative_count=2)

    assert read(delimited(family), WANTED).natives == {}


def test_a_gauge_histogram_counts_nothing_that_only_rises() -> None:
    family = native_family("seconds", {"a": histogram([0.1], 3)})
    family.type = GAUGE_HISTOGRAM

    assert read(delimited(family), WANTED).natives == {}


def test_native_histograms_are_made_only_where_they_are_wanted() -> None:
    page = delimited(native_family("seconds", {"a": histogram([0.1], 3)}))

    assert read(page, ["seconds_bucket"]).natives == {}


def test_names_and_labels_may_be_any_text() -> None:
    family = counters(("ä", 2), name="http.anfragen")

    page = read(delimited(family), ["http.anfragen"])

    assert page.samples == {Series("http.anfragen", (("code", "ä"),)): Sample(2)}


def test_whole_numbers_are_exact_beyond_what_a_float_can_count() -> None:
    family = MetricFamily(name="seconds", type=HISTOGRAM)
    family.metric.add().histogram.sample_count = 2**53 + 1
    page = read(delimited(family, counters(("200", 2.0**60))), (*WANTED, "http_requests_total"))

    told = [page.samples[Series("seconds_count", ())], *page.samples.values()]
    assert told[0].value == 2**53 + 1
    assert page.samples[Series("http_requests_total", (("code", "200"),))].value == 2**60
    assert all(type(one.value) is int for one in told)


def test_a_label_with_an_empty_value_is_none() -> None:
    page = read(delimited(counters(("", 2))), ["http_requests_total"])

    assert page.samples == {Series("http_requests_total", ()): Sample(2)}


def test_of_two_the_first_counts_unless_the_second_has_a_later_time() -> None:
    family = counters(("200", 1), ("200", 2), ("500", 1), ("500", 2))
    family.metric[2].timestamp_ms, family.metric[3].timestamp_ms = 5, 6

    page = read(delimited(family), ["http_requests_total"])

    assert {dict(s.labels)["code"]: one.value for s, one in page.samples.items()} == {
        "200": 1,
        "500": 2,
    }


def test_the_start_of_the_process_is_told_unless_there_are_several() -> None:
    family = MetricFamily(name="process_start_time_seconds", type=GAUGE)
    family.metric.add().gauge.value = 1.5e9

    assert read(delimited(family), []).process_start == 1.5e9
    other = family.metric.add()
    other.label.add(name="pod", value="b")
    other.gauge.value = 1.6e9
    assert read(delimited(family), []).process_start is None


# --- What is refused. ---


def broken(change: Callable[[Message], object]) -> bytes:
    """A page whose native histogram is changed so."""
    family = native_family("seconds", {"a": histogram([0.1, 0.3, 0.3], 3)})
    change(family)
    return delimited(family)


def of(family: Message) -> Message:
    return family.metric[0].histogram


REFUSED: list[tuple[Callable[[Message], object], str]] = [
    (lambda f: f.ClearField("name"), "message 1 does not begin with a family's name"),
    (lambda f: setattr(f, "type", 9), "9 is no type of metric"),
    (lambda f: setattr(f, "type", UNTYPED), "has no untyped"),
    (lambda f: f.metric[0].label.add(name="route", value="b"), "a label is there twice"),
    (lambda f: f.metric[0].label.add(name="le", value="b"), "the label 'le' is there twice"),
    (lambda f: f.metric[0].label.add(name="__name__", value="b"), "__name__ is reserved"),
    (lambda f: f.metric[0].label.add(value="b"), "a label has no name"),
    (lambda f: setattr(of(f), "sample_count", 2), "hold more than its 2 events"),
    (lambda f: of(f).positive_count.append(1.0), "as deltas and as counts"),
    (lambda f: of(f).positive_delta.append(1), "do not have as many buckets"),
    (lambda f: setattr(of(f).positive_span[0], "length", 2**32 - 1), "as many buckets"),
    (lambda f: setattr(of(f).positive_span[1], "offset", -1), "overlap"),
    (lambda f: setattr(of(f).positive_span[0], "offset", -(2**31)), "beyond all numbers"),
    (lambda f: setattr(of(f).positive_span[0], "offset", 2**31 - 99), "beyond all numbers"),
    (lambda f: of(f).positive_delta.__setitem__(0, -1), "holds what is no count"),
    (lambda f: setattr(of(f), "zero_count_float", math.nan), "holds what is no count"),
    (lambda f: setattr(of(f), "zero_threshold", math.inf), "inf is no breadth"),
]


@pytest.mark.parametrize(("change", "sentence"), REFUSED, ids=[said for _, said in REFUSED])
def test_a_histogram_that_contradicts_itself_is_refused_in_words(
    change: Callable[[Message], object], sentence: str
) -> None:
    with pytest.raises(PageError, match=sentence):
        read(broken(change), WANTED)


def test_the_bucket_of_infinity_is_one_beyond_the_largest_number() -> None:
    shown = NativeHistogram(3, 1, positive=(((1024 << 3) + 1, 1),))

    page = read(delimited(native_family("seconds", {"a": shown})), WANTED)

    assert page.natives[Series("seconds", (("route", "a"),))] == shown


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        (b"\x05\x0a\x03ab", "ends within its message 1: it was cut off"),
        (b"\x80", "ends within its message 1"),
        (b"\x03\x0a\x03a", "message 1 is no metric family, or damaged"),
        (b"\x05\x0a\x03a\xffb", "message 1 is no metric family, or damaged"),
        (b"\xff\xff\xff\xff\x0f", "message 1 of 4294967295 bytes is larger than the limit"),
        (b"\xff\xff\xff\xff\xff\x0f", "message 1 does not begin with its length"),
        (b"# TYPE a counter\na 1\n", "message 1"),
    ],
)
def test_a_damaged_page_is_refused_in_words(page: bytes, sentence: str) -> None:
    with pytest.raises(PageError, match=sentence):
        read(page, WANTED)


def test_a_damaged_family_refuses_the_page_though_nobody_wants_it() -> None:
    page = delimited(counters(("200", 1))).replace(b"200", b"2\xff0")

    with pytest.raises(PageError, match="damaged"):
        read(page, ["other"])


def a_large_family(bytes_: int) -> Message:
    family = counters(*[(f"{n:0200}", n) for n in range(bytes_ // 200)])
    assert len(family.SerializeToString()) > bytes_
    return family


def test_a_large_family_is_decoded_in_pieces_and_read_as_a_whole() -> None:
    family = a_large_family(5 * PIECE_BYTES // 2)

    page = read(
        delimited(family, counters(("200", 1), name="other_total")), ["http_requests_total"]
    )

    assert {dict(s.labels)["code"]: one.value for s, one in page.samples.items()} == {
        f"{n:0200}": n for n in range(len(family.metric))
    }
    assert page.lines == len(family.metric) + 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda page: page[:-1], "damaged"),
        (lambda page: page.replace(b"0012345", b"\xff012345"), "damaged"),
        (lambda page: page + b"\x0a\x01b", "in parts that contradict each other"),
        (lambda page: page + b"\x18\x04", "in parts that contradict each other"),
        (lambda page: page.replace(b"\x0a\x13http_requests_total", b"\x12\x13" + b"h" * 19),
         "message 1 does not begin with a family's name"),
        (lambda page: page[:40] + b"\x22\xff\xff\xff\xff\x7f" + page[40:], "damaged"),
    ],
)  # fmt: skip
def test_a_large_family_is_as_strictly_read(
    change: Callable[[bytes], bytes], sentence: str
) -> None:
    family = MetricFamily.FromString(a_large_family(PIECE_BYTES).SerializeToString())
    message = change(family.SerializeToString())

    with pytest.raises(PageError, match=sentence):
        read(with_length(message), ["http_requests_total"])


def test_a_metric_beyond_the_longest_is_refused() -> None:
    family = counters(("x" * PIECE_BYTES, 1))

    with pytest.raises(PageError, match="message 1 has a metric of more than 4,194,304 bytes"):
        read(delimited(family), ["other"])


def test_metrics_of_nothing_are_refused_before_they_take_memory() -> None:
    # Sixteen million: decoded at once, they are 1.3 GB.
    message = b"\x0a\x01a" + b"\x22\x00" * (16 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reader = ProtobufReader(["other"], limit_bytes=1 << 26)

    with pytest.raises(PageError, match="damaged"):
        reader.feed(with_length(message))
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 400e6


def test_a_page_beyond_the_limit_is_refused_before_it_is_whole() -> None:
    reader = ProtobufReader(WANTED, limit_bytes=100)

    with pytest.raises(PageError, match="larger than the limit of 100 bytes"):
        reader.feed(delimited(counters(*[("200", 1)] * 20))[:101])


@given(st.binary(max_size=60), st.integers(0, 200))
def test_bytes_of_any_kind_are_a_page_or_refused_in_words(noise: bytes, at: int) -> None:
    good = delimited(native_family("seconds", {"a": histogram([0.1, 0.3], 3)}))
    with suppress(PageError):
        read(good[:at] + noise + good[at:], WANTED)
