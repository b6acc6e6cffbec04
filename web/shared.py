"""A page that many ask for at the same moment is made once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from fastapi.responses import HTMLResponse

_GOOD_FOR = 1.0  # seconds; pages show whole seconds, and what they tell of is in the key
_MOST = 64  # pages of one moment


@dataclass(frozen=True, slots=True)
class _Made:
    at: float
    page: asyncio.Future[HTMLResponse]


class Shared:
    """Whoever asks for the same by the same key within a second gets the same page."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._made: dict[Hashable, _Made] = {}

    async def page(
        self, key: Hashable, make: Callable[[], Awaitable[HTMLResponse]]
    ) -> HTMLResponse:
        """The page of this key. What `make` raises is raised to all who wait for it, and not kept.

        `key` holds whatever the page depends on but the time of day.
        """
        now, found = self._monotonic(), self._made.get(key)
        if found is None or now - found.at >= _GOOD_FOR:
            found = _Made(now, asyncio.ensure_future(make()))
            self._keep(key, found, now)
        try:
            made = await asyncio.shield(found.page)
        except BaseException:
            if found.page.done() and self._made.get(key) is found:
                del self._made[key]
            raise
        return HTMLResponse(made.body, made.status_code)

    def _keep(self, key: Hashable, made: _Made, now: float) -> None:
        if len(self._made) >= _MOST:
            self._made = {
                one: kept for one, kept in self._made.items() if now - kept.at < _GOOD_FOR
            }
        if len(self._made) < _MOST:
            self._made[key] = made
