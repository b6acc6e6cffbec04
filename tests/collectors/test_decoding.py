"""Bodies, decoded within bounds."""

import gzip
import zlib

from hypothesis import given
from hypothesis import strategies as st

from collectors.decoding import BoundedBody

PIECES = st.integers(1, 50)


def fed(body: BoundedBody, raw: bytes, piece: int) -> BoundedBody:
    for start in range(0, len(raw), piece):
        if not body.feed(raw[start : start + piece]):
            return body
    body.finish()
    return body


@given(st.binary(max_size=300), PIECES, st.sampled_from(["", "gzip", "deflate"]))
def test_a_body_within_its_limit_comes_out_whole_however_it_is_cut(
    said: bytes, piece: int, encoding: str
) -> None:
    raw = {"": said, "gzip": gzip.compress(said), "deflate": zlib.compress(said)}[encoding]
    body = fed(BoundedBody(encoding, 300), raw, piece)

    assert (body.data, body.cut, body.trouble) == (said, False, None)


@given(st.binary(min_size=101, max_size=300), PIECES, st.sampled_from(["", "gzip"]))
def test_a_longer_body_is_cut_at_its_limit(said: bytes, piece: int, encoding: str) -> None:
    raw = gzip.compress(said) if encoding else said
    body = fed(BoundedBody(encoding, 100), raw, piece)

    assert (body.data, body.cut, body.trouble) == (said[:100], True, None)


@given(PIECES)
def test_gzip_members_follow_one_another(piece: int) -> None:
    raw = gzip.compress(b"one, ") + gzip.compress(b"two")

    assert fed(BoundedBody("gzip", 100), raw, piece).data == b"one, two"


def test_an_empty_body_is_no_broken_gzip() -> None:
    assert fed(BoundedBody("gzip", 100), b"", 1).trouble is None
