"""Keep Python's search for cycles off what lives as long as the service does.

The search stops everything while it goes through all that lives: with 5,000 SLOs a second and
more, in which no page is sent and no probe is timed.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

_THRESHOLDS = (5_000, 10, 10)  # a page of 50 SLOs makes several times the usual 700
# When it is read and served; when each SLO was judged; when what is remembered of each is there.
SETTLED_AFTER = (5.0, 60.0, 600.0)  # seconds, each after the one before


def settle() -> None:
    """Whatever lives now is taken to live on: no later search looks at it."""
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def settling(after: Sequence[float] = SETTLED_AFTER) -> AsyncIterator[None]:
    """Settle, once `after` each of these seconds; and undo it in the end."""

    async def settle_down() -> None:
        for seconds in after:
            await asyncio.sleep(seconds)
            settle()

    usual = gc.get_threshold()
    gc.set_threshold(*_THRESHOLDS)
    task = asyncio.create_task(settle_down(), name="settle")
    try:
        yield
    finally:
        task.cancel()
        gc.unfreeze()
        gc.set_threshold(*usual)
