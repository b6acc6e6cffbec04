"""A burn rate is written one way, and never as if it stood on the other side of its factor."""

from fractions import Fraction

import pytest

from slo.figures import burn_beside


@pytest.mark.parametrize(
    ("rate", "limit", "words"),
    [
        pytest.param("16.76", "14.4", "16.8x", id="as everywhere else"),
        pytest.param("214.3", "14.4", "214x", id="whole from a hundred on"),
        pytest.param("0", "1", "0x", id="nothing"),
        pytest.param("0.003", "1", "<0.01x", id="next to nothing"),
        pytest.param("3", "3", "3x", id="exactly its factor"),
        pytest.param("3.011", "3", "3.01x", id="hardly above"),
        pytest.param("2.9996", "3", "2.9996x", id="hardly below"),
        pytest.param("13.449", "13.44", "13.45x", id="above a factor of two decimals"),
        pytest.param("14.40001", "14.4", "14.40001x", id="above by next to nothing"),
    ],
)
def test_a_burn_rate_beside_its_factor(rate: str, limit: str, words: str) -> None:
    assert burn_beside(Fraction(rate), Fraction(limit)) == words
