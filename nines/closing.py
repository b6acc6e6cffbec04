"""Let go of what holds connections or files open."""

from collections.abc import Mapping
from typing import Protocol

import structlog

log = structlog.get_logger("nines.closing")


class Closable(Protocol):
    """What has to be closed."""

    async def close(self) -> None: ...


async def close_all(named: Mapping[str, Closable]) -> None:
    """Close them all, whatever one of them raises."""
    for name, one in named.items():
        try:
            await one.close()
        except Exception:
            log.exception("close_failed", name=name)
