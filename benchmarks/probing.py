"""One process that probes an address again and again, as the schedule has probes run.

Run: python -m benchmarks.probing ADDRESS CA_FILE PROBES; prints the CPU seconds of one probe, and
for every phase how many of the probes have it.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import uvloop

from benchmarks.serving import first_core, last_core
from collectors.http import HttpConfig, HttpProbe
from collectors.means import Means
from collectors.observation import Outcome, Phase
from collectors.resolve import Resolver
from nines.clock import SystemClock

AT_ONCE = 20
_BETWEEN_CHUNKS = re.compile(rb"\r\n[0-9a-f]+\r\n")
_WARM_UP = 200  # probes that are not counted


async def _probe(address: str, ca_file: str, probes: int) -> tuple[float, Counter[Phase]]:
    means = Means(timedelta(seconds=10), timedelta(seconds=5), Resolver())
    tls = {"tls": {"ca_file": ca_file}} if address.startswith("https") else {}
    probe = HttpProbe("bench/probe", HttpConfig.model_validate({"http": address, **tls}), means)
    clock, phases, due = SystemClock(), Counter[Phase](), datetime.now(UTC)

    async def look(times: int) -> None:
        for _ in range(times):
            # A task of its own, as each run of the schedule is.
            seen = await asyncio.create_task(probe.run(due, clock))
            if seen.outcome is not Outcome.PASSED:
                raise RuntimeError(f"A probe of a target that is well: {seen.detail}")
            phases.update(seen.phases.keys())

    await asyncio.gather(*(look(_WARM_UP // AT_ONCE) for _ in range(AT_ONCE)))
    phases.clear()
    before = time.process_time()
    await asyncio.gather(*(look(probes // AT_ONCE) for _ in range(AT_ONCE)))
    return (time.process_time() - before) / probes, phases


def asked_of(address: str, times: int) -> int:
    """Ask blackbox_exporter for so many probes, as many at once; how many of them passed."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {first_core()})
    try:
        return uvloop.run(_ask_all(address, times))
    finally:
        os.sched_setaffinity(0, everywhere)


async def _ask_all(address: str, times: int) -> int:
    parts = urlsplit(address)
    question = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()

    async def ask(times: int) -> int:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        passed = 0
        for _ in range(times):
            writer.write(question)
            head = await reader.readuntil(b"\r\n\r\n")
            if b"chunked" in head:
                chunks = await reader.readuntil(b"\r\n0\r\n\r\n")
                page = _BETWEEN_CHUNKS.sub(b"", chunks)
            else:
                length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
                page = await reader.readexactly(int(length))
            passed += b"\nprobe_success 1\n" in page
        writer.close()
        await writer.wait_closed()
        return passed

    return sum(await asyncio.gather(*(ask(times // AT_ONCE) for _ in range(AT_ONCE))))


def main() -> None:
    """Print one line of JSON."""
    os.sched_setaffinity(0, {last_core()})
    address, ca_file, probes = sys.argv[1], sys.argv[2], int(sys.argv[3])
    spent, phases = uvloop.run(_probe(address, ca_file, probes))
    print(json.dumps({"cpu": spent, "phases": {str(k): n for k, n in phases.items()}}))


if __name__ == "__main__":
    main()
