"""The roll of few SLOs is as new as they are; that of many costs no page more than a few."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
import pytest

from dashboards.glance import Roll
from nines.board import Board
from nines.entry import Entry
from slo.definition import SLO
from slo.digest import Sheet
from slo.ledger import BucketDelta, Ledger, epoch_micros, grid_for
from slo.screen import Judged, Screen
from slo.status import BudgetState, NowState, SLOStatus
from tests.slo.builders import T0, a_tier, an_slo
from tests.web.fakes import make_slo, make_status

AT_ONCE = 3
MANY = 10


@dataclass
class Fleet:
    """SLOs whose statuses are at hand, and how often each was asked for."""

    statuses: dict[str, SLOStatus]
    entries: dict[str, Entry] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    judged: set[str] = field(default_factory=set)
    sheets: list[Sheet] = field(default_factory=list)
    evaluated: datetime | None = datetime(2026, 3, 1, tzinfo=UTC)
    clock: float = 0.0

    def __post_init__(self) -> None:
        self.reload(list(self.statuses))
        self.board = Board(
            lambda: self.entries,
            lambda: self.sheets,
            self.take_judged,
            lambda: self.evaluated,
            lambda: self.clock,
            AT_ONCE,
        )

    def reload(self, names: list[str]) -> None:
        self.entries = {name: self._entry(name) for name in names}

    def _entry(self, name: str) -> Entry:
        entry = Entry(self.statuses[name].slo, cast("Any", None))
        entry.tell = self._tell
        return entry

    def _tell(self, entry: Entry) -> SLOStatus | None:
        self.asked.append(entry.slo.id)
        return self.statuses[entry.slo.id]

    def take_judged(self) -> frozenset[str]:
        taken, self.judged = frozenset(self.judged), set()
        return taken

    def burn(self, name: str) -> None:
        self.statuses[name] = replace(self.statuses[name], now_state=NowState.BURNING_FAST)

    def evaluate(self) -> None:
        assert self.evaluated is not None
        self.evaluated += timedelta(seconds=10)

    async def burning(self) -> list[str]:
        return burning(await self.board.roll())


def burning(roll: Roll) -> list[str]:
    return [one.id for one in roll if one.now_state is NowState.BURNING_FAST]


def fleet_of(number: int) -> Fleet:
    made = [
        make_status(make_slo("shop", f"n{at}"), (999, 1, 0), budget_state=BudgetState.HEALTHY)
        for at in range(number)
    ]
    return Fleet({one.slo.id: one for one in made})


@pytest.fixture
async def many() -> AsyncIterator[Fleet]:
    fleet = fleet_of(MANY)
    await fleet.board.roll()
    fleet.asked.clear()
    yield fleet
    await fleet.board.close()


async def test_few_are_as_new_as_their_statuses() -> None:
    fleet = fleet_of(AT_ONCE)
    await fleet.board.roll()
    fleet.burn("shop/n1")

    assert await fleet.burning() == ["shop/n1"]


async def test_a_roll_in_which_nothing_is_new_stays_the_same_one(many: Fleet) -> None:
    before = many.board.latest

    assert await many.board.roll() is before
    assert many.asked == []


async def test_of_many_those_that_were_judged_are_new_at_once(many: Fleet) -> None:
    many.burn("shop/n4")
    many.judged.add("shop/n4")

    assert await many.burning() == ["shop/n4"]
    assert many.asked == ["shop/n4"]


async def test_of_many_the_others_come_beside_the_page_after_an_evaluation(many: Fleet) -> None:
    many.burn("shop/n4")
    many.evaluate()

    assert await many.burning() == []
    while len(many.asked) < MANY:  # noqa: ASYNC110 - it is made beside us, turn by turn
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert burning(many.board.latest) == ["shop/n4"]


async def test_so_much_is_made_again_only_after_a_rest() -> None:
    fleet = fleet_of(MANY)
    tell = fleet._tell

    def slow(entry: Entry) -> SLOStatus | None:
        fleet.clock += 1
        return tell(entry)

    for entry in fleet.entries.values():
        entry.tell = slow
    await fleet.board.roll()

    async def asked_after_evaluation() -> int:
        fleet.asked.clear()
        fleet.evaluate()
        await fleet.board.roll()
        for _ in range(2 * MANY):
            await asyncio.sleep(0)
        return len(fleet.asked)

    assert await asked_after_evaluation() == MANY
    assert await asked_after_evaluation() == 0
    fleet.clock += 4 * MANY
    assert await asked_after_evaluation() == MANY
    await fleet.board.close()


async def test_what_is_at_rest_is_taken_from_sheets_and_not_asked_for(many: Fleet) -> None:
    slo, sheet = a_sheet()
    many.statuses[slo.id] = replace(many.statuses["shop/n0"], slo=slo)
    many.reload(list(many.statuses))
    await many.board.roll()
    many.asked.clear()
    many.sheets = [sheet]
    many.evaluate()

    found = (await many.board.roll()).by_id[slo.id]

    assert found.sli == sheet.sli[0]
    assert slo.id not in many.asked


async def test_after_a_reload_what_left_is_gone_and_what_is_new_is_there(many: Fleet) -> None:
    one = make_status(make_slo("shop", "new"), (999, 1, 0), budget_state=BudgetState.HEALTHY)
    many.statuses["shop/new"] = one
    many.reload([*list(many.statuses)[1:]])

    ids = [each.id for each in await many.board.roll()]

    assert ids == [f"shop/n{at}" for at in range(1, MANY)] + ["shop/new"]


async def test_an_slo_that_was_edited_is_told_by_its_new_definition(many: Fleet) -> None:
    before = many.statuses["shop/n3"]
    edited = replace(before.slo, shadow=True)
    many.statuses["shop/n3"] = replace(before, slo=edited)
    many.reload(list(many.statuses))

    assert (await many.board.roll()).by_id["shop/n3"].slo is edited


async def test_whoever_asks_meanwhile_waits_for_the_same() -> None:
    fleet = fleet_of(MANY)

    rolls = await asyncio.gather(*(fleet.board.roll() for _ in range(5)))

    assert len({id(one) for one in rolls}) == 1
    assert len(fleet.asked) == MANY


def a_sheet() -> tuple[SLO, Sheet]:
    slo = an_slo("90", window=timedelta(hours=2), tiers=())
    slo = replace(slo, tiers=(a_tier(timedelta(minutes=10), timedelta(minutes=1), "9"),))
    ledger = Ledger(10, slo.window.reach, grid=grid_for(10, slo.window.reach))
    now = T0 + timedelta(minutes=89, seconds=3)
    for minute in range(90):
        at = T0 + timedelta(minutes=minute)
        ledger.book(at, BucketDelta(ledger.bucket_of(at), 97, 1, 0, seen=6))
    (sheet,) = Screen([Judged(slo, ledger, {})]).digests(np.array([epoch_micros(now)]))
    return slo, sheet
