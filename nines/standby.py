"""Stand by until the database is free: the second of two, of which one watches."""

import asyncio
from collections.abc import Callable

import structlog

from nines.clock import Clock
from nines.config import Config
from nines.storage.errors import StorageError
from nines.storage.instance import is_free
from web.serve import serve
from web.standby import standby

LOOK_EVERY = 1.0  # seconds

log = structlog.get_logger("nines.standby")


async def stand_by(config: Config, stop: asyncio.Event, clock: Clock) -> None:
    """Answer that we stand by until the database is free, or `stop` is set.

    Raises ListenError. A database that cannot be reached is waited for.
    """
    url, listen = config.server.database.value, config.server.listen
    over = asyncio.Event()
    log.info("standing_by", text="Another Nines has the database; this one goes on when it ends.")

    def started(host: str, port: int) -> None:
        log.info("listening", address=f"{host}:{port}", as_="standby")

    serving = asyncio.create_task(serve(standby, listen.host, listen.port, over, started))
    looking = asyncio.create_task(_until_free(url, clock))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((serving, looking, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.set()
        for task in (looking, stopping):
            task.cancel()
        await asyncio.gather(looking, stopping, return_exceptions=True)
        await serving


async def _until_free(url: str, clock: Clock, free: Callable[[str], bool] = is_free) -> None:
    failure: str | None = None
    while True:
        try:
            if await asyncio.to_thread(free, url):
                return
            failure = None
        except StorageError as error:
            if failure is None:
                log.warning("database_out_of_reach", error=str(error))
            failure = str(error)
        await clock.sleep(LOOK_EVERY)
