"""What lives as long as the service is not searched for cycles again and again."""

import asyncio
import gc

from nines.settling import settling


async def test_what_lives_is_settled_and_let_go_in_the_end() -> None:
    usual = gc.get_threshold()
    looked_at = []

    def hears(phase: str, of: dict[str, int]) -> None:
        if phase == "start" and of["generation"] == 2:
            looked_at.append(len(gc.get_objects()))

    alive = [[number] for number in range(100_000)]  # lists: each could be part of a cycle
    async with settling(after=(0.0, 0.0)):
        while not gc.get_freeze_count():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        assert gc.get_freeze_count() > len(alive)
        assert gc.get_threshold() > usual
        gc.callbacks.append(hears)
        gc.collect()
        gc.callbacks.remove(hears)

    assert looked_at
    assert looked_at[0] < len(alive)
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == usual
    del alive
