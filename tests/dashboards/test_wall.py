"""The wallboard's tiles: all of few, and of many those that want a look."""

from dataclasses import replace

import pytest

from dashboards.glance import roll_of
from dashboards.wall import GRIDS, MOST_TILES, NoSuchViewError, WallView, grid, wall
from slo.status import BudgetState, NowState, SLOStatus
from tests.web.fakes import NOW, FakeSource, make_slo, make_status


def some(count: int, budget: BudgetState, now: NowState = NowState.OK) -> list[SLOStatus]:
    return [
        make_status(
            make_slo("shop", f"{budget}-{now}-{n}"), (900, 1, 0), budget_state=budget, now_state=now
        )
        for n in range(count)
    ]


def shown(statuses: list[SLOStatus], view: str = "slos") -> WallView:
    source = FakeSource()
    return wall(view, roll_of(statuses), source.services(), source.health(), NOW)


@pytest.mark.parametrize("count", range(1, MOST_TILES + 1))
def test_the_grid_holds_every_tile_and_wastes_no_row(count: int) -> None:
    columns, rows = grid(count)

    assert columns * rows >= count
    assert (columns, rows) in GRIDS
    smaller = [one for one in GRIDS if one[0] * one[1] < columns * rows]
    assert all(one[0] * one[1] < count for one in smaller)


def test_few_slos_are_all_shown_worst_first() -> None:
    view = shown([*some(2, BudgetState.HEALTHY), *some(1, BudgetState.EXHAUSTED)])

    assert [tile.word for tile in view.tiles] == ["Exhausted", "Healthy", "Healthy"]
    assert view.sentence == "1 exhausted, 2 healthy"
    assert (view.columns, view.rows) == (2, 2)


def test_of_many_those_that_want_a_look_are_shown_and_the_others_counted() -> None:
    view = shown([
        *some(214, BudgetState.HEALTHY),
        *some(3, BudgetState.LEARNING),
        *some(4, BudgetState.AT_RISK, NowState.BURNING_FAST),
    ])  # fmt: skip

    assert [tile.word for tile in view.tiles[:4]] == ["Burning fast"] * 4
    assert [(tile.figure, tile.note) for tile in view.tiles[4:]] == [
        ("3", "learning"),
        ("214", "healthy"),
    ]
    assert (view.columns, view.rows) == (3, 2)


def test_of_many_services_those_that_want_a_look_are_shown_and_the_others_counted() -> None:
    well = [
        make_status(make_slo(f"calm-{n}", "up"), (900, 1, 0), budget_state=BudgetState.HEALTHY)
        for n in range(60)
    ]
    view = shown([*well, *some(2, BudgetState.EXHAUSTED)], "services")

    assert [(tile.word, tile.figure, tile.note) for tile in view.tiles] == [
        ("Exhausted", "2 of 2", "exhausted"),
        ("Healthy", "60", "healthy"),
    ]


def test_more_trouble_than_there_is_room_for_is_counted_too() -> None:
    view = shown([*some(100, BudgetState.EXHAUSTED), *some(9, BudgetState.HEALTHY)])

    assert len(view.tiles) == MOST_TILES
    assert [tile.figure for tile in view.tiles[-2:]] == ["+54", "9"]


def test_a_view_is_of_an_owner_or_a_service_or_all_services() -> None:
    source = FakeSource()
    statuses = list(source.statuses())

    assert shown(statuses, "owner:shop-team").title == "shop-team"
    assert {tile.above for tile in shown(statuses, "service:petuniverse-api").tiles} == {
        "PetUniverse API"
    }
    services = shown(statuses, "services").tiles
    assert [(tile.word, tile.figure) for tile in services] == [
        ("Burning fast", "1 of 6"),
        ("Stale", "1 of 5"),
    ]


@pytest.mark.parametrize("view", ["owner:", "owner:nobody", "service:shpo", "everything", "slos:x"])
def test_a_view_of_what_is_not_there_is_refused(view: str) -> None:
    with pytest.raises(NoSuchViewError):
        shown(list(FakeSource().statuses()), view)


def test_an_ill_monitor_says_so_and_no_slos_is_no_good_news() -> None:
    source = FakeSource()
    health = replace(source.health(), problems=("the outbox is stuck",))
    view = wall("slos", roll_of([]), source.services(), health, NOW)

    assert view.problems[0] == "the outbox is stuck"
    assert (view.sentence, view.tone) == ("No SLOs yet", "blind")
