"""What is proposed of something that nobody has counted yet."""

from datetime import timedelta
from decimal import Decimal

import pytest

from slo.objective import Objective
from slo.proposal import FIRST, WINDOW, allowance, service_name


@pytest.mark.parametrize(
    ("share", "days", "allowed"),
    [
        ("0.995", 28, timedelta(hours=3, minutes=21, seconds=36)),
        ("0.999", 30, timedelta(minutes=43, seconds=12)),
        ("0.9999", 28, timedelta(minutes=4, seconds=1, microseconds=920_000)),
    ],
)
def test_an_objective_allows_its_share_of_the_window(
    share: str, days: int, allowed: timedelta
) -> None:
    assert allowance(Objective(Decimal(share)), timedelta(days=days)) == allowed


def test_the_first_is_one_that_can_be_kept() -> None:
    assert (FIRST.label, WINDOW) == ("99.5", timedelta(days=28))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("www.Shop.example", "shop-example"),
        ("127.0.0.1", "127-0-0-1"),
        ("::1", "1"),
        ("münchen.example", "m-nchen-example"),
        ("taken.example", "taken-example-3"),
        ("...", "service"),
        ("a" * 300, "a" * 60),
    ],
)
def test_a_host_gives_a_name_that_is_free(host: str, name: str) -> None:
    assert service_name(host, {"taken-example", "taken-example-2"}) == name
