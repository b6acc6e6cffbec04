"""Events that programs post, through a real service: counted in storage before the yes, once."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from nines.storage.errors import StorageError
from slo.exposition import Series
from slo.key import KeyReusedError
from tests.nines.living import STEP, Living
from web.events import NewEvents, UnwantedError
from web.senders import NotKeptError, RefusedSenderError

ORDERS = "shop/orders"
FILE = """
server: {database: "sqlite:///DATABASE"}
alerting: {route: {receivers: []}}
services:
  shop:
    collectors:
      orders: {push: the shop, bearer_token: for-orders, interval: 10s}
    slos:
      orders:
        objective: 99%
        sli: {collector: orders, bad: 'orders_total{outcome="failed"}', total: orders_total}
"""
GOOD = Series("orders_total", (("outcome", "done"),))
BAD = Series("orders_total", (("outcome", "failed"),))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Living]:
    one = Living(tmp_path)
    (tmp_path / "config.yaml").write_text(FILE.replace("DATABASE", str(tmp_path / "nines.db")))
    await one.open()
    yield one
    await one.service.close()


async def post(world: Living, key: str, *events: tuple[Series, int]) -> bool:
    told = [NewEvents(series, count) for series, count in events]
    taken = world.service.pushed_events
    collectors = taken.admit("Bearer for-orders")
    return await taken.count(told, collectors, key=key, digest=json.dumps(str(events)))


async def look(world: Living, *, stored: bool = True) -> None:
    world.clock.move(STEP)
    runnable = world.service.configured.collectors[ORDERS]
    world.service.rounds.on_observation(await runnable.run(world.clock.now(), world.clock))
    if stored:
        await world.service.dispatch.flush()


def counted(world: Living) -> tuple[int, int]:
    lifetime = world.service.engine.entries["shop/orders"].ledger.lifetime
    return lifetime.good, lifetime.bad


async def test_events_count_from_the_very_first_on(world: Living) -> None:
    await look(world)
    assert await post(world, "1", (GOOD, 7), (BAD, 1), (GOOD, 2))
    await look(world)
    assert counted(world) == (9, 1)

    for _ in range(60):  # ten minutes without any: no event is no news
        await look(world)
    assert await post(world, "2", (BAD, 3))
    # More than ever in an hour, of a kind that is new: who counts himself knows.
    assert await post(world, "3", (Series("orders_total", (("outcome", "late"),)), 5000))
    await look(world)

    assert counted(world) == (5009, 4)


async def test_a_repetition_counts_once_and_another_body_is_refused(world: Living) -> None:
    await look(world)
    assert await post(world, "1", (GOOD, 7))
    assert not await post(world, "1", (GOOD, 7))
    with pytest.raises(KeyReusedError):
        await post(world, "1", (GOOD, 8))
    await world.restart()
    assert not await post(world, "1", (GOOD, 7))

    await look(world)
    await look(world)

    assert counted(world) == (7, 0)


async def test_a_key_is_known_for_a_week(world: Living) -> None:
    await look(world)
    assert await post(world, "1", (GOOD, 1))
    world.clock.move(timedelta(days=7))
    assert not await post(world, "1", (GOOD, 1))
    world.clock.move(timedelta(seconds=1))

    assert await post(world, "1", (GOOD, 1))


async def test_nothing_is_taken_before_a_look_is_stored_that_it_can_be_counted_from(
    world: Living,
) -> None:
    with pytest.raises(NotKeptError, match="send it again in a few seconds"):
        await post(world, "1", (GOOD, 1))
    await look(world, stored=False)
    with pytest.raises(NotKeptError):
        await post(world, "1", (GOOD, 1))

    await world.service.dispatch.flush()
    assert await post(world, "1", (GOOD, 1))
    await look(world)

    assert counted(world) == (1, 0)


async def test_a_kill_loses_nothing_that_was_said_yes_to_and_counts_nothing_twice(
    world: Living,
) -> None:
    await look(world)
    await post(world, "1", (GOOD, 5), (BAD, 1))
    await look(world)
    await post(world, "2", (GOOD, 2))
    await look(world, stored=False)
    await post(world, "3", (BAD, 4))
    await world.restart()

    await look(world)

    assert counted(world) == (7, 5)


async def test_what_nobody_reads_is_refused_by_its_place_and_nothing_counts(world: Living) -> None:
    await look(world)
    with pytest.raises(UnwantedError, match="no SLI or rule of shop/orders reads") as caught:
        await post(world, "1", (GOOD, 1), (Series("orders", ()), 1))
    assert caught.value.place == "events.1"

    assert await post(world, "1", (GOOD, 1))
    await look(world)
    assert counted(world) == (1, 0)


async def test_a_write_whose_answer_is_lost_counts_once_when_it_is_sent_again(
    world: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    await look(world)
    records = world.service.pushed_events._records
    count = records.count

    def lost(*args: object, **options: object) -> None:
        count(*args, **options)  # type: ignore[arg-type]
        raise StorageError("The connection was lost.")

    with monkeypatch.context() as broken:
        broken.setattr(records, "count", lost)
        with pytest.raises(NotKeptError, match="send it again"):
            await post(world, "1", (GOOD, 5))
    assert await post(world, "2", (GOOD, 2))
    assert not await post(world, "1", (GOOD, 5))
    await look(world)

    assert counted(world) == (7, 0)


@pytest.mark.parametrize("authorization", [None, "Bearer guess", "Basic for-orders"])
async def test_whoever_bears_no_token_is_refused(world: Living, authorization: str | None) -> None:
    with pytest.raises(RefusedSenderError):
        world.service.pushed_events.admit(authorization)
