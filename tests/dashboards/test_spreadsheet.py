"""Cells of a spreadsheet say what is known, and run nothing."""

import pytest

from dashboards.spreadsheet import cell


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (0, 0),
        (-0.5, -0.5),
        ("shop-team", "shop-team"),
        ("=1+1", "'=1+1"),
        ("@team", "'@team"),
        ("\t=1", "'\t=1"),
    ],
)
def test_a_cell_is_a_value_and_never_a_formula(value: object, written: object) -> None:
    assert cell(value) == written
