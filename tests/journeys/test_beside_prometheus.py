"""One live page counted by Nines and by a real Prometheus, and what the pages made knowable."""

from pathlib import Path

import pytest

from benchmarks.side_by_side import Lost, Shown, grown, knowable, lost, side_by_side

A_RESTART = [
    Shown(0, {"200": 10}),
    Shown(0, {"200": 15, "500": 4}),
    Shown(1, {"200": 2}),
    Shown(1, {"200": 9, "500": 6}),
]


def test_what_pages_make_knowable_is_counted_by_process() -> None:
    assert knowable(A_RESTART) == {"200": 5 + 2 + 7, "500": 4 + 6}


def test_what_a_series_alone_cannot_tell_is_lost_by_its_cause() -> None:
    assert lost(A_RESTART, "200") == Lost(0, 0)
    # 4 had no sample before; from 4 to 6 looks like 2 events more, and 6 began at 0.
    assert lost(A_RESTART, "500") == Lost(first_value=4, overtaken=4)
    assert grown([4, 6]) == 2
    assert grown([10, 15, 2, 9]) == 14


@pytest.mark.slow
@pytest.mark.needs("prometheus")
def test_nines_counts_to_the_unit_and_what_prometheus_lacks_is_explained(tmp_path: Path) -> None:
    rows, unknown = side_by_side(tmp_path, every=1)

    assert unknown == 0
    for row in rows:
        assert row.nines == row.known_to_nines
        explained = row.lost.first_value + row.lost.overtaken
        assert row.known_to_prometheus - row.samples == explained
    good, bad = rows
    assert bad.nines == 7 + 2 + 3 + 4 + (7 + 5) + 1
    assert bad.lost == Lost(first_value=7, overtaken=7)
    assert good.lost.overtaken > 0
