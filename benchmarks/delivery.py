"""From POST /api/v2/alerts to the vendor's socket, beside Debian's Alertmanager.

One page at a time, each for a service of its own, to both in turn in one run; group_wait 0.
Measured from before the POST until the webhook has read the request. Nines has then stored the
alert, its incident, the message and the try, on disk, with one commit; Alertmanager stores
nothing. What a commit costs here is measured beside it.

Run: python -m benchmarks.delivery
"""

import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import alertmanager as peers
from benchmarks.hook import Heard, hook
from benchmarks.serving import free_port, last_core, nines

ALERTS, WARM_UP = 200, 20
PAUSE = 0.02  # seconds between two alerts
PATIENCE = 10.0
GOAL = 5.0  # milliseconds, the median


def main() -> None:
    """Print each one's milliseconds."""
    if why := peers.missing():
        print(why)
        return
    core = last_core()
    with tempfile.TemporaryDirectory() as name, hook(peers.service_of) as (address, heard):
        folder, port = Path(name), free_port()
        file = peers.in_its_place(folder, address, port, "5m", "60000/1m")
        routing = peers.routing(address, "service", "0s", "5m")
        with (
            peers.alertmanager(folder / "am", routing, core=core) as theirs,
            nines(file, port, core=core) as ours,
        ):
            took: dict[str, list[float]] = {"alertmanager": [], "nines": []}
            senders = {"alertmanager": peers.Sender(theirs.url), "nines": peers.Sender(ours.url)}
            for number in range(-WARM_UP, ALERTS):
                for who, sender in senders.items():
                    one = _until_heard(sender, f"{who}-{number + WARM_UP}", heard)
                    if number >= 0:
                        took[who].append(one * 1000)
                    time.sleep(PAUSE)
        synced = _sync(folder)
    print(
        f"milliseconds from the POST to the webhook, {ALERTS} alerts, group_wait 0, one core each"
    )
    for who, all_ in took.items():
        cuts = statistics.quantiles(all_, n=100)
        print(f"{who:<13} p50 {cuts[49]:6.2f}   p90 {cuts[89]:6.2f}   p99 {cuts[98]:6.2f}")
    print(f"one fsync     p50 {synced:6.2f}   of which Nines waits for one")
    median = {who: statistics.median(all_) for who, all_ in took.items()}
    print(
        f"nines p50 {median['nines']:.2f} ms, goal <= {GOAL:.0f} ms; "
        f"without its commit {median['nines'] - synced:.2f} ms; "
        f"nines / alertmanager {median['nines'] / median['alertmanager']:.1f}x"
    )
    if median["nines"] > GOAL:
        raise SystemExit(1)


def _until_heard(sender: peers.Sender, service: str, heard: Heard) -> float:
    labels = {"alertname": "Down", "service": service, "severity": "critical"}
    body = json.dumps([{"labels": labels, "annotations": {"summary": "it is down"}}]).encode()
    began = time.perf_counter()
    sender.post(body)
    while service not in heard.at:
        if time.perf_counter() - began > PATIENCE:
            raise RuntimeError(f"The webhook did not hear of {service} within {PATIENCE:.0f} s.")
        time.sleep(0.0005)
    return heard.at[service] - began


def _sync(folder: Path) -> float:
    """Milliseconds of a small append that reaches the disk, the median."""
    took = []
    with (folder / "sync").open("wb") as file:
        for _ in range(50):
            began = time.perf_counter()
            file.write(b"x" * 8192)
            file.flush()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


if __name__ == "__main__":
    main()
