"""Real servers that keep metrics, started with a history."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from tests.daemons import daemon
from tests.web.ports import free_port


@contextmanager
def prometheus(home: Path, history: str, block: str = "2h") -> Iterator[str]:
    """Debian's Prometheus with these OpenMetrics lines, which bear their times; its address.

    `block`: how long a block of it is; longer ones of a long history are made sooner.
    """
    home.mkdir()
    (home / "history").write_text(history + "# EOF\n")
    (home / "config.yml").write_text("{}\n")
    lines, blocks = str(home / "history"), str(home / "data")
    longest = f"--max-block-duration={block}"
    make = ("promtool", "tsdb", "create-blocks-from", "openmetrics", longest, lines, blocks)
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
    with daemon(arguments, partial(_is_ready, f"{url}/-/ready"), home / "log"):
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
    with daemon(arguments, partial(_is_ready, f"{url}/health"), home / "log"):
        lines = (line.rsplit(" ", 1) for line in history.splitlines() if line[0] != "#")
        timed = "".join(f"{rest} {round(float(at) * 1000)}\n" for rest, at in lines)
        imported = httpx.post(f"{url}/api/v1/import/prometheus", content=timed, trust_env=False)
        imported.raise_for_status()
        httpx.get(f"{url}/internal/force_flush", trust_env=False).raise_for_status()
        yield url


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
