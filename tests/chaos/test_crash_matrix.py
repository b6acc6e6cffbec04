"""SIGKILL between every pair of commits and calls, with every receiver, on both databases."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.failpoints import Commit
from tests.chaos.forks import Forks
from tests.chaos.judge import Killed, Said, faults
from tests.chaos.lending import Lend
from tests.chaos.vendors import KINDS, Step
from tests.chaos.world import World, world

AT_ONCE = 3  # worlds beside each other: most of their time is waiting for a scrape
LEAST = 70  # kills on each database


@dataclass(frozen=True, slots=True)
class Point:
    """Where it is killed: at a commit of its own, or where all of these vendors hold its calls."""

    commit: str = ""
    step: Step | None = None
    receivers: Sequence[str] = KINDS


def points(said: Said) -> Iterator[Point]:
    """Every place in the life of a page, or of its resolve."""
    for side in ("before", "after"):
        yield Point(f"{Commit.DECISION}:{side}")
        for name in KINDS:
            yield Point(f"{Commit.ATTEMPT}:{side}:{name}")
            yield Point(f"{Commit.OUTCOME}:{side}:{name}")
    for step in (Step.CONNECTED, Step.HALF, Step.TAKEN, Step.ANSWERED):
        yield Point(step=step)
    if said is Said.RESOLVED:  # a message is changed, and then added to
        yield Point(step=Step.NEWS, receivers=("slack", "discord"))


async def killed_at(point: Point, at: World) -> None:
    if point.step:
        async with asyncio.timeout(20):
            await at.all_held.wait()
        await at.kill()
    else:
        await at.died()


async def outage(at: World, page: Point, resolve: Point) -> None:
    """One outage in which the process dies on the way to the page, and to the resolve."""
    for said, point in ((Said.FIRING, page), (Said.RESOLVED, resolve)):
        since = len(at.events)
        if point.step:
            at.hold_at(point.step, point.receivers)
        else:
            at.arm(point.commit)
        at.breaks() if said is Said.FIRING else at.heals()
        await killed_at(point, at)
        await at.start()
        await at.told(said, since)
        await at.settled()


async def story(at: World, outages: Sequence[tuple[Point, Point]]) -> None:
    await at.start()
    for number, (page, resolve) in enumerate(outages):
        try:
            await outage(at, page, resolve)
        except TimeoutError:
            pytest.fail(f"outage {number}, {page}, {resolve}: {at.events[-12:]}\n{at.log()}")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_killed_between_any_two_steps_a_page_and_its_end_arrive(
    kind: str, lend: Lend, tmp_path: Path, forks: Forks
) -> None:
    pages, resolves = list(points(Said.FIRING)), list(points(Said.RESOLVED))
    pages += pages[: len(resolves) - len(pages)]
    both = list(zip(pages, resolves, strict=True))
    worlds: list[World] = []

    async def one(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        async with world(folder, lend(kind, folder), forks) as at:
            worlds.append(at)
            await story(at, both[number::AT_ONCE])

    async with asyncio.TaskGroup() as group:
        for number in range(AT_ONCE):
            group.create_task(one(number))

    assert [fault for at in worlds for fault in faults(at.events, KINDS)] == []
    assert sum(isinstance(one, Killed) for at in worlds for one in at.events) >= LEAST
