"""`make chaos`: kill Nines a thousand times at random moments, and say what became of it."""

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.chaos import forks as forking
from tests.chaos.forks import Forks
from tests.chaos.kills import Chaos, Verdict
from tests.chaos.lending import address_of, sqlite_in
from tests.chaos.world import world
from tests.conftest import PostgresServer, postgres_server


def main() -> int:
    """0 when nothing was lost, out of order, or doubled without being allowed to."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="how many, over all worlds")
    parser.add_argument("--seed", type=int, default=1, help="of the first world")
    parser.add_argument("--worlds", type=int, default=4, help="at once, half of them on PostgreSQL")
    parser.add_argument("--minutes", type=float, default=60, help="no new outage after that")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nines-chaos-")))
        zygote = stack.enter_context(forking.zygote())
        server = stack.enter_context(postgres_server())

        async def run() -> list[Verdict]:
            async with forking.forks(zygote) as forks:
                return await _worlds(asked, folder, server, forks)

        return _said(asyncio.run(run()), asked.kills)


async def _worlds(
    asked: argparse.Namespace, folder: Path, server: PostgresServer, forks: Forks
) -> list[Verdict]:
    until = time.monotonic() + asked.minutes * 60
    now: dict[int, Verdict] = {}
    shown = 0.0

    def say(number: int, verdict: Verdict) -> None:
        nonlocal shown
        known = now.get(number, Verdict()).faults
        for fault in verdict.faults:
            if fault not in known:
                print(f"world {number}, seed {asked.seed + number}: {fault}", flush=True)
        now[number] = verdict
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            print(f"  {_sum(list(now.values()))}", flush=True)

    async def one(number: int) -> Verdict:
        home = folder / str(number)
        home.mkdir()
        url = address_of(server.url(server.lend())) if number % 2 else sqlite_in(home)
        share = len(range(number, asked.kills, asked.worlds))
        async with world(home, url, forks) as at:
            chaos = Chaos(at, asked.seed + number)
            return await chaos.run(share, until, lambda verdict: say(number, verdict))

    print(f"{asked.kills} kills in {asked.worlds} worlds, seed {asked.seed}", flush=True)
    return list(await asyncio.gather(*map(one, range(asked.worlds))))


def _sum(verdicts: list[Verdict]) -> str:
    kills = sum(one.kills for one in verdicts)
    outages = sum(one.outages for one in verdicts)
    messages = sum(one.messages for one in verdicts)
    wrong = sum(len(one.faults) for one in verdicts)
    return f"{kills} kills, {outages} outages, {messages} messages heard, {wrong} faults"


def _said(verdicts: list[Verdict], wanted: int) -> int:
    print(_sum(verdicts))
    whole = sum(one.kills for one in verdicts) >= wanted
    if not whole:
        print("Time was over before all kills were made.")
    return 1 if any(one.faults for one in verdicts) or not whole else 0


if __name__ == "__main__":
    sys.exit(main())
