"""Packed counts come back exactly, and small."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nines.storage.errors import StorageError
from nines.storage.packing import WIDTH, Rows, add_up, pack, unpack, unpack_all, unpack_strips

_AMOUNT = st.one_of(
    st.integers(0, 3), st.integers(0, 70_000), st.integers(0, 2**62), st.integers(-5, 0)
)
_ROWS = st.dictionaries(
    st.integers(0, 2**33),
    st.lists(_AMOUNT, min_size=WIDTH - 1, max_size=WIDTH - 1),
    min_size=1,
    max_size=40,
)


def _rows(buckets: dict[int, list[int]]) -> Rows:
    return np.array([[at, *buckets[at]] for at in sorted(buckets)], dtype=np.int64)


@given(_ROWS)
def test_unpacking_gives_what_was_packed(buckets: dict[int, list[int]]) -> None:
    rows = _rows(buckets)

    assert (unpack(pack(rows)) == rows).all()


@given(st.lists(_ROWS, max_size=4))
def test_unpacking_many_gives_them_one_after_the_other(chunks: list[dict[int, list[int]]]) -> None:
    rows = [_rows(chunk) for chunk in chunks]

    unpacked = unpack_all([pack(one) for one in rows])

    assert unpacked.tolist() == [line for one in rows for line in one.tolist()]


@given(
    st.lists(
        st.one_of(
            _ROWS,
            st.tuples(
                st.integers(0, 2**33),
                st.sampled_from([10, 300]),
                st.lists(
                    st.lists(_AMOUNT, min_size=WIDTH - 1, max_size=WIDTH - 1),
                    min_size=1,
                    max_size=40,
                ),
            ).map(lambda one: {one[0] + one[1] * n: row for n, row in enumerate(one[2])}),
        ),
        max_size=4,
    )
)
def test_unpacking_strips_gives_the_same_buckets(chunks: list[dict[int, list[int]]]) -> None:
    rows = [_rows(chunk) for chunk in chunks]

    strips, rest = unpack_strips([pack(one) for one in rows])

    unpacked = np.concatenate([rest, *(strip.rows() for strip in strips)])
    assert sorted(unpacked.tolist()) == sorted(line for one in rows for line in one.tolist())


def test_what_goes_at_a_steady_pace_is_unpacked_in_few_bytes() -> None:
    rows = _rows({10 * n: [600 + n % 200, n % 3, 0, 1, 0, 0, 0] for n in range(360)})

    (strip,), rest = unpack_strips([pack(rows)])

    assert len(rest) == 0
    columns = {i: c if isinstance(c, int) else c.dtype for i, c in strip.columns.items()}
    assert columns == {0: np.dtype(np.uint16), 1: np.dtype(np.uint8), 3: 1}


def test_what_the_first_version_packed_is_still_read() -> None:
    head = (2).to_bytes(4, "little") + (1_800_000_000).to_bytes(8, "little")
    steps, good = np.array([0, 10], "<i1"), np.array([300, 1], "<i2")
    body = head + bytes([1, 2, 0, 0, 0, 0, 0, 0]) + steps.tobytes() + good.tobytes()

    chunk = b"\x01" + zlib.compress(body)

    rows = unpack(chunk)

    assert unpack_strips([chunk])[1].tolist() == rows.tolist()
    assert rows[:, :3].tolist() == [[1_800_000_000, 300, 0], [1_800_000_010, 1, 0]]


@pytest.mark.parametrize(("buckets", "most"), [(360, 1.5), (8_640, 1.25)])
def test_an_ordinary_service_takes_little_more_than_a_byte_a_bucket(
    buckets: int, most: float
) -> None:
    noise = np.random.default_rng(7)
    rows = _rows(
        {
            1_800_000_000 + 10 * n: [
                int(noise.poisson(600)),
                int(noise.poisson(0.6)),
                0,
                1,
                0,
                0,
                0,
            ]
            for n in range(buckets)
        }
    )

    assert len(pack(rows)) < most * buckets


def test_an_hour_of_steady_probes_takes_less_than_a_byte_a_bucket() -> None:
    rows = _rows({at: [1, 0, 0, 1, 0, 0, 0] for at in range(1_800_000_000, 1_800_003_600, 10)})

    assert len(pack(rows)) < 360


def test_an_hour_of_busy_traffic_takes_a_few_bytes_a_bucket() -> None:
    noise = np.random.default_rng(7)
    rows = _rows(
        {
            at: [int(noise.poisson(10_000)), int(noise.poisson(8)), 0, 1, 0, 0, 0]
            for at in range(1_800_000_000, 1_800_003_600, 10)
        }
    )

    assert len(pack(rows)) < 4 * 360


def test_a_form_that_a_newer_version_wrote_is_refused() -> None:
    with pytest.raises(StorageError, match="newer Nines"):
        unpack(b"\xff" + pack(_rows({0: [1] * 7}))[1:])


@given(_ROWS, st.sampled_from([1, 10, 60, 300]), st.integers(0, 86_400))
def test_adding_up_equals_a_dict_of_steps(
    buckets: dict[int, list[int]], width: int, anchor: int
) -> None:
    small = {at: [amount % 1000 for amount in amounts] for at, amounts in buckets.items()}
    expected: dict[int, list[int]] = {}
    for at in sorted(small):
        step = (at - anchor) // width * width + anchor
        have = expected.setdefault(step, [0] * (WIDTH - 1))
        expected[step] = [a + b for a, b in zip(have, small[at], strict=True)]

    shuffled = _rows(small)[::-1]

    assert add_up(shuffled, width, anchor).tolist() == [[at, *expected[at]] for at in expected]
