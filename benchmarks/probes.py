"""CPU of a probe beside blackbox_exporter's, and how late 1,000 probes start in one process.

Both probe the same nginx, HTTP and HTTPS (a full handshake, verified, each time), twenty probes at
once, on the same core and by turns; nginx and who asks blackbox_exporter are on another. Its answer
to /probe is part of its work, as our observation is of ours; that something scrapes it is not
counted. Then the real `nines serve` runs 1,000 probes every 10 s, and then again with 50 targets
among them that take a connection and never answer. It exits 1 where a goal is missed.
Run: python -m benchmarks.probes
"""

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from prometheus_client.parser import text_string_to_metric_families

from benchmarks import alertmanager as peers
from benchmarks.nginx import NGINX, nginx
from benchmarks.probing import asked_of
from benchmarks.serving import Process, first_core, free_port, last_core, nines
from collectors.observation import Phase

ROUNDS = 7
_PROBES = {"http": 2000, "https": 1000}
_CPU_GOALS = {"http": 0.5, "https": 1.0}  # of blackbox_exporter's

SCHEDULED = 1000
HANGING = 50
EVERY = 10  # seconds
_ROUNDS_WATCHED = 3
_TIMEOUT = 5  # seconds
_LATE_SECONDS = 0.1
_SHARE_ON_TIME = 0.99


@dataclass(frozen=True, slots=True)
class Starts:
    """Runs that started while somebody watched, and how `others` of a hanging target fared."""

    runs: int
    on_time: int
    latest_seconds: float  # the latest start of others, of their last runs
    hurt: int  # others that did not pass their last run


def main() -> None:
    """Print CPU, ratios and lateness beside their goals."""
    if why := peers.missing(prober=True):
        print(why)
        return
    if not NGINX.exists():
        print("Debian's package `nginx` is not installed: no target to probe.")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with nginx(folder / "nginx", core=first_core()) as target:
            missed = [
                *_compared("http", folder, target.http, target.ca_file),
                *_compared("https", folder, target.https, target.ca_file),
                *_scheduled(folder / "calm", target.http, hanging=0),
                *_scheduled(folder / "hanging", target.http, hanging=HANGING),
            ]
    if missed:
        raise SystemExit(" ".join(missed))


def _compared(scheme: str, folder: Path, address: str, ca_file: Path) -> list[str]:
    """The CPU of a probe, theirs and ours by turns."""
    pairs = []
    with peers.blackbox(folder / f"blackbox-{scheme}", core=last_core(), ca_file=ca_file) as peer:
        wanted = f"{peer.url}/probe?module=http&target={quote(address, safe='')}"
        for number in range(ROUNDS + 1):
            theirs, ours = _theirs(peer, wanted, _PROBES[scheme]), _ours(scheme, address, ca_file)
            if number:  # the first round warms both up
                pairs.append((theirs, ours))
    theirs, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio, goal = statistics.median(our / their for their, our in pairs), _CPU_GOALS[scheme]
    shown = " ".join(f"{our / their:.2f}" for their, our in pairs)
    print(
        f"{scheme:<6} blackbox_exporter {theirs * 1e6:5.0f} us   nines {ours * 1e6:5.0f} us"
        f"   of each round {shown}\n{'':6} median ratio {ratio:.2f}   goal <= {goal}",
        flush=True,
    )
    return missed_cpu(scheme, ratio, goal)


def missed_cpu(scheme: str, ratio: float, goal: float) -> list[str]:
    """In sentences."""
    if ratio <= goal:
        return []
    return [f"A probe of {scheme} takes {ratio:.3f} of blackbox_exporter's CPU, more than {goal}."]


def _theirs(peer: Process, address: str, probes: int) -> float:
    before = peer.cpu()
    passed = asked_of(address, probes)
    if passed < probes:
        raise RuntimeError(f"blackbox_exporter passed {passed} of {probes} probes.")
    return (peer.cpu() - before) / probes


def _ours(scheme: str, address: str, ca_file: Path) -> float:
    probes = _PROBES[scheme]
    command = [sys.executable, "-m", "benchmarks.probing", address, str(ca_file), str(probes)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    phases = set(Phase) - {Phase.JUDGE} - (set() if scheme == "https" else {Phase.TLS})
    if told["phases"] != {str(phase): probes for phase in phases}:
        raise RuntimeError(f"Some phase was not timed: {told['phases']}")
    return float(told["cpu"])


def _scheduled(folder: Path, address: str, *, hanging: int) -> list[str]:
    folder.mkdir()
    port, config = free_port(), folder / "config.yaml"
    with _silent() as silent:
        collectors = "\n".join(
            f'      p{n:04d}: {{http: "{silent if n < hanging else address}",'
            f" interval: {EVERY}s, timeout: {_TIMEOUT}s}}"
            for n in range(SCHEDULED)
        )
        config.write_text(
            f'server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}",'
            f' database: "sqlite:///{folder}/nines.db"}}\n'
            f"services:\n  shop:\n    collectors:\n{collectors}\n"
            "    slos: {up: {objective: 99.9%, sli: {probe: p0999}}}\n"
        )
        with nines(config, port, core=last_core()) as process:
            time.sleep(2 * EVERY)
            before, cpu, began = _samples(process), process.cpu(), time.perf_counter()
            time.sleep(_ROUNDS_WATCHED * EVERY)
            share = (process.cpu() - cpu) / (time.perf_counter() - began)
            starts = starts_between(before, _samples(process), hanging)
    print(
        f"{SCHEDULED:,} probes every {EVERY} s, {hanging} of them of targets that hang: "
        f"{starts.on_time / max(starts.runs, 1):.2%} of {starts.runs:,} started within"
        f" {_LATE_SECONDS * 1e3:.0f} ms (goal {_SHARE_ON_TIME:.0%}),\n"
        f"{'':6} the latest of the others {starts.latest_seconds * 1e3:.0f} ms late, {starts.hurt}"
        f" of them hurt (goal 0); {share:.0%} of one core for the whole service",
        flush=True,
    )
    return missed_starts(starts, hanging)


def missed_starts(starts: Starts, hanging: int) -> list[str]:
    """In sentences."""
    among = f"with {hanging} hanging targets"
    missed = []
    if starts.runs < SCHEDULED * (_ROUNDS_WATCHED - 1):
        missed.append(f"Only {starts.runs} runs started {among}.")
    if starts.on_time < starts.runs * _SHARE_ON_TIME:
        late = starts.runs - starts.on_time
        missed.append(f"{late} of {starts.runs} runs started over {_LATE_SECONDS} s late {among}.")
    if starts.hurt:
        missed.append(f"{starts.hurt} targets that are well did not pass {among}.")
    return missed


Samples = Mapping[tuple[str, str], float]  # by name, and le, collector and the like


def starts_between(before: Samples, after: Samples, hanging: int) -> Starts:
    """What two looks at /metrics say of the runs between them."""
    name = "nines_collector_lateness_seconds"
    others = [f"p{n:04d}" for n in range(hanging, SCHEDULED)]

    def grown(key: tuple[str, str]) -> int:
        return int(after[key] - before[key])

    return Starts(
        runs=grown((f"{name}_count", "")),
        on_time=grown((f"{name}_bucket", repr(_LATE_SECONDS))),
        latest_seconds=max(after["nines_collector_lag_seconds", one] for one in others),
        hurt=sum(after.get(("probe_success", one), 0.0) != 1.0 for one in others),
    )


def _samples(process: Process) -> Samples:
    with urllib.request.urlopen(f"{process.url}/metrics", timeout=60) as answer:
        page = answer.read().decode()
    return {
        (one.name, one.labels.get("le") or one.labels.get("collector", "")): one.value
        for family in text_string_to_metric_families(page)
        for one in family.samples
        if one.name.startswith(("nines_collector_la", "probe_success"))
    }


@contextmanager
def _silent() -> Iterator[str]:
    """The address of somebody whose system takes connections, and who never looks at them."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


if __name__ == "__main__":
    main()
