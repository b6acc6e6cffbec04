"""A look by other means after a first failure: told with the incident, counted nowhere."""

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.collectors.wire import Server, answer, says
from tests.fakes.clock import settle
from tests.fakes.names import names, only_a
from tests.nines.living import Living, living

S, M = timedelta(seconds=1), timedelta(minutes=1)
TIER = "{severity: page, factor: 10, long: 2m, short: 1m, keep_firing_for: 10s}"
UP = f"up: {{objective: 99%, window: 1d, sli: {{probe: front}}, notices: [], tiers: [{TIER}]}}"
SAID = "a look 1s after the first failure, on a fresh connection, failed too"


async def the_look_comes_back(nines: Living) -> None:
    """The port is closed, so it takes no time; the connection is a real one."""
    before = nines.service.engine.findings.since("shop/front", nines.clock.now())
    await nines.clock.advance(S)
    for _ in range(200):
        await asyncio.sleep(0.005)
        await settle()
        if nines.service.engine.findings.since("shop/front", nines.clock.now()) != before:
            break
    await nines.service.dispatch.settle()


async def test_what_it_found_is_told_by_the_incident_that_opens_later(tmp_path: Path) -> None:
    async with living(tmp_path, UP) as nines:
        await nines.pass_time(2 * M)
        nines.look(["front"])
        await the_look_comes_back(nines)
        assert await nines.told() == []

        await nines.pass_time(M, failing=["front"])

        page = (await nines.notifications())[0].message
        found = page.alerts[0].facts.found or ""
        assert SAID in found
        assert "refused" in found


async def test_only_the_first_failure_is_followed_by_a_look(tmp_path: Path) -> None:
    async with living(tmp_path, UP) as nines:
        await nines.pass_time(M)
        nines.look(["front"])
        await the_look_comes_back(nines)
        first = nines.service.engine.findings.since("shop/front", nines.clock.now() - M)
        nines.look(["front"])
        await the_look_comes_back(nines)

        assert first
        assert nines.service.engine.findings.since("shop/front", nines.clock.now() - M) == first


async def test_it_is_no_event_of_the_slo(tmp_path: Path) -> None:
    async with living(tmp_path, UP) as nines:
        await nines.pass_time(M)
        nines.look(["front"])
        await the_look_comes_back(nines)

        status = nines.service.engine.entries["shop/up"].status
        assert status is not None
        assert (status.window.counts.bad, status.window.counts.total) == (1, 7)


async def test_a_threshold_rule_tells_it_too_and_the_timeline_keeps_it(tmp_path: Path) -> None:
    down = "alerts: {down: {probe: front, down_for: 20s, severity: page}}"
    async with living(tmp_path, UP.replace("severity: page", "severity: ticket"), down) as nines:
        await nines.pass_time(M)
        nines.look(["front"])
        await the_look_comes_back(nines)
        for _ in range(4):
            nines.look(["front"])
            await the_look_comes_back(nines)

        page = next(one for one in await nines.notifications() if one.receiver == "oncall")
        assert SAID in (page.message.alerts[0].facts.found or "")


async def test_the_second_resolver_of_the_file_is_asked(tmp_path: Path) -> None:
    async with Server(says(answer())) as shop, names(only_a("127.0.0.1")) as (server,):
        nines = Living(tmp_path)
        nines._head = f'defaults: {{confirm: {{resolver: "{server}"}}}}\n' + nines._head.replace(
            "http://127.0.0.1:1/front", f"http://shop.invalid:{shop.port}/"
        )
        nines.write(UP)
        await nines.open()
        await nines.pass_time(M)
        nines.look(["front"])
        await the_look_comes_back(nines)

        found = nines.service.engine.findings.since("shop/front", nines.clock.now() - M) or ""
        way = f"its name asked of {server}, on a fresh connection to 127.0.0.1 (IPv4), passed"
        assert way in found
        await nines.service.close()


async def test_where_nobody_wants_it_nobody_looks(tmp_path: Path) -> None:
    nines = Living(tmp_path)
    nines._head = "defaults: {confirm: off}\n" + nines._head
    nines.write(UP)
    await nines.open()
    await nines.pass_time(M)
    nines.look(["front"])
    await nines.clock.advance(2 * S)
    await settle()

    assert nines.service.engine.findings.since("shop/front", nines.clock.now() - M) is None
    await nines.service.close()
