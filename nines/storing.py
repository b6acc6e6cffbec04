"""Store what was counted, a second after it was at the latest."""

from datetime import datetime

from nines.bell import Bell
from nines.clock import Clock
from nines.dispatch import Dispatch
from nines.recounting import Recounting

WITHIN = 1.0  # seconds


class Storing:
    """Sleeps until `counted` is called; then what comes within a second is stored together."""

    def __init__(self, dispatch: Dispatch, recounting: Recounting, clock: Clock) -> None:
        self._dispatch = dispatch
        self._recounting = recounting
        self._clock = clock
        self._bell = Bell()
        self._counted_at: datetime | None = None  # the first of what no write has taken yet
        self._taken_at: datetime | None = None  # the same of what is being written

    @property
    def stored_until(self) -> datetime:
        """Everything that was counted up to then is stored, as far as this knows."""
        return self._taken_at or self._counted_at or self._clock.now()

    def counted(self) -> None:
        """There may be something to store, or to count again."""
        self._counted_at = self._counted_at or self._clock.now()
        self._bell.ring()

    async def run(self) -> None:
        """Store until it is cancelled. What storage refuses is tried again a second later."""
        self.counted()  # by whoever started before us
        while True:
            await self._bell.heard()
            await self._clock.sleep(WITHIN)
            self._bell.silence()
            self._taken_at, self._counted_at = self._taken_at or self._counted_at, None
            if await self._dispatch.flush():
                self._taken_at = None
            else:
                self._bell.ring()
            await self._recounting.recount()
