"""Debian's Prometheus as a peer: on loopback, in a folder of its own, ended by its process id."""

import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from benchmarks.listening import Request, listening
from benchmarks.serving import Process, free_port, serving

PROMETHEUS, PROMTOOL = Path("/usr/bin/prometheus"), Path("/usr/bin/promtool")
TEXT = "text/plain; version=0.0.4"
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")
_PAIRS = {"Page": ("5m", "1h", 14.4, "30m", "6h", 6), "Ticket": ("2h", "1d", 3, "6h", "3d", 1)}


def missing() -> str | None:
    """Why there is nothing to compare with, if so."""
    if PROMETHEUS.exists() and PROMTOOL.exists():
        return None
    return "Debian's package `prometheus` is not installed: no peer to compare with."


@contextmanager
def prometheus(folder: Path, config: str, *flags: str, core: int) -> Iterator[Process]:
    """Prometheus with this configuration, on one core."""
    file, port = folder / "prometheus.yaml", free_port()
    file.write_text(config)
    arguments = [
        str(PROMETHEUS),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=90d",
        "--log.level=warn",
        *flags,
    ]
    url = f"http://127.0.0.1:{port}"
    with serving(arguments, url, "/-/ready", core=core, log=folder / "log") as process:
        yield process


def rules(services: list[str], share: float) -> str:
    """What Sloth would write for these: eight recordings and two alerts for each SLO."""
    lines = ["groups:"]
    for service in services:
        marks = f'sloth_id="{service}", sloth_service="{service}"'
        lines.append(f"- name: sli-{service}\n  rules:")
        for window in WINDOWS:
            bad, total = (
                f'sum(rate(http_requests_total{{service="{service}"{more}}}[{window}]))'
                for more in (',code=~"5.."', "")
            )
            lines.append(
                f"  - record: slo:sli_error:ratio_rate{window}\n    expr: '{bad} / {total}'\n"
                f"    labels: {{sloth_id: {service}, sloth_service: {service},"
                f" sloth_window: {window}}}"
            )
        lines.append(f"- name: alerts-{service}\n  rules:")
        for name, (short, long, fast, short2, long2, slow) in _PAIRS.items():
            first, second = (
                " and ".join(
                    f"(max(slo:sli_error:ratio_rate{window}{{{marks}}} > ({factor} * {share}))"
                    " without (sloth_window))"
                    for window in pair
                )
                for pair, factor in (((short, long), fast), ((short2, long2), slow))
            )
            lines.append(
                f"  - alert: SLO{name}\n    expr: '({first}) or ({second})'\n"
                f"    labels: {{sloth_severity: {name.lower()}, sloth_id: {service}}}"
            )
    return "\n".join(lines) + "\n"


def backfill(folder: Path, lines: Iterator[str]) -> None:
    """Write history in OpenMetrics' text into Prometheus's blocks."""
    history = folder / "history.om"
    with history.open("w") as file:
        file.writelines(lines)
    subprocess.run(
        [
            str(PROMTOOL),
            "tsdb",
            "create-blocks-from",
            "--max-block-duration=54h",
            "openmetrics",
            "-q",
            str(history),
            str(folder / "tsdb"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    history.unlink()


def sum_of(process: Process, name: str) -> float:
    """One of Prometheus's own metrics, over all its labels."""
    with urllib.request.urlopen(f"{process.url}/metrics", timeout=60) as answer:
        page = answer.read().decode()
    return sum(
        float(line.rpartition(" ")[2])
        for line in page.splitlines()
        if line.startswith(name) and line[len(name)] in " {"
    )


class Page:
    """A page of counters that go on as time does."""

    def __init__(self, services: list[str], began: float) -> None:
        self.services, self.began = services, began

    def values(self, at: float) -> Iterator[tuple[str, int, int]]:
        for number, service in enumerate(self.services):
            total = int((5 + number % 20) * (at - self.began))
            yield service, total, total // 2000

    def text(self) -> bytes:
        lines = ["# TYPE http_requests_total counter"]
        for service, good, bad in self.values(time.time()):
            lines.append(f'http_requests_total{{service="{service}",code="200"}} {good}')
            lines.append(f'http_requests_total{{service="{service}",code="500"}} {bad}')
        return ("\n".join(lines) + "\n").encode()


class Text(Protocol):
    """A page that is served, made anew each time."""

    def text(self) -> bytes: ...


@contextmanager
def served(page: Text) -> Iterator[str]:
    """The page's address, from a thread of this process."""

    def asked(request: Request) -> None:
        request.answer(page.text(), kind=TEXT)

    with listening(asked, keep=False) as address:
        yield address
