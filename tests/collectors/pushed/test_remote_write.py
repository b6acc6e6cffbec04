"""What a Prometheus writes, in both versions; and whatever else comes."""

import contextlib
import tracemalloc

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.pushed import remote_write
from collectors.pushed.book import Point, Told, is_stale
from collectors.pushed.remote_write import RefusedPushError, Written, read_write
from collectors.pushed.snappy_block import compress
from slo.exposition import Series
from tests.collectors.pushed.bodies import STALE, first, named, native, second

WANTED = ["requests", "depth"]
BODY = first(
    (named("requests", job="shop", code="500"), [(1, 5.0), (2, 7.0)]),
    (named("others", job="requests"), [(1, 1.0)]),
    (named("depth"), [(1, -2.5)]),
)


def test_wanted_series_are_read_and_no_others() -> None:
    assert read_write(BODY, WANTED).told == [
        Told(
            Series("requests", (("code", "500"), ("job", "shop"))), [Point(1, 5.0), Point(2, 7.0)]
        ),
        Told(Series("depth", ()), [Point(1, -2.5)]),
    ]


def test_nothing_wanted_is_nothing_read() -> None:
    assert read_write(BODY, []) == Written([])


def test_the_mark_that_ends_a_series_comes_through() -> None:
    (one,) = read_write(first((named("depth"), [(1, STALE)])), WANTED).told
    assert is_stale(one.points[0].value)
    assert not is_stale(float("nan"))


def test_version_2_says_when_a_counter_began() -> None:
    body = second(
        (named("requests", job="shop"), [(1_000, 5.0)]),
        (named("others"), [(1, 1.0)]),
        created=500,
    )
    written = read_write(body, WANTED, second=True)

    assert written.told == [Told(Series("requests", (("job", "shop"),)), [Point(1_000, 5.0, 500)])]
    assert written.samples == 2


def test_native_histograms_are_told_not_to_be_read() -> None:
    written = read_write(native(named("requests")), WANTED)

    assert written.told == []
    assert written.advice.startswith("1 native histograms are not read")


def test_a_label_without_a_value_is_none() -> None:
    (one,) = read_write(first((named("depth", zone=""), [(1, 1.0)])), WANTED).told
    assert one.series == Series("depth", ())


def test_a_label_that_is_there_twice_leaves_its_series_out_and_keeps_the_rest() -> None:
    label = b"\x0a\x0f\x0a\x08__name__\x12\x03" + b"abc"
    twice = b"".join(
        b"\x0a" + bytes([4 + len(name) + len(value)]) + b"\x0a" + bytes([len(name)]) + name
        + b"\x12" + bytes([len(value)]) + value
        for name, value in [(b"__name__", b"depth"), (b"a", b"1"), (b"a", b"2")]
    )  # fmt: skip
    good = cramjam.snappy.decompress_raw(first((named("depth"), [(1, 1.0)])))
    body = compress(bytes([0x0A, len(twice)]) + twice + bytes(good) + b"\x0a" + b"\x11" + label)
    written = read_write(body, WANTED)

    assert len(written.told) == 1
    assert written.problems == ("a series of depth has a label twice: left out",)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"", "it does not say how long", id="nothing"),
        pytest.param(b"\xff" * 9, "it does not say how long", id="an endless length"),
        pytest.param(b"hello there", "no snappy block", id="no snappy"),
        pytest.param(compress(b"hello there"), "no protobuf", id="no protobuf"),
        pytest.param(compress(b"\x0a\x7f\x00"), "cut off", id="cut off"),
        pytest.param(compress(b"\x0a\x05depth"), "", id="a series that is none"),
        pytest.param(b"\x80\x80\x80\x80\x04" + b"\x00" * 20, "are not read", id="a bomb"),
        pytest.param(b"\xff\xff\x7f" + b"\x00" * 20, "more than it can", id="a small bomb"),
        pytest.param(compress(b"\x08" * 2 + b"\x80" * 12), "cut off", id="an endless number"),
    ],
)
def test_what_is_no_such_body_is_refused_in_words(body: bytes, said: str) -> None:
    with pytest.raises(RefusedPushError) as refusal:
        read_write(body, WANTED)

    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        pytest.param(b"\x2a\x03\x0a\x01\x00", "the first symbol", id="no symbols"),
        pytest.param(b"\x22\x00\x2a\x04\x0a\x02\x07\x00", "is not there", id="beyond them"),
        pytest.param(b"\x22\x00\x2a\x03\x0a\x01\x00", "without a value", id="half a label"),
        pytest.param(b"\x22\x01\xff", "no UTF-8", id="no text"),
    ],
)
def test_version_2_is_refused_in_words(contents: bytes, said: str) -> None:
    with pytest.raises(RefusedPushError, match=said):
        read_write(compress(contents), WANTED, second=True)


def test_a_body_of_nothing_but_series_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_write, "_MOST_SERIES", 1_000)
    with pytest.raises(RefusedPushError, match="more than 1,000 parts"):
        read_write(compress(b"\x0a\x00" * 1_001), WANTED)


@settings(max_examples=300)
@given(contents=st.binary(max_size=300), raw=st.booleans(), version=st.booleans())
def test_garbage_is_read_or_refused(contents: bytes, raw: bool, version: bool) -> None:
    with contextlib.suppress(RefusedPushError):
        written = read_write(contents if raw else compress(contents), WANTED, second=version)
        assert len(written.told) <= len(contents)


@settings(max_examples=300)
@given(
    at=st.integers(0, 10_000),
    instead=st.binary(max_size=5),
    version=st.booleans(),
)
def test_a_damaged_body_is_read_or_refused(at: int, instead: bytes, version: bool) -> None:
    contents = bytes(cramjam.snappy.decompress_raw(second(
        (named("requests", job="shop"), [(1_000, 5.0)])
    ) if version else BODY))  # fmt: skip
    place = at % len(contents)
    damaged = contents[:place] + instead + contents[place + len(instead) + 1 :]
    with contextlib.suppress(RefusedPushError):
        read_write(compress(damaged), WANTED, second=version)


@pytest.mark.parametrize("part", [b"\x0a\x07\x12\x05depth", b"\x0a\x00", b"\x12\x00depth"])
def test_the_largest_body_costs_little_memory(part: bytes) -> None:
    contents = part * (4 * 1024 * 1024 // len(part))
    body = compress(contents)
    tracemalloc.start()
    with contextlib.suppress(RefusedPushError):
        read_write(body, WANTED)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 64 * 1024 * 1024
