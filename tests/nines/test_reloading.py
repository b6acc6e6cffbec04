"""A reload that fails for reasons nobody expected ends nothing, and is said."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from nines import reloading
from tests.fakes.clock import settle
from tests.nines.living import Living, living

UP = "up: {objective: 99%, sli: {probe: front}}"
STRICTER = "up: {objective: 99.5%, sli: {probe: front}}"
SECRET = "s3cret"


def fails(*_: object) -> NoReturn:
    raise RuntimeError(SECRET)


async def until(nines: Living, seen: Callable[[], bool]) -> None:
    """Let the watch look, which reads files in a thread, until this is so."""
    for _ in range(200):
        await nines.clock.advance(timedelta(seconds=5))
        await asyncio.sleep(0.01)
        await settle()
        if seen():
            return
    pytest.fail("it did not come to be")


def problem_of(nines: Living) -> str:
    """What the pages and the API say of the configuration; empty when it is well."""
    health = nines.service.live.health()
    return "" if health.config_ok else "; ".join(health.problems)


@pytest.mark.parametrize("step", ["load", "needs_restart", "digest"])
async def test_our_own_mistake_while_reading_a_file_is_said_and_the_former_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with living(tmp_path, UP) as nines:
        watching = asyncio.create_task(nines.service.reloading.follow_files())
        await settle()
        with monkeypatch.context() as broken:
            broken.setattr(reloading, step, fails)
            nines.write(STRICTER)
            await until(nines, lambda: nines.service.pulse.config_problem is not None)

        said = problem_of(nines)
        assert "the old one goes on: Nines itself failed when it read it (RuntimeError)" in said
        assert SECRET not in said
        assert nines.service.config.slos[0].objective.label == "99"
        assert not watching.done()

        nines.write(STRICTER + "  # mended")
        await until(nines, lambda: nines.service.pulse.config_problem is None)
        assert nines.service.config.slos[0].objective.label == "99.5"
        watching.cancel()
        await asyncio.wait({watching})


async def test_a_watch_that_fails_is_said_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(tmp_path, UP) as nines:
        watching = asyncio.create_task(nines.service.reloading.follow_files())
        await settle()
        with monkeypatch.context() as broken:
            broken.setattr("nines.config.watch.digest", fails)
            await until(nines, lambda: nines.service.pulse.config_problem is not None)

        assert "followed the configuration's files" in problem_of(nines)
        assert not watching.done()

        nines.write(STRICTER)
        await until(nines, lambda: nines.service.pulse.config_problem is None)
        watching.cancel()
        await asyncio.wait({watching})


async def test_what_is_taken_up_in_part_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(tmp_path, UP) as nines:
        monkeypatch.setattr(reloading, "edited_receivers", fails)
        nines.write(STRICTER)

        problems = (await nines.service.reloading.reload()).problems

        assert problems != ()
        assert "taken up in part; restart Nines" in problem_of(nines)
