"""Real servers that keep metrics, started with a history."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.web.ports import free_port

_PATIENCE_SECONDS = 30


@contextmanager
def prometheus(home: Path, history: str) -> Iterator[str]:
    """Debian's Prometheus with these OpenMetrics lines, which bear their times; its address."""
    home.mkdir()
    (home / "history").write_text(history + "# EOF\n")
    (home / "config.yml").write_text("{}\n")
    lines, blocks = str(home / "history"), str(home / "data")
    make = ("promtool", "tsdb", "create-blocks-from", "openmetrics", lines, blocks)
    subprocess.run(make, check=True, capture_output=True)
    port = free_port()
    arguments = [
        "prometheus",
        f"--config.file={home / 'config.yml'}",
        f"--storage.tsdb.path={home / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with _running(arguments, home, f"{url}/-/ready"):
        yield url


@contextmanager
def victoria_metrics(home: Path, history: str) -> Iterator[str]:
    """The same of Debian's VictoriaMetrics."""
    home.mkdir()
    port = free_port()
    arguments = [
        "victoria-metrics",
        f"-storageDataPath={home / 'data'}",
        "-retentionPeriod=100y",
        f"-httpListenAddr=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with _running(arguments, home, f"{url}/health"):
        lines = (line.rsplit(" ", 1) for line in history.splitlines() if line[0] != "#")
        timed = "".join(f"{rest} {round(float(at) * 1000)}\n" for rest, at in lines)
        imported = httpx.post(f"{url}/api/v1/import/prometheus", content=timed, trust_env=False)
        imported.raise_for_status()
        httpx.get(f"{url}/internal/force_flush", trust_env=False).raise_for_status()
        yield url


@contextmanager
def _running(arguments: list[str], home: Path, ready: str) -> Iterator[None]:
    with (home / "log").open("wb") as said:
        process = subprocess.Popen(arguments, stdout=said, stderr=said)
        try:
            give_up_at = time.monotonic() + _PATIENCE_SECONDS
            while not _is_ready(ready):
                if process.poll() is not None or time.monotonic() > give_up_at:
                    raise AssertionError((home / "log").read_text()[-2000:])
                time.sleep(0.05)
            yield
        finally:
            process.kill()
            process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
