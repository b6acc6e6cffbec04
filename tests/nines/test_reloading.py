"""A reload that fails for reasons nobody expected ends nothing, and is said."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from nines import reloading
from tests.fakes.clock import settle
from tests.fakes.metric_stores import prometheus
from tests.nines.living import START, Living, living

UP = "up: {objective: 99%, sli: {probe: front}}"
STRICTER = "up: {objective: 99.5%, sli: {probe: front}}"
SECRET = "s3cret"


def fails(*_: object) -> NoReturn:
    raise RuntimeError(SECRET)


def problem_of(nines: Living) -> str:
    """What the pages and the API say of the configuration; empty when it is well."""
    health = nines.service.live.health()
    return "" if health.config_ok else "; ".join(health.problems)


def is_said(problem: str) -> bool:
    return problem.startswith("Nines itself failed to follow the configuration's files (Runt")


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
            await nines.until(lambda: nines.service.pulse.config_problem is not None)

        said = problem_of(nines)
        assert "the old one goes on: Nines itself failed to take it up (RuntimeError)" in said
        assert SECRET not in said
        assert nines.service.config.slos[0].objective.label == "99"
        assert not watching.done()

        nines.write(STRICTER + "  # mended")
        await nines.until(lambda: nines.service.pulse.config_problem is None)
        assert nines.service.config.slos[0].objective.label == "99.5"
        watching.cancel()
        await asyncio.wait({watching})


async def test_a_watch_that_fails_is_said_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(tmp_path, UP) as nines:
        watching = asyncio.create_task(nines.service.run(serve_web=False))
        await settle()
        with monkeypatch.context() as broken:
            broken.setattr("nines.config.watch.digest", fails)
            await nines.until(lambda: any(map(is_said, nines.service.live.health().problems)))
            nines.write(STRICTER)
            await nines.clock.advance(timedelta(seconds=30))

        # Edited while nobody could look, and read as soon as somebody can.
        await nines.until(lambda: nines.service.config.slos[0].objective.label == "99.5")
        assert not watching.done()
        nines.service.stop.set()
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


STORE = """
  store:
    collectors:
      metrics:
        promql: {url}
        interval: 10s
        backfill: 1h
        queries: {{sold_total: {{query: sold_total, type: counter}}}}
    slos:
      sold:
        objective: 99%
        sli: {{collector: metrics, total: sold_total, bad: 'sold_total{{code="500"}}'}}
"""


@pytest.mark.needs("prometheus")
async def test_a_collector_that_a_reload_brings_begins_with_its_history(tmp_path: Path) -> None:
    seconds = range(-3600, 0, 10)
    told = [f"sold_total {3600 + at} {START.timestamp() + at:.0f}" for at in seconds]
    page = "\n".join(["# TYPE sold counter", *told, ""])
    async with living(tmp_path, UP) as nines:
        with prometheus(tmp_path / "prometheus", page) as url:
            file = tmp_path / "config.yaml"
            file.write_text(file.read_text() + STORE.format(url=url))

            assert (await nines.service.reloading.reload()).problems == ()

        (sold,) = nines.service.counts.series("store/sold")
        # From the first sample that the hour has to the last one before now, and not once more.
        assert 3500 < sold.lifetime.good <= 3590
        good = sold.lifetime.good
        assert (await nines.service.reloading.reload()).problems == ()
        assert nines.service.counts.series("store/sold")[0].lifetime.good == good
