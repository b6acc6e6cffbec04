"""Nobody looks every second: whoever makes work wakes whoever does it, or it wakes by its time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from alerting.store import IncidentFile
from nines.bell import Bell
from nines.storage.errors import StorageError
from nines.storing import Storing
from tests.fakes.clock import FakeClock, settle
from tests.nines.living import Living, living

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
UP = "up: {objective: 99.9%, sli: {probe: front}}"


@asynccontextmanager
async def running(job: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(job)
    try:
        await settle()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def counting(
    of: object, name: str, calls: list[str], refuses: Callable[[], bool] = lambda: False
) -> None:
    """Write down every call of a method, which may be refused."""
    inner: Callable[..., object] = getattr(of, name)

    def called(*given: object) -> object:
        calls.append(name)
        if refuses():
            raise StorageError("The disk is full.")
        return inner(*given)

    setattr(of, name, called)


async def until(true: Callable[[], bool]) -> None:
    """Wait for the storage threads."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - a thread sets no event
            await asyncio.sleep(0.001)


class _Flushing:
    """In place of the dispatch and of who recounts: says when it was asked."""

    def __init__(self, clock: FakeClock, answers: list[bool]) -> None:
        self._clock, self._answers = clock, answers
        self.flushed: list[float] = []
        self.recounted = 0

    async def flush(self) -> bool:
        self.flushed.append(self._clock.monotonic())
        return self._answers.pop(0) if self._answers else True

    async def recount(self) -> None:
        self.recounted += 1


async def test_a_bell_is_heard_once_however_often_it_rang() -> None:
    clock, bell = FakeClock(), Bell()
    bell.ring()
    bell.ring()

    assert await bell.heard_within(5, clock)
    again = asyncio.ensure_future(bell.heard_within(5, clock))
    await clock.advance(4 * SECOND)
    assert not again.done()
    await clock.advance(SECOND)
    assert not await again


async def test_counts_are_stored_within_a_second_and_storage_is_left_alone_otherwise() -> None:
    clock = FakeClock()
    asked = _Flushing(clock, [])
    storing = Storing(asked, asked, clock)  # type: ignore[arg-type] # all that it asks of them
    async with running(storing.run()):
        await clock.advance(HOUR)
        assert asked.flushed == [1.0]  # whoever counted before it ran

        storing.counted()
        await clock.advance(SECOND / 2)
        storing.counted()
        await clock.advance(HOUR)

    assert asked.flushed == [1.0, 3601.0]
    assert asked.recounted == 2


async def test_what_storage_refuses_is_stored_a_second_later_though_nothing_else_is_counted() -> (
    None
):
    clock = FakeClock()
    asked = _Flushing(clock, [False, False])
    async with running(Storing(asked, asked, clock).run()):  # type: ignore[arg-type] # as above
        await clock.advance(HOUR)

    assert asked.flushed == [1.0, 2.0, 3.0]


async def test_since_when_counts_wait_is_known_until_they_are_stored() -> None:
    clock = FakeClock()
    asked = _Flushing(clock, [True, False, False])
    storing = Storing(asked, asked, clock)  # type: ignore[arg-type] # as above
    async with running(storing.run()):
        await clock.advance(HOUR)
        assert storing.stored_until == clock.now()

        counted_at = clock.now()
        storing.counted()
        await clock.advance(SECOND * 1.5)
        storing.counted()
        await clock.advance(SECOND)
        assert storing.stored_until == counted_at
        await clock.advance(SECOND)
        assert storing.stored_until == clock.now()


async def test_what_an_observation_counts_is_stored_without_another_look(tmp_path: Path) -> None:
    async with living(tmp_path, UP) as nines, running(nines.service.storing.run()):
        await nines.clock.advance(HOUR)
        nines.look()
        await nines.clock.advance(SECOND)

        await until(lambda: _stored(nines) == 1)


def _stored(nines: Living) -> int:
    (record,) = nines.service.counts.series("shop/up")
    return record.lifetime.good


async def test_how_receivers_stand_is_looked_at_after_deliverys_calls_alone(tmp_path: Path) -> None:
    async with living(tmp_path, UP) as nines:
        looks: list[str] = []
        outbox, clock = nines.service.outbox, nines.clock
        counting(nines.service.records, "outbox_pending", looks)
        async with running(outbox.run()):
            await clock.advance(HOUR)
            assert looks == []

            await nines.pass_time(timedelta(minutes=20), failing=["front"])
            assert nines.service.pulse.outbox_pending == 0  # nobody delivers here
            await outbox.deliver(lambda: None)
            await until(lambda: nines.service.pulse.outbox_pending > 0)

            # What comes within the second is seen at its end.
            await outbox.deliver(lambda: None)
            await outbox.deliver(lambda: None)
            await clock.advance(HOUR)
            await until(lambda: len(looks) == 2)
            await clock.advance(HOUR)
            await settle()
    assert len(looks) == 2


async def test_a_refused_look_at_the_outbox_is_made_again(tmp_path: Path) -> None:
    async with living(tmp_path, UP) as nines:
        looks: list[str] = []
        refused = iter([True])
        counting(nines.service.records, "outbox_pending", looks, lambda: next(refused, False))
        async with running(nines.service.outbox.run()):
            await nines.service.outbox.deliver(lambda: None)
            await until(lambda: len(looks) == 1)
            await settle()
            await nines.clock.advance(SECOND)
            await until(lambda: nines.service.pulse.receivers != ())
    assert len(looks) == 2


async def test_nothing_open_is_not_looked_at_again_until_something_is_decided(
    tmp_path: Path,
) -> None:
    async with living(tmp_path, UP) as nines:
        looks: list[str] = []
        await nines.service.dispatch.review()
        counting(nines.service.records, "open_incidents", looks)
        for _ in range(3):
            await nines.service.dispatch.review()
        assert looks == []

        await nines.pass_time(timedelta(minutes=20), failing=["front"])
        looks.clear()
        await nines.service.dispatch.review()
        await nines.service.dispatch.review()
    assert looks == ["open_incidents"] * 2  # it is open


async def test_what_is_opened_while_nothing_is_seen_open_is_reviewed(tmp_path: Path) -> None:
    async with living(tmp_path, UP) as nines:
        dispatch, records = nines.service.dispatch, nines.service.records
        dispatch._deciding.open.forget()  # as after a commit whose answer was lost
        for _ in range(30):
            nines.look(["front"])
        inner = records.open_incidents
        opened: list[Awaitable[None]] = []
        loop = asyncio.get_running_loop()

        def looked(service: str | None = None) -> list[IncidentFile]:
            if service is not None or opened:
                return inner(service)
            found = inner()  # nothing yet; and before this is heard of, one is opened
            settled = asyncio.run_coroutine_threadsafe(dispatch.settle(), loop)
            opened.append(asyncio.wrap_future(settled, loop=loop))
            settled.result(10)
            return found

        records.open_incidents = looked  # type: ignore[method-assign]
        await dispatch.review()
        looks: list[str] = []
        counting(records, "open_incidents", looks)
        await dispatch.review()
    assert looks == ["open_incidents"]


async def test_a_change_that_comes_to_be_due_earlier_is_reviewed_at_its_time(
    tmp_path: Path,
) -> None:
    async with living(tmp_path, UP) as nines:
        clock, dispatch = nines.clock, nines.service.dispatch
        reviews: list[float] = []
        alone: list[float] = []

        async def review(*, due: bool = False) -> None:
            dispatch.next_review = None
            reviews.append(clock.monotonic())
            if due:
                alone.append(clock.monotonic())

        dispatch.review = review  # type: ignore[method-assign]
        async with running(nines.service.rounds.review_when_due()):
            await clock.advance(21 * SECOND)
            assert reviews == [10.0, 20.0]  # at the buckets' edges

            dispatch.next_review = clock.now() + 2.5 * SECOND
            dispatch.rescheduled.ring()
            await clock.advance(10 * SECOND)

    assert reviews == [10.0, 20.0, 23.5, 30.0]
    assert alone == [23.5]  # what is due, and not all that is open


async def test_what_a_write_opened_whose_answer_was_lost_is_reviewed(tmp_path: Path) -> None:
    async with living(tmp_path, UP) as nines:
        dispatch, records = nines.service.dispatch, nines.service.records
        await dispatch.review()
        for _ in range(30):
            nines.look(["front"])
        inner = records.apply

        def lost(*given: Any) -> None:  # noqa: ANN401 - whatever it is given
            inner(*given)
            raise StorageError("The answer was lost.")

        records.apply = lost  # type: ignore[assignment, method-assign]
        async with running(dispatch.settle()):
            await until(lambda: dispatch.problem is not None)
        assert records.open_incidents() != []

        looks: list[str] = []
        counting(records, "open_incidents", looks)
        await dispatch.review()
    assert looks == ["open_incidents"]
