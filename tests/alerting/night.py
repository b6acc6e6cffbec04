"""The desk, a store, receivers and a delivery that runs, on a clock that the test moves."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Self, TypeVar

from alerting.delivery import Delivery, Run
from alerting.first_try import Offer, begin_first_tries
from alerting.notification import Attempt, AttemptOutcome, Notification, NotificationKind
from alerting.routes import Route
from alerting.store import Decision
from tests.alerting.scene import ROUTES, Scene
from tests.fakes.alert_store import MemoryAlertStore
from tests.fakes.clock import settle
from tests.fakes.receiver import ScriptedReceiver

T = TypeVar("T")


class Night(Scene):
    """Use it with `async with`: a delivery runs inside."""

    def __init__(self, tree: Route = ROUTES, store: MemoryAlertStore | None = None) -> None:
        super().__init__(tree, store)
        self.oncall, self.sre, self.mail = (ScriptedReceiver() for _ in range(3))
        self.receivers = {"oncall": self.oncall, "sre": self.sre, "mail": self.mail}
        self.outcomes: list[tuple[str, AttemptOutcome]] = []
        self.rng = random.Random(7)  # noqa: S311 - jitter, no secret
        self.run: Run = in_place
        self.calls_at_once = True  # else all waits for the outbox to be read
        self.loop: asyncio.AbstractEventLoop | None = None  # of those who act from outside
        self._start()

    def _start(self) -> None:
        self.delivery = Delivery(
            self.store,
            self.run,
            self.receivers,
            self.clock,
            self.rng,
            lambda receiver, outcome: self.outcomes.append((receiver, outcome)),
            sleep=self.clock.sleep,
        )

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.delivery.run())
        await settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        stopping = asyncio.create_task(self.delivery.stop())
        await self.clock.advance(timedelta(seconds=5))
        await stopping
        await self._task

    async def die(self) -> None:
        """The process ends at once, and another one starts."""
        tasks = [self._task, *self.delivery._lanes.tasks()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._start()
        self._task = asyncio.create_task(self.delivery.run())
        await settle()

    def keep(self, decision: Decision) -> Decision:
        """As the service does: whoever is free is called at once, once it is stored."""
        if self.loop is None or self.loop.is_running():
            return self._kept(decision)

        async def within() -> Decision:
            return self._kept(decision)

        return self.loop.run_until_complete(within())

    def _kept(self, decision: Decision) -> Decision:
        offer = self.delivery.offer() if self.calls_at_once else Offer("nobody")
        decision = begin_first_tries(decision, offer, self.clock.now())
        begun: list[tuple[Notification, Attempt]] = []
        try:
            self.store.apply(decision, {})
            tried = {one.notification_id: one for one in decision.attempts}
            begun = [(n, tried[n.id]) for n in decision.notifications if n.id in tried]
        finally:
            self.delivery.begin(offer, begun)
        return decision

    async def told(self, decision: Decision) -> Decision:
        """Let the delivery do what was decided."""
        self.delivery.notify()
        await settle()
        return decision

    async def passes(self, seconds: float) -> None:
        await self.clock.advance(timedelta(seconds=seconds))

    def row(self, receiver: str, kind: str = "trigger") -> Notification:
        """The newest notification of that kind to that receiver."""
        return [
            row
            for row in self.store.notifications.values()
            if (row.receiver, row.kind) == (receiver, NotificationKind(kind))
        ][-1]


async def in_place(call: Callable[[], T], /) -> T:
    """Storage without a thread."""
    return call()


@contextmanager
def broken(store: MemoryAlertStore, call: str, *, after: bool = False) -> Iterator[None]:
    """Meanwhile this call of the store raises; with `after`, when it has done its work."""

    def fail(name: str) -> None:
        if name == call:
            raise OSError("disk full")

    place = "after" if after else "before"
    kept = getattr(store, place)
    setattr(store, place, fail)
    try:
        yield
    finally:
        setattr(store, place, kept)
