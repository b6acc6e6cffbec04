"""The server really starts, says where, and really stops."""

import asyncio
import os
import signal
import socket
import sys
import textwrap

import httpx
import pytest

from tests.web.fakes import FakeSource
from web.app import create_app
from web.serve import ListenError, listen, serve
from web.settings import WebSettings

SOON = 20  # seconds; only a failure takes so long


async def test_a_port_in_use_is_a_sentence(source: FakeSource, settings: WebSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError) as failure:
            await serve(
                create_app(source, settings=settings),
                "127.0.0.1",
                port,
                settings.stop,
                lambda *_: None,
            )

    assert str(failure.value) == (
        f"Nines cannot listen on 127.0.0.1:{port}: another program listens there already; "
        "stop it, or set server.listen."
    )


async def test_an_address_of_another_machine_is_a_sentence() -> None:
    with pytest.raises(ListenError, match="it is not an address of this machine"):
        await listen("192.0.2.1", 0)


async def test_a_name_that_does_not_resolve_is_a_sentence() -> None:
    with pytest.raises(ListenError, match="is not an address of this machine"):
        await listen("nines.invalid", 0)


async def test_every_address_of_a_name_has_the_same_port() -> None:
    sockets = await listen("localhost", 0)
    try:
        assert len({one.getsockname()[1] for one in sockets}) == 1
    finally:
        for one in sockets:
            one.close()


async def test_the_port_is_free_again_after_stopping(
    source: FakeSource, settings: WebSettings
) -> None:
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(
        serve(
            create_app(source, settings=settings),
            "127.0.0.1",
            0,
            settings.stop,
            lambda _, port: found.set_result(port),
        )
    )
    port = await found
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/-/healthy")).text == "Healthy\n"
    settings.stop.set()
    async with asyncio.timeout(SOON):
        await serving

    for one in await listen("127.0.0.1", port):
        one.close()


PROGRAM = """
    import asyncio, signal, time
    from tests.web.fakes import FakeSource
    from web.app import create_app
    from web.serve import run, serve
    from web.settings import WebSettings

    async def main():
        settings, told = WebSettings(), []

        def stop():
            told.append(time.monotonic())
            settings.stop.set()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        app = create_app(FakeSource(), settings=settings)
        await serve(app, "127.0.0.1", 0, settings.stop, lambda _, port: print(port, flush=True))
        took = time.monotonic() - told[0]
        print("stopped", type(asyncio.get_running_loop()).__module__, took)

    run(main())
"""


@pytest.mark.slow
async def test_a_process_with_open_streams_stops_within_five_seconds_of_sigterm() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        textwrap.dedent(PROGRAM),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            port = int(await process.stdout.readline())
            async with (
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
                client.stream("GET", "/api/v1/stream") as stream,
            ):
                assert await anext(stream.aiter_lines()) == "retry: 2000"
                process.send_signal(signal.SIGTERM)
                output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert (process.returncode, errors.decode()) == (0, "")
    stopped, loop, took = output.decode().split()
    assert (stopped, loop) == ("stopped", "uvloop")
    assert float(took) < 5  # by its own clock: how long Python takes to exit is not ours
