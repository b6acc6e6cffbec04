"""One try to deliver: bounded in time, and whatever becomes of it is a result."""

import asyncio
import random
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from alerting import result, wording
from alerting.notification import (
    Attempt,
    AttemptOutcome,
    DeliveryError,
    Handle,
    Notification,
    Receipt,
    Receiver,
)
from alerting.result import Result, Scene

TRY_TIMEOUT = timedelta(seconds=30)

log = structlog.get_logger("alerting.delivery")


class Clock(Protocol):
    """Aware UTC time."""

    def now(self) -> datetime: ...


class Sleep(Protocol):
    """`asyncio.sleep`, or a test's own."""

    def __call__(self, seconds: float, /) -> Awaitable[None]: ...


class Trial:
    """Makes tries. `rng` spreads the waits after those that failed."""

    def __init__(self, clock: Clock, rng: random.Random, sleep: Sleep) -> None:
        self._clock = clock
        self._rng = rng
        self._sleep = sleep

    async def make(
        self,
        receiver: Receiver,
        notification: Notification,
        attempt: Attempt,
        handle: Handle,
        scene: Scene,
    ) -> tuple[Result, timedelta | None]:
        """One try: its result, and how long the receiver asks us to leave it alone."""
        try:
            receipt = await self._in_time(
                receiver.deliver(notification.message, handle=handle, attempt=attempt.number)
            )
        except DeliveryError as error:
            failure = error
        except Exception as error:
            # Our own mistake; the request may have been sent before it.
            log.exception("receiver broke", receiver=notification.receiver)
            text = f"our receiver broke with {type(error).__name__}: {error}"
            failure = DeliveryError(text, outcome=AttemptOutcome.AMBIGUOUS)
        else:
            now = self._clock.now()
            return result.delivered(notification, attempt, receipt, scene, now), None
        now = self._clock.now()
        done = result.failed(notification, attempt, failure, scene, now, self._rng)
        return done, failure.retry_after

    async def _in_time(self, call: Awaitable[Receipt]) -> Receipt:
        # In this task and not in one of its own: a page waits for no turn of the loop.
        timer = asyncio.ensure_future(self._sleep(TRY_TIMEOUT.total_seconds()))
        try:
            async with asyncio.timeout(None) as bound:
                timer.add_done_callback(
                    lambda timer: None if timer.cancelled() else bound.reschedule(0)
                )
                return await call
        except TimeoutError as error:
            if not bound.expired():
                raise
            text = f"no answer within {wording.duration(TRY_TIMEOUT)}"
            raise DeliveryError(text, outcome=AttemptOutcome.AMBIGUOUS) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            text = "the call was cancelled from within"
            raise DeliveryError(text, outcome=AttemptOutcome.AMBIGUOUS) from error
        finally:
            timer.cancel()
            await asyncio.gather(timer, return_exceptions=True)
