"""A wall clock that is set, back or forward: no number is wrong in silence, counting goes on."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from slo.counts import Counts
from tests.nines.living import START, STEP, Living

HOUR = timedelta(hours=1)
SLOS = "up: {objective: 99%, window: 7d, sli: {probe: front}}"
WINDOWS = [timedelta(minutes=5), HOUR, 6 * HOUR, timedelta(days=1), timedelta(days=7)]


@pytest.fixture
async def nines(tmp_path: Path) -> AsyncIterator[Living]:
    """Has looked for seven hours, of which the second failed now and then."""
    living = Living(tmp_path)
    living.write(SLOS)
    await living.open()
    await living.pass_time(HOUR)
    await living.pass_time(HOUR, failing=["front"], every=7)
    await living.pass_time(5 * HOUR)
    try:
        yield living
    finally:
        await living.service.close()


async def everything_agrees_with_storage(nines: Living) -> None:
    """Every window is what the stored buckets add up to, and a status says the same."""
    now = nines.clock.now()
    entry = nines.service.engine.entries["shop/up"]
    await nines.service.dispatch.flush()
    for length in WINDOWS:
        unit = 10 if length <= 6 * HOUR else 60 if length <= timedelta(days=3) else 300
        end = int(now.timestamp()) // unit * unit
        start = -(-int(now.timestamp()) // unit) * unit - int(length.total_seconds())
        rows = nines.service.counts.load(entry.indicator.number, 10, _at(start), _at(end + unit))
        stored = Counts(*(sum(row[column] for row in rows) for column in (1, 2, 3)))
        assert entry.ledger.window(length, now).counts == stored, length
    status = entry.status
    assert status is not None
    assert status.at == now
    assert status.window.counts == entry.ledger.window(timedelta(days=7), now).counts


def _at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def problems(nines: Living) -> list[str]:
    return [one for one in nines.service.live.health().problems if "clock" in one]


async def test_an_hour_forward_and_back_costs_nothing_and_is_said(nines: Living) -> None:
    await everything_agrees_with_storage(nines)
    nines.clock.move(HOUR)
    await nines.pass_time(timedelta(minutes=5), failing=["front"])
    assert problems(nines) == []

    nines.clock.move(-HOUR)
    counted = nines.service.engine.entries["shop/up"].ledger.lifetime.total
    nines.look()

    assert nines.service.engine.entries["shop/up"].ledger.lifetime.total == counted + 1
    (said,) = problems(nines)
    assert said.startswith("The clock was set back from 22:05:00 to 21:05:10 UTC: ")
    assert not nines.service.engine.wants_recount(nines.clock.now())
    await nines.pass_time(timedelta(minutes=5))
    await everything_agrees_with_storage(nines)
    await nines.pass_time(HOUR)
    assert problems(nines) == []
    await everything_agrees_with_storage(nines)


async def test_a_day_forward_and_back_is_counted_again_from_storage(nines: Living) -> None:
    nines.clock.move(timedelta(days=1))
    await nines.pass_time(timedelta(minutes=5), failing=["front"])
    before = nines.service.engine.states()
    nines.clock.move(-timedelta(days=1))

    nines.look()

    (said,) = problems(nines)
    assert "Nothing is judged until the counts are read from storage again." in said
    assert nines.service.engine.states().keys() == before.keys()
    await nines.service.recounting.recount()
    assert "Nothing is judged" not in problems(nines)[0]
    nines.look()
    await everything_agrees_with_storage(nines)
    entry = nines.service.engine.entries["shop/up"]
    assert entry.ledger.window(6 * HOUR, nines.clock.now()).counts.bad > 0


async def test_what_was_counted_ahead_is_there_when_its_time_comes(nines: Living) -> None:
    nines.clock.move(3 * HOUR)
    await nines.pass_time(timedelta(minutes=5), failing=["front"])
    nines.clock.move(-3 * HOUR)
    nines.look()
    await nines.service.recounting.recount()

    for _ in range(4):
        await nines.pass_time(timedelta(minutes=50))
        await nines.service.recounting.recount()

    await everything_agrees_with_storage(nines)
    assert problems(nines) == []


async def test_set_back_an_hour_counting_and_judging_go_on_at_once(nines: Living) -> None:
    nines.clock.move(-HOUR)
    await nines.pass_time(timedelta(minutes=8), failing=["front"])

    assert len(problems(nines)) == 1
    states = nines.service.engine.states()
    assert states["shop/up#page:1h:5m"].phase == "firing"
    assert states["shop/up#no_data"].phase == "inactive"
    await everything_agrees_with_storage(nines)


async def test_a_start_after_the_clock_was_set_back_goes_on_at_once(nines: Living) -> None:
    nines.clock.move(-HOUR)
    await nines.restart()
    counted = nines.service.engine.entries["shop/up"].ledger.lifetime.total

    nines.look()

    entry = nines.service.engine.entries["shop/up"]
    assert entry.ledger.lifetime.total == counted + 1
    assert entry.ledger.last_observation == nines.clock.now()


async def test_an_hour_forward_is_time_that_nobody_watched(nines: Living) -> None:
    before = {key: state.phase for key, state in nines.service.engine.states().items()}
    nines.clock.move(HOUR)
    nines.look()
    await nines.service.dispatch.settle()

    assert problems(nines) == []
    after = {key: state.phase for key, state in nines.service.engine.states().items()}
    assert after == before
    await everything_agrees_with_storage(nines)
    assert nines.clock.now() == START + 8 * HOUR + STEP
