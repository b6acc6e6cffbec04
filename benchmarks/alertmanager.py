"""Debian's Alertmanager and blackbox_exporter as peers: on loopback, ended by their process id."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.serving import Process, free_port, serving

ALERTMANAGER = Path("/usr/bin/prometheus-alertmanager")
BLACKBOX = Path("/usr/bin/prometheus-blackbox-exporter")


def missing(*, prober: bool = False) -> str | None:
    """Why there is nothing to compare with, if so."""
    for program in (ALERTMANAGER, BLACKBOX)[: 1 + prober]:
        if not program.exists():
            return f"Debian's package `{program.name}` is not installed: no peer to compare with."
    return None


@contextmanager
def alertmanager(folder: Path, config: str, *, core: int) -> Iterator[Process]:
    """Alertmanager with this configuration, alone in its cluster, on one core."""
    folder.mkdir(exist_ok=True)
    file, port = folder / "alertmanager.yaml", free_port()
    file.write_text(config)
    arguments = [
        str(ALERTMANAGER),
        f"--config.file={file}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    url = f"http://127.0.0.1:{port}"
    with serving(arguments, url, "/-/ready", core=core, log=folder / "log") as process:
        yield process


@contextmanager
def blackbox(folder: Path, *, core: int) -> Iterator[Process]:
    """blackbox_exporter whose module `http` expects a 2xx within 5 s."""
    folder.mkdir(exist_ok=True)
    file, port = folder / "blackbox.yaml", free_port()
    file.write_text(
        "modules: {http: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}}\n"
    )
    arguments = [
        str(BLACKBOX),
        f"--config.file={file}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    url = f"http://127.0.0.1:{port}"
    with serving(arguments, url, "/-/healthy", core=core, log=folder / "log") as process:
        yield process
