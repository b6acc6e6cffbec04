"""The process may die at any call of the store: nothing is lost, and nothing is out of order."""

from datetime import timedelta

import pytest

from alerting.notification import DeliveryError, NotificationState
from tests.alerting.night import Night
from tests.fakes.clock import settle

DELIVERED = NotificationState.DELIVERED
CALLS = 58  # more than the story makes until its last try has ended, as the last test proves


class DeadError(BaseException):
    """The process is gone: nothing of it catches this."""


class Crash:
    """Ends the process at the delivery's call `number` of the store, before or after its work.

    From then on every call fails, until the test starts a new process.
    """

    def __init__(self, night: Night, number: int, *, after: bool) -> None:
        self._left = number
        self.calls: list[str] = []
        self.dead = False
        setattr(night.store, "after" if after else "before", self._count)
        setattr(night.store, "before" if after else "after", self._refuse)

    def _count(self, call: str) -> None:
        self._refuse(call)
        if call == "apply":
            return  # the desk's own, which is another's story
        self.calls.append(call)
        self._left -= 1
        if self._left == 0:
            self.dead = True
            raise DeadError

    def _refuse(self, _: str) -> None:
        if self.dead:
            raise DeadError


async def story(night: Night, crash: Crash) -> None:
    """An outage with a worse one on top, an acknowledgement, and a receiver that hesitates."""

    async def restart() -> None:
        if crash.dead:
            crash.dead = False
            await night.die()

    async def go_on(seconds: float = 0) -> None:
        night.delivery.notify()
        await settle()
        await restart()
        await night.passes(seconds)
        await restart()

    night.oncall.script = [DeliveryError("HTTP 503", status=503)]
    await restart()
    night.fires("availability")
    await go_on()
    night.fires("latency")
    await go_on(5)
    night.acknowledged("ann", night.incident.id)
    await go_on()
    night.ends("availability")
    night.ends("latency")
    await go_on()
    await go_on(timedelta(minutes=10).total_seconds())


def first_arrivals(night: Night, receiver: str) -> list[str]:
    """The ids of what arrived, each where it arrived first."""
    arrived = [message.notification_id for message in night.receivers[receiver].accepted]
    return list(dict.fromkeys(arrived))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, CALLS + 1))
async def test_nothing_is_lost_when_the_process_dies(number: int, *, after: bool) -> None:
    night = Night()
    crash = Crash(night, number, after=after)
    async with night:
        await story(night, crash)

    rows = list(night.store.notifications.values())
    for receiver in ("oncall", "sre"):
        decided = [row for row in rows if row.receiver == receiver]
        assert {row.state for row in decided} <= {DELIVERED, NotificationState.SKIPPED}
        sent = [row.id for row in decided if row.state is DELIVERED]
        assert first_arrivals(night, receiver) == sent
        assert decided[-1].id == sent[-1]
        assert night.receivers[receiver].kinds[-1] in ("resolve", "missed")


@pytest.mark.parametrize(("after", "unsure"), [(False, 0), (True, 1)], ids=["before", "after"])
async def test_a_try_that_the_process_died_in_may_have_arrived(*, after: bool, unsure: int) -> None:
    first_try = (await calls_of_the_story()).index("begin_attempt") + 1
    night = Night()
    crash = Crash(night, first_try, after=after)
    async with night:
        await story(night, crash)

    outcomes = [str(attempt.outcome) for attempt in night.store.attempts]
    assert outcomes.count("ambiguous") == unsure


async def test_the_crashes_above_cover_the_whole_story() -> None:
    calls = await calls_of_the_story()
    last_end = len(calls) - calls[::-1].index("finish_attempt")

    assert last_end <= CALLS


async def calls_of_the_story() -> list[str]:
    night = Night()
    crash = Crash(night, 0, after=False)
    async with night:
        await story(night, crash)
    return crash.calls
