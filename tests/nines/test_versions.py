"""The real service keeps what was promised: versions, their counts, and which one was in force."""

from datetime import timedelta
from pathlib import Path

from tests.nines.living import START, Living, living

M = timedelta(minutes=1)
H = timedelta(hours=1)


def slo(objective: str = "99%", probe: str = "front", window: str = "1d") -> str:
    return f"up: {{objective: {objective}, window: {window}, sli: {{probe: {probe}}}}}"


def versions(nines: Living) -> list[tuple[int, int, tuple[str, ...]]]:
    return [
        (one.definition.number, one.counts_of, one.changes)
        for one in nines.service.live.versions("shop/up")
    ]


async def test_each_edit_is_a_version_and_a_restart_is_none(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(2 * M)
        await nines.restart()
        await nines.edit(slo())
        assert versions(nines) == [(1, 1, ())]

        await nines.edit(slo("99.9%"))
        await nines.pass_time(M)
        await nines.restart(slo("99.9%", window="7d"))

        assert versions(nines) == [
            (1, 1, ()),
            (2, 1, ("objective 99% -> 99.9%",)),
            (3, 1, ("window 1d -> 7d",)),
        ]


async def test_the_present_numbers_by_an_older_definition(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(20 * M, failing=["front"], every=10)
        before = nines.service.live.status("shop/up")
        await nines.edit(slo("99.9%"))
        await nines.edit(slo("99.9%", "back"))
        await nines.pass_time(10 * M)
        now = nines.clock.now()

        first, second, third = [
            found.told.status
            for number in (1, 2, 3)
            if (found := await nines.service.live.by_version("shop/up", number, now))
            and found.told is not None
        ]

        assert before is not None
        assert before.window.counts == first.window.counts == second.window.counts
        assert (first.lifetime, second.lifetime) == (before.lifetime, before.lifetime)
        assert first.slo.objective.label == "99"
        assert first.budget is not None
        assert second.budget is not None
        assert first.budget.spent == second.budget.spent / 10
        assert third.window.counts.total == 59  # the last look's bucket is not over
        assert third.window.counts.bad == 0
        assert await nines.service.live.by_version("shop/up", 4, now) is None


async def test_coming_back_to_an_sli_finds_its_counts(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(20 * M, failing=["front"], every=10)
        await nines.edit(slo(probe="back"))
        await nines.pass_time(M)
        await nines.edit(slo())
        await nines.pass_time(M)

        status = nines.service.live.status("shop/up")

        assert versions(nines)[2] == (3, 1, ("SLI probe back -> front",))
        assert status is not None
        assert status.window.counts.bad == 12
        assert status.window.counts.total == 126


async def test_a_refused_edit_is_no_version(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        nines.write(slo("101%"))

        assert (await nines.service.reloading.reload()).problems != ()

        assert versions(nines) == [(1, 1, ())]
        assert nines.service.live.versions("shop/up")[0].definition.valid_from == START
