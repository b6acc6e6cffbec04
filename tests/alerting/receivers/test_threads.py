"""Calls in threads: their results, their errors, and no more of them than a few."""

import asyncio
import ssl
import threading
from datetime import timedelta
from types import ModuleType

import pytest

from alerting.notification import DeliveryError
from alerting.receivers import RECEIVERS, pagerduty, slack
from alerting.receivers.threads import MOST, Threads
from tests.alerting.receivers.messages import message
from tests.alerting.receivers.vendor import TRICKLE, answer, vendor
from tests.journeys.serving import eventually

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


@pytest.mark.parametrize("encrypted", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    ("module", "kind", "more", "yes"),
    [
        (pagerduty, "pagerduty", {"routing_key": "0" * 32}, answer(202)),
        (slack, "slack", {"token": "xoxb-1", "channel": "#sre"}, answer(200, b'{"ok": true}')),
    ],
    ids=["pagerduty", "slack"],
)
async def test_a_call_that_is_given_up_is_cut_and_makes_room(
    module: ModuleType,
    kind: str,
    more: dict[str, str],
    yes: bytes,
    *,
    encrypted: bool,
    server_tls: ssl.SSLContext,
    ca_file: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "WITHIN", timedelta(seconds=0.3))
    tls = server_tls if encrypted else None
    async with vendor(TRICKLE, tls=tls, host="localhost") as there:
        made = RECEIVERS[kind]
        config = made.config.model_validate({"url": there.url, "ca_file": ca_file, **more})
        sender = made.build(config, external_url="https://nines.example")
        threads = getattr(sender, "_threads")  # noqa: B009 - no part of a receiver
        for _ in range(MOST):
            with pytest.raises(DeliveryError, match="time ran out"):
                await sender.deliver(message(), handle={}, attempt=1)
        await eventually(lambda: not threads._running, "the calls to end", within=10)
        there.script = [yes]
        threads._within = 30

        await sender.deliver(message(), handle={}, attempt=MOST + 1)

        await sender.close()


async def test_closing_waits_no_longer_than_a_moment() -> None:
    threads, release = Threads("vendor", SOON), threading.Event()
    with pytest.raises(TimeoutError):
        await threads.call(release.wait)

    await threads.close(within=SOON)  # returns, though the thread still waits

    release.set()
    await threads.close()
