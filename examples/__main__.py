"""`python -m examples PLATFORM`: play one on this machine, and watch it with Nines."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from examples.stage import PLATFORMS, Stage, stage

_LISTEN, _INBOX_PORT = "127.0.0.1:9919", 9920
_STEP_SECONDS = 0.25
_QUIET_SECONDS, _BROKEN_SECONDS = 60.0, 150.0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _pass_time(playing: Stage) -> None:
    while True:
        await asyncio.sleep(_STEP_SECONDS)
        playing.platform.pass_time(_STEP_SECONDS)


async def _break_things(playing: Stage, only: str | None) -> None:
    """Each fault in its turn, or one that stays."""
    platform = playing.platform
    await asyncio.sleep(_QUIET_SECONDS / 2)
    while True:
        for fault in [only] if only else list(platform.faults):
            _say(f"{platform.name}: {platform.faults[fault]}")
            await platform.break_now(fault)
            await asyncio.sleep(_BROKEN_SECONDS if only is None else float("inf"))
            await platform.break_now(None)
            _say(f"{platform.name} is mended")
            await asyncio.sleep(_QUIET_SECONDS)


async def _main(name: str, fault: str | None) -> int:
    folder = Path(tempfile.mkdtemp(prefix=f"nines-{name}-"))
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    try:
        async with stage(name, folder, lambda: datetime.now(UTC), _LISTEN, _INBOX_PORT) as playing:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "nines", "serve", "--config", str(playing.config)),
                env={**os.environ, **playing.environ},
            )
            _say(f"Dashboard  http://{_LISTEN}/")
            _say(f"Inbox      {playing.inbox.url}/   (what PagerDuty, Slack and mail received)")
            _say("Something breaks every few minutes. Ctrl-C ends it.")
            tasks = [
                asyncio.create_task(_pass_time(playing)),
                asyncio.create_task(_break_things(playing, fault)),
            ]
            waiting = [asyncio.create_task(process.wait()), asyncio.create_task(asked.wait())]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in (*tasks, waiting[1]):
                task.cancel()
            await asyncio.gather(*tasks, waiting[1], return_exceptions=True)
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            return await waiting[0]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Play the platform that is named; 2 when none is."""
    match arguments:
        case [name] if name in PLATFORMS:
            return asyncio.run(_main(name, None))
        case [name, fault] if name in PLATFORMS and fault in PLATFORMS[name].faults:
            return asyncio.run(_main(name, fault))
        case [name, *_] if name in PLATFORMS:
            _say(f"What can break: {', '.join(PLATFORMS[name].faults)}")
        case _:
            _say(f"Usage: python -m examples PLATFORM [FAULT]; one of {', '.join(PLATFORMS)}")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
