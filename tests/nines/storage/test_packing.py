"""Packed counts come back exactly, and small."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nines.storage.errors import StorageError
from nines.storage.packing import WIDTH, Rows, add_up, pack, unpack

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
