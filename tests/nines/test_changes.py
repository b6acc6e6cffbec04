"""Who opens a stream hears what changed, and nobody works it out while there is none."""

from datetime import timedelta
from pathlib import Path

from nines.changes import Broadcast
from tests.nines.living import living

TEN = timedelta(seconds=10)


def test_it_is_heard_while_a_stream_is_open() -> None:
    broadcast = Broadcast()
    heard = [broadcast.is_heard]

    stream = broadcast.subscribe()
    heard.append(broadcast.is_heard)
    stream.close()
    heard.append(broadcast.is_heard)

    assert heard == [False, True, False]


async def test_a_stream_hears_of_what_changed_before_it_was_opened_and_since(
    tmp_path: Path,
) -> None:
    async with living(tmp_path, "up: {objective: 99%, window: 2h, sli: {probe: front}}") as nines:
        await nines.pass_time(TEN, failing=["front"])
        stream = nines.service.broadcast.subscribe()
        await nines.pass_time(TEN)
        first = await stream.next(TEN)
        await nines.pass_time(TEN, failing=["front"])
        second = await stream.next(TEN)

    assert first is not None
    assert first.slo_ids == {"shop/up"}
    assert second is not None
    assert second.slo_ids == {"shop/up"}
