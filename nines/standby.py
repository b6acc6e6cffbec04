"""Stand by until the database is free: the second of two, of which one watches."""

import asyncio
from dataclasses import dataclass

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
    over, database = asyncio.Event(), _Database(url)
    log.info("standing_by", text="Another Nines has the database; this one goes on when it ends.")

    def started(host: str, port: int) -> None:
        log.info("listening", address=f"{host}:{port}", as_="standby")

    answer = standby(lambda: database.failure)
    serving = asyncio.create_task(serve(answer, listen.host, listen.port, over, started))
    looking = asyncio.create_task(database.until_free(clock))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((serving, looking, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.set()
        for task in (looking, stopping):
            task.cancel()
        await asyncio.gather(looking, stopping, return_exceptions=True)
        await serving


@dataclass(slots=True)
class _Database:
    """What is waited for; `failure` says why it could not be asked the last time."""

    url: str
    failure: str | None = None

    async def until_free(self, clock: Clock) -> None:
        while True:
            try:
                if await asyncio.to_thread(is_free, self.url):
                    return
                self.failure = None
            except StorageError as error:
                if self.failure is None:
                    log.warning("database_out_of_reach", error=str(error))
                self.failure = str(error)
            await clock.sleep(LOOK_EVERY)
