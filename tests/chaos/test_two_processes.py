"""Two processes share an outbox on PostgreSQL: one sends at a time, who is too late is fenced."""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from alerting.delivery import LOOK_AHEAD
from alerting.lease import TERM
from alerting.notification import AttemptOutcome, NotificationKind, NotificationState
from nines.storage.alerts import AlertRecords
from nines.storage.database import open_database
from tests.chaos.deciding import decide
from tests.chaos.forks import Forks, Process
from tests.chaos.judge import Heard, Killed, Said, faults
from tests.chaos.lending import Lend
from tests.chaos.vendors import Step
from tests.chaos.world import world

RECEIVERS = ("pagerduty", "slack", "webhook", "teams")
INCIDENTS = 12
DEATHS = 6
LOOKS_AGAIN = LOOK_AHEAD.total_seconds() + 1  # nobody tells them that another process has decided
FENCED = "the end of a try came too late"


async def end(*workers: Process, by: signal.Signals = signal.SIGTERM) -> None:
    for one in workers:
        os.kill(one.pid, by)
    async with asyncio.timeout(20):
        for one in workers:
            await one.ended.wait()


@pytest.mark.slow
@pytest.mark.parametrize("deaths", [0, DEATHS], ids=["both live", "one or the other dies"])
async def test_two_processes_race_and_each_page_is_sent_by_one(
    deaths: int, lend: Lend, tmp_path: Path, forks: Forks
) -> None:
    url, chance = lend("postgresql", tmp_path), random.Random(deaths)  # noqa: S311
    async with world(tmp_path, url, forks) as at:
        for kind in (NotificationKind.TRIGGER, NotificationKind.RESOLVE):
            await asyncio.to_thread(decide, at.events, url, kind, INCIDENTS, RECEIVERS)
            workers = {name: await at.start_worker(name) for name in ("one", "other")}
            for _ in range(deaths // 2):
                await asyncio.sleep(chance.uniform(0.0, 0.4))
                name = chance.choice(sorted(workers))
                await end(workers[name], by=signal.SIGKILL)
                at.events.append(Killed())
                workers[name] = await at.start_worker(name)
            await at.settled()
            await end(*workers.values())

        assert faults(at.events, RECEIVERS) == []
        assert FENCED not in at.log()


@pytest.mark.slow
async def test_a_process_that_was_stopped_past_its_lease_ends_nothing(
    lend: Lend, tmp_path: Path, forks: Forks
) -> None:
    url, names = lend("postgresql", tmp_path), ["webhook"]
    async with world(tmp_path, url, forks) as at:
        await asyncio.to_thread(decide, at.events, url, NotificationKind.TRIGGER, 1, names)
        at.hold_at(Step.TAKEN, names)
        late = await at.start_worker("late")
        async with asyncio.timeout(20):
            await at.all_held.wait()
        os.kill(late.pid, signal.SIGSTOP)
        at.events.append(Killed())  # as far as anybody can tell
        at.let_go()  # its answer waits in its socket
        at.set_clocks(TERM.total_seconds() + 1)
        other = await at.start_worker("other")
        await at.settled()
        os.kill(late.pid, signal.SIGCONT)
        await asyncio.to_thread(decide, at.events, url, NotificationKind.RESOLVE, 1, names)
        at.set_clocks(TERM.total_seconds() + LOOKS_AGAIN)
        await at.settled()
        async with asyncio.timeout(20):
            while FENCED not in at.log():  # noqa: ASYNC110 - another process's log
                await asyncio.sleep(0.05)
        await end(late, other)

        assert faults(at.events, names) == []
        said = [one.said for one in at.events if isinstance(one, Heard)]
        assert said == [Said.FIRING, Said.FIRING, Said.RESOLVED]
        database = open_database(url)
        try:
            detail = AlertRecords(database).incident_detail("I000")
        finally:
            database.close()
    assert detail is not None
    page = next(one for one in detail.notifications if one.revision == 1)
    assert page.state is NotificationState.DELIVERED
    tries = [one for one in detail.attempts if one.notification_id == page.id]
    assert [(one.number, one.by, one.outcome) for one in tries] == [
        (1, "late", AttemptOutcome.AMBIGUOUS),
        (2, "other", AttemptOutcome.OK),
    ]
