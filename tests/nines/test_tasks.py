"""A mistake in what no page waits for ends nothing else; one in what pages depend on ends all."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from nines.auditor import Auditor
from nines.callbacks import Callbacks
from nines.canaries import Canaries
from nines.dispatch import Dispatch
from nines.outbox import Outbox
from nines.receipts import Receipts
from nines.recounting import Recounting
from nines.rounds import Rounds
from nines.tasks import SideTasks, end
from tests.fakes.clock import FakeClock, settle
from tests.nines.living import living

UP = "up: {objective: 99%, sli: {probe: front}}"
SECRET = "s3cret"
ASIDE: dict[str, tuple[type, str]] = {
    "look at the outbox": (Outbox, "look"),
    "evaluate as time passes": (Rounds, "look_at_budgets"),
    "review what is open": (Dispatch, "review"),
    "act on callbacks": (Callbacks, "settle"),
    "watch for receipts": (Receipts, "look"),
    "audit its own work": (Auditor, "look"),
    "send canaries": (Canaries, "look"),
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


async def fails(*_: object) -> NoReturn:
    raise RuntimeError(SECRET)


async def test_one_that_fails_is_said_and_begun_again_after_some_seconds() -> None:
    clock, begun = FakeClock(), []

    async def run() -> None:
        begun.append(clock.now())
        if len(begun) < 3:
            raise RuntimeError(SECRET)
        await asyncio.Event().wait()

    side_tasks = SideTasks(clock)
    kept = asyncio.create_task(side_tasks.keep("send canaries", run))
    await settle()
    assert len(begun) == 1
    said = "Nines itself failed to send canaries (RuntimeError). "
    said += "That is a mistake of Nines, its log has the details."
    assert side_tasks.problems() == [said]

    await clock.advance(timedelta(seconds=4))
    assert len(begun) == 1
    await clock.advance(timedelta(minutes=5))
    assert [at - begun[0] for at in begun] == [timedelta(seconds=by) for by in (0, 5, 10)]
    assert len(side_tasks.problems()) == 1  # 10 s long it could still be chance

    await clock.advance(timedelta(seconds=10))
    assert side_tasks.problems() == []
    await end([kept])


async def test_mistakes_in_what_no_page_waits_for_end_nothing_and_it_goes_on_once_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(what: str) -> bool:
        return any(f"failed to {what} (" in one for one in nines.service.live.health().problems)

    async with living(tmp_path, UP) as nines:
        with monkeypatch.context() as broken:
            for owner, method in ASIDE.values():
                broken.setattr(owner, method, fails)
            running = asyncio.create_task(nines.service.run(serve_web=False))
            await nines.until(lambda: all(map(said, ASIDE)))
            assert SECRET not in " ".join(nines.service.live.health().problems)
            assert not running.done()
            assert nines.service.live.health().last_evaluation is None

        await nines.until(lambda: not any(map(said, ASIDE)))
        assert nines.service.pulse.last_evaluation is not None
        nines.service.stop.set()
        await asyncio.wait_for(running, 10)


async def test_a_mistake_in_what_pages_depend_on_ends_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recounting, "recount", fails)
    async with living(tmp_path, UP) as nines:
        running = asyncio.create_task(nines.service.run(serve_web=False))
        await nines.until(running.done)

        with pytest.raises(RuntimeError, match=SECRET):
            await running
