"""Services that depend on one: a common cause is told once, and nothing is swallowed by it."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from tests.nines.living import STEP, Living, a_look
from web.why import why

S, M = timedelta(seconds=1), timedelta(minutes=1)
HEAD = """
server: {{database: "sqlite:///{database}"}}
alerting:
  receivers: {{oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef}}}}}}
  route: {{receivers: [oncall]}}
services:
"""
TIER = "{severity: page, factor: 10, long: 2m, short: 1m, keep_firing_for: 10s}"
SLO = f"{{objective: 99%, window: 1d, sli: {{probe: front}}, notices: [], tiers: [{TIER}]}}"
FRONT = 'front: {http: "http://127.0.0.1:1/", interval: 10s}'


def a_service(name: str, more: str = "", slo: str = SLO) -> str:
    return f"  {name}: {{collectors: {{{FRONT}}}, slos: {{up: {slo}}}{more}}}\n"


class Fleet(Living):
    """`services` in YAML; each has the probe `front`."""

    def __init__(self, folder: Path, services: str) -> None:
        super().__init__(folder)
        self._config.write_text(HEAD.format(database=folder / "nines.db") + services)

    @property
    def names(self) -> list[str]:
        return list(self.service.config.services)

    async def run(self, by: timedelta, *, failing: Collection[str] = ()) -> None:
        """Every service is looked at every 10 s, in the order of the file, and judged at once."""
        for _ in range(by // STEP):
            await self.see(failing)
        await self.service.dispatch.flush()

    async def see(self, failing: Collection[str], order: Collection[str] | None = None) -> None:
        self.clock.move(STEP)
        for name in self.names if order is None else order:
            self.see_one(name, bad=name in failing)
        self.service.rounds.judge()
        await self.decide()

    def see_one(self, name: str, *, bad: bool) -> None:
        look = a_look(f"{name}/front", self.clock.now(), bad=bad)
        self.service.rounds.on_observation(look)

    async def decide(self) -> None:
        await self.service.dispatch.settle()
        await self.service.dispatch.review()

    async def until_it_fires(self, name: str) -> datetime:
        """Nobody but this one is looked at, and it fails."""
        while not await self.explained(name):
            self.clock.move(STEP)
            self.see_one(name, bad=True)
            await self.decide()
        return self.clock.now()

    async def pages(self) -> list[str]:
        """Of whom the pager was told, and what: `trigger of gateway`, oldest first."""
        return [f"{one.kind} of {one.message.service}" for one in await self.notifications()]

    async def explained(self, service: str) -> str:
        """Everything that the timelines of a service's incidents say."""
        page = await self.service.live.incidents(
            state=None, service=service, cursor=None, limit=100
        )
        details = [await self.service.live.incident(one.id) for one in page.incidents]
        return " ".join(event.text for one in details if one for event in one.events)


@asynccontextmanager
async def fleet(folder: Path, services: str) -> AsyncIterator[Fleet]:
    one = Fleet(folder, services)
    await one.open()
    try:
        yield one
    finally:
        await one.service.close()


def shops(count: int) -> list[str]:
    return [f"shop-{number}" for number in range(count)]


def behind_a_gateway(count: int) -> str:
    children = (a_service(name, ", depends_on: [gateway]") for name in shops(count))
    return "".join(children) + a_service("gateway")  # the last to be looked at


async def test_two_hundred_services_on_one_gateway_are_one_page(tmp_path: Path) -> None:
    async with fleet(tmp_path, behind_a_gateway(200)) as nines:
        await nines.run(M)
        await nines.run(M, failing=nines.names)
        assert await nines.pages() == ["trigger of gateway"]
        assert "dependency gateway (this depends on it, and it fires)" in (
            await nines.explained("shop-7")
        )

        await nines.run(3 * M)

        assert await nines.pages() == ["trigger of gateway", "resolve of gateway"]


async def test_services_that_are_first_by_seconds_wait_for_the_gateway_to_speak(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path, behind_a_gateway(3)) as nines:
        await nines.run(2 * M)
        for _ in range(6):
            await nines.see(nines.names, order=shops(3))  # told and judged seconds before
            nines.clock.move(3 * S)
            nines.see_one("gateway", bad=True)
            await nines.decide()

        assert await nines.pages() == ["trigger of gateway"]


async def test_services_that_recover_some_time_after_the_gateway_page_nobody(
    tmp_path: Path,
) -> None:
    slow = SLO.replace("short: 1m", "short: 1m30s")  # its rule goes on for half a minute longer
    children = "".join(a_service(name, ", depends_on: [gateway]", slow) for name in shops(3))
    async with fleet(tmp_path, children + a_service("gateway")) as nines:
        await nines.run(M)
        await nines.run(M, failing=nines.names)
        await nines.run(4 * M)

        assert await nines.pages() == ["trigger of gateway", "resolve of gateway"]
        assert "what this depends on recovered, and this has until" in (
            await nines.explained("shop-1")
        )


async def test_who_stays_down_when_the_gateway_recovers_is_paged(tmp_path: Path) -> None:
    async with fleet(tmp_path, behind_a_gateway(2)) as nines:
        await nines.run(2 * M)
        await nines.run(2 * M, failing=nines.names)
        assert await nines.pages() == ["trigger of gateway"]

        await nines.run(4 * M, failing=["shop-1"])

        told = await nines.pages()
        assert told == ["trigger of gateway", "resolve of gateway", "trigger of shop-1"]
        last = (await nines.notifications())[-1].message.what_changed
        assert "no longer held back by dependency gateway" in last


async def test_one_that_fails_alone_is_paged_once_the_gateway_was_seen_well(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path, behind_a_gateway(1)) as nines:
        await nines.run(2 * M)
        await nines.until_it_fires("shop-0")
        assert await nines.pages() == []

        nines.clock.move(S)
        nines.see_one("gateway", bad=False)
        await nines.decide()

        assert await nines.pages() == ["trigger of shop-0"]


async def test_beside_a_gateway_that_passes_its_looks_nobody_waits(tmp_path: Path) -> None:
    async with fleet(tmp_path, behind_a_gateway(1)) as nines:
        await nines.run(2 * M)
        while not await nines.explained("shop-0"):
            nines.see_one("gateway", bad=False)  # between two runs of the shop
            await nines.see(["shop-0"], order=["shop-0"])

        assert await nines.pages() == ["trigger of shop-0"]


async def test_one_whose_gateway_nobody_can_see_is_paged_when_the_wait_is_over(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path, behind_a_gateway(1)) as nines:
        await nines.run(2 * M)
        began = await nines.until_it_fires("shop-0")
        waited = "this depends on it, and it may speak first until"
        assert waited in await nines.explained("shop-0")
        assert await nines.pages() == []

        while not await nines.pages():
            nines.clock.move(STEP)
            nines.see_one("shop-0", bad=True)
            await nines.decide()

        assert nines.clock.now() - began == M
        assert await nines.pages() == ["trigger of shop-0"]


async def test_a_kill_while_the_gateway_is_down_pages_nobody_twice_and_forgets_nobody(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path, behind_a_gateway(3)) as nines:
        await nines.run(2 * M)
        await nines.run(2 * M, failing=nines.names)
        await nines.restart()
        await nines.run(M, failing=nines.names)
        assert await nines.pages() == ["trigger of gateway"]

        await nines.run(M, failing=["shop-2"])  # the gateway ends here, and we are killed
        await nines.restart()
        await nines.run(4 * M, failing=["shop-2"])

        told = await nines.pages()
        assert told.count("trigger of gateway") == told.count("trigger of shop-2") == 1
        assert not {"trigger of shop-0", "trigger of shop-1"} & set(told)


async def test_the_numbers_are_those_of_one_that_depends_on_nothing(tmp_path: Path) -> None:
    services = a_service("gateway") + a_service("free")
    services += a_service("bound", ", depends_on: [gateway]")
    async with fleet(tmp_path, services) as nines:
        await nines.run(2 * M)
        await nines.run(M, failing=nines.names)

        free, bound = (nines.service.engine.entries[f"{name}/up"] for name in ("free", "bound"))
        assert bound.status
        assert free.status
        assert bound.status.window == free.status.window
        assert bound.status.budget == free.status.budget


async def test_of_a_chain_the_first_cause_speaks(tmp_path: Path) -> None:
    services = a_service("dns") + a_service("gateway", ", depends_on: [dns]")
    services += a_service("shop", ", depends_on: [gateway]")
    async with fleet(tmp_path, services) as nines:
        await nines.run(2 * M)
        await nines.run(2 * M, failing=["shop", "dns"])  # the gateway has an own cache

        assert await nines.pages() == ["trigger of dns"]
        assert "dependency dns (" in await nines.explained("shop")


async def test_a_collector_is_depended_on_without_the_rest_of_its_service(tmp_path: Path) -> None:
    two = f'{FRONT}, side: {{http: "http://127.0.0.1:1/", interval: 10s}}'
    sided = SLO.replace("probe: front", "probe: side")
    services = f"  gateway: {{collectors: {{{two}}}, slos: {{up: {SLO}, side: {sided}}}}}\n"
    services += a_service("shop", ", depends_on: [gateway/side]")
    async with fleet(tmp_path, services) as nines:
        await nines.run(2 * M)
        for _ in range(12):
            nines.service.rounds.on_observation(
                a_look("gateway/side", nines.clock.now() + STEP, bad=False)
            )
            await nines.see(["gateway", "shop"])

        assert set(await nines.pages()) == {"trigger of gateway", "trigger of shop"}


async def test_a_gateway_in_shadow_speaks_for_nobody(tmp_path: Path) -> None:
    services = a_service("gateway", slo=SLO.replace("{objective", "{shadow: true, objective"))
    services += a_service("shop", ", depends_on: [gateway]")
    async with fleet(tmp_path, services) as nines:
        await nines.run(2 * M)
        await nines.run(2 * M, failing=nines.names)

        assert await nines.pages() == ["trigger of shop"]


async def test_why_it_was_not_told_names_what_it_depends_on(tmp_path: Path) -> None:
    async with fleet(tmp_path, behind_a_gateway(1)) as nines:
        await nines.run(2 * M)
        await nines.run(M, failing=nines.names)

        page = await nines.service.live.incidents(
            state=None, service="shop-0", cursor=None, limit=1
        )
        told = await why(nines.service.live, page.incidents[0].id, None, nines.clock.now())

        words = [one.words for alert in told.alerts for one in alert.receivers]
        assert words
        assert all("dependency gateway (this depends on it, and it fires)" in one for one in words)
