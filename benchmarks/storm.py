"""10,000 alerts for 500 services through /api/v2/alerts, beside Debian's Alertmanager.

The same bodies of 64 alerts, as Prometheus sends them, one after the other over one connection; the
same group_by and group_wait; one webhook. Nines stores each alert, incident and message before it
answers, Alertmanager keeps them in memory. Both run on one core, one after the other.

Run: python -m benchmarks.storm
"""

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import alertmanager as peers
from benchmarks.hook import Heard, hook
from benchmarks.serving import Process, free_port, last_core, nines

ALERTS, SERVICES, TOGETHER = 10_000, 500, 64
LASTS = 10.0  # seconds in which all of it comes
PATIENCE = 120.0  # seconds until the last service


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds from the first POST, CPU seconds, and bytes of memory."""

    accepted: float
    heard: float
    cpu: float
    resident: int
    posts: int


def main() -> None:
    """Print each one's figures and the ratios."""
    if why := peers.missing():
        print(why)
        return
    core = last_core()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with hook(peers.service_of) as (address, heard):
            config = peers.routing(address, "service", "0s", "10s")
            with peers.alertmanager(folder / "am", config, core=core) as process:
                theirs = _storm(process, heard)
        with hook(peers.service_of) as (address, heard):
            port = free_port()
            file = peers.in_its_place(folder, address, port, "10s", "6000/1m")
            with nines(file, port, core=core) as process:
                ours = _storm(process, heard)
    print(f"{ALERTS:,} alerts for {SERVICES} services, {TOGETHER} in a body, on one core")
    for who, took in (("alertmanager", theirs), ("nines", ours)):
        print(
            f"{who:<13} accepted {took.accepted:6.2f} s   every service heard {took.heard:6.2f} s  "
            f" CPU {took.cpu:6.2f} s   memory {took.resident / 2**20:5.0f} MiB   "
            f"{took.posts} webhooks"
        )
    print(
        f"nines / alertmanager: accepted {ours.accepted / theirs.accepted:.1f}x, "
        f"heard {ours.heard / theirs.heard:.1f}x, CPU {ours.cpu / theirs.cpu:.1f}x, "
        f"memory {ours.resident / theirs.resident:.1f}x"
    )
    if ours.accepted > LASTS:
        raise SystemExit(f"Missed: taken in {ours.accepted:.1f} s, and the storm lasts {LASTS} s.")


def bodies(alerts: int = ALERTS, services: int = SERVICES) -> Iterator[bytes]:
    """What a Prometheus would send: alerts of all services in turn, the first of each a page."""
    for first in range(0, alerts, TOGETHER):
        yield json.dumps(
            [_alert(number, services) for number in range(first, min(first + TOGETHER, alerts))]
        ).encode()


def _alert(number: int, services: int) -> dict[str, object]:
    return {
        "labels": {
            "alertname": f"Alert{number // services}",
            "service": f"service-{number % services}",
            "severity": "warning" if number // services else "critical",
            "instance": f"10.0.{number // 256}.{number % 256}:9100",
            "job": "node",
        },
        "annotations": {"summary": f"alert {number} fires", "description": "It is " + "x" * 100},
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up%20%3D%3D%200",
    }


def _storm(process: Process, heard: Heard) -> Took:
    sender, waiting = peers.Sender(process.url), list(bodies())
    cpu, began = process.cpu(), time.perf_counter()
    for body in waiting:
        sender.post(body)
    accepted = time.perf_counter() - began
    while len(heard.at) < SERVICES and time.perf_counter() - began < PATIENCE:
        time.sleep(0.02)
    if len(heard.at) < SERVICES:
        raise RuntimeError(f"The webhook heard of {len(heard.at)} services within {PATIENCE} s.")
    told = max(heard.at.values()) - began
    return Took(accepted, told, process.cpu() - cpu, process.resident(), heard.posts)


if __name__ == "__main__":
    main()
