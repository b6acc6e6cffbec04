"""Calls in threads: their results, their errors, and no more of them than a few."""

import asyncio
import threading
from datetime import timedelta

import pytest

from alerting.notification import DeliveryError
from alerting.receivers.threads import MOST, Threads

SOON = timedelta(milliseconds=10)


async def test_a_call_runs_beside_the_loop() -> None:
    threads = Threads("vendor", timedelta(seconds=10))

    name = await threads.call(lambda: threading.current_thread().name)

    assert name == "vendor"


async def test_an_error_is_the_callers() -> None:
    threads = Threads("vendor", timedelta(seconds=10))

    with pytest.raises(ZeroDivisionError):
        await threads.call(lambda: 1 / 0)


async def test_calls_that_hang_are_given_up_and_then_not_begun() -> None:
    threads, release = Threads("vendor", SOON), threading.Event()
    for _ in range(MOST):
        with pytest.raises(TimeoutError):
            await threads.call(release.wait)

    with pytest.raises(DeliveryError, match="4 earlier calls to vendor hang"):
        await threads.call(release.wait)

    release.set()
    await threads.close()


async def test_threads_that_end_make_room() -> None:
    threads, release = Threads("vendor", timedelta(seconds=10)), threading.Event()
    waiting = [asyncio.ensure_future(threads.call(release.wait)) for _ in range(MOST)]
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*waiting)

    assert await threads.call(lambda: "done") == "done"


async def test_closing_waits_no_longer_than_a_moment() -> None:
    threads, release = Threads("vendor", SOON), threading.Event()
    with pytest.raises(TimeoutError):
        await threads.call(release.wait)

    await threads.close(within=SOON)  # returns, though the thread still waits

    release.set()
    await threads.close()
