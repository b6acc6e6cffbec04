"""Lists with names are kept by the browser, few and short enough for it."""

import pytest

from dashboards.saved_views import (
    SavedView,
    ViewError,
    forgotten,
    read_views,
    saved,
    write_views,
)
from tests.web.fakes import MARKUP


def test_what_is_saved_is_read_again_without_the_place_in_the_list() -> None:
    views = saved((), "Mine", "q=owner%3Apets&after=x&open=y&group=state")

    assert views == (SavedView("Mine", "q=owner%3Apets&group=state"),)
    assert views[0].url == "/slos?q=owner%3Apets&group=state"
    assert read_views(write_views(views)) == views


def test_the_same_name_takes_its_place() -> None:
    views = saved(saved((), "Mine", "q=a"), "Mine", "q=b")

    assert views == (SavedView("Mine", "q=b"),)
    assert forgotten(views, "Mine") == ()


def test_nonsense_of_the_address_is_not_kept() -> None:
    assert saved((), MARKUP[:40], "sort=colour&x=y&q=a")[0].query == "q=a"


@pytest.mark.parametrize("name", ["", "x" * 41])
def test_a_name_is_wanted_and_short(name: str) -> None:
    with pytest.raises(ViewError):
        saved((), name, "q=a")


def test_there_are_ten_at_most_and_no_more_than_a_browser_keeps() -> None:
    views: tuple[SavedView, ...] = ()
    for number in range(10):
        views = saved(views, f"n{number}", "q=a")

    with pytest.raises(ViewError, match="forget one first"):
        saved(views, "another", "q=a")
    with pytest.raises(ViewError, match="too long for a browser"):
        saved(saved(views[:4], "ß" * 40, f"q={'%F0%9F%98%80' * 120}"), "b", f"q={'%C3%9F' * 400}")
    assert saved(views, "n3", "q=b")[-1] == SavedView("n3", "q=b")


@pytest.mark.parametrize("cookie", ["", "{", "[[1,2]]", '{"a":1}', "[" * 5000, '[["",""]]', "null"])
def test_whatever_else_a_cookie_says_is_nothing(cookie: str) -> None:
    assert read_views(cookie) == ()
