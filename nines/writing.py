"""Write counts, and decisions with them, until storage takes them; say why it does not."""

from collections.abc import Callable

import structlog

from nines.engine import Engine
from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.errors import RestoredError, StorageError, UnfitError
from nines.storage.fitting import Refused
from nines.threads import StorageThreads

log = structlog.get_logger("nines.writing")


class Writing:
    """Asked for one thing at a time: whoever asks has a lock."""

    def __init__(
        self,
        engine: Engine,
        counts: CountStore,
        threads: StorageThreads,
        new_id: Callable[[], str],
        restored: Callable[[], None],
    ) -> None:
        """`restored` is called when a restore replaced the database under us, after which nothing
        is written.
        """
        self._engine = engine
        self._counts = counts
        self._threads = threads
        self._new_id = new_id
        self._restored = restored
        self.was_restored = False
        self.set_aside = 0  # parts of batches that could not be stored for a fault of Nines
        self._unstored: CountBatch | None = None
        self._failed: str | None = None  # why the newest writing did
        self._refused: str | None = None  # why the decision that waits could not be written

    @property
    def problem(self) -> str | None:
        """Why storing fails, until all that was refused is stored."""
        return self._failed or self._refused

    def failure(self, what: str) -> StorageError:
        """What to raise where something could not be stored."""
        return StorageError(self.problem or f"The database refused to store the {what}.")

    def batch(self) -> CountBatch | None:
        """The batch to write next: one whose writing failed keeps its id and goes first.

        The id is what makes trying again safe when it is unknown whether a commit went through.
        """
        if self._unstored is None:
            self._unstored = self._engine.take_batch(self._new_id())
        return self._unstored

    async def flush(self) -> bool:
        """Store the counts that wait; False when storage refused and they wait on."""
        batch = self.batch()
        if batch is None:
            return True
        stored = await self.write(lambda: self._counts.flush(batch))
        return stored or self._unstored is None  # all of it that can be

    async def write(self, call: Callable[[], None], *, with_counts: bool = True) -> bool:
        """Run it on the one writing thread; whether storage took it. `with_counts`: and `batch`."""
        try:
            await self._threads.write(call)
        except RestoredError as error:
            if not self.was_restored:
                log.warning("database_restored", text=str(error))
            self.was_restored = True
            self._failed = str(error)
            self._restored()
            return False
        except UnfitError as error:
            log.error("storage_refused", error=str(error))  # noqa: TRY400 - a sentence suffices
            if not with_counts or self._unstored is None:
                self._failed = f"Storing failed for a fault of Nines itself: {error}"
                return False
            await self._write_fitting(self._unstored)
            return False  # what else was to be written with it is tried again, without it
        except StorageError as error:
            if self.problem is None:
                log.error("storage_refused", error=str(error))  # noqa: TRY400 - a sentence suffices
            self._failed = f"Storing failed, counts and alerts wait in memory: {error}"
            return False
        if with_counts:
            self._unstored = None
        self._recover(refused=self._refused)
        return True

    def tried(self, *, stored: bool) -> None:
        """The decision that waits was tried; one that was not stored is a problem until it is."""
        if stored:
            self._recover(refused=None)
        else:
            self._refused = self._failed

    async def _write_fitting(self, batch: CountBatch) -> None:
        """Store what fits of a batch, and set the rest aside, so that it keeps nothing else out."""

        def write() -> None:
            refused.extend(self._counts.flush_fitting(batch))

        refused: list[Refused] = []
        if not await self.write(write, with_counts=False):
            return
        self._unstored = None
        self.set_aside += len(refused)
        for one in refused:  # whole, as this line is all that is left of it
            log.error("counts_set_aside", why=one.why, part=repr(one.part))

    def _recover(self, *, refused: str | None) -> None:
        """Writing goes again; `refused` says why what waits could not be written yet."""
        before, self._failed, self._refused = self.problem, None, refused
        if before is not None and self.problem is None:
            log.info("storage_recovered")
