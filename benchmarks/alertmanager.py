"""Debian's Alertmanager and blackbox_exporter as peers, and what is sent to either side."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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


def routing(address: str, by: str, wait: str, interval: str) -> str:
    """Alertmanager's configuration: all to one webhook, grouped by these labels."""
    return (
        f"route: {{receiver: hook, group_by: [{by}], group_wait: {wait},"
        f" group_interval: {interval}}}\n"
        f"receivers: [{{name: hook, webhook_configs: [{{url: '{address}'}}]}}]\n"
    )


def in_its_place(folder: Path, address: str, port: int, interval: str, rate: str) -> Path:
    """A Nines that takes its alerts: all to one webhook, grouped by service, without a wait."""
    file = folder / "nines.yaml"
    file.write_text(
        f"""
server: {{listen: "127.0.0.1:{port}", database: "sqlite:///{folder / "nines.db"}"}}
services: {{}}
alerting:
  alertmanager_api: {{}}
  receivers: {{hook: {{webhook: {{url: "{address}"}}, rate: {rate}}}}}
  route: {{receivers: [hook], group_by: [service], group_wait: 0s, group_interval: {interval}}}
"""
    )
    return file


def service_of(alert: dict[str, Any]) -> str:
    """Whose alert it is."""
    return str(alert["labels"]["service"])


class Sender:
    """One connection that alerts are posted over, as Prometheus does."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._connection = HTTPConnection(address.hostname or "", address.port, timeout=60)

    def post(self, body: bytes) -> None:
        """Returns once they are accepted; raises RuntimeError when they are not."""
        headers = {"Content-Type": "application/json"}
        self._connection.request("POST", "/api/v2/alerts", body=body, headers=headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"It answered {answer.status} to alerts that are fine.")


@contextmanager
def blackbox(folder: Path, *, core: int, ca_file: Path | None = None) -> Iterator[Process]:
    """blackbox_exporter whose module `http` expects a 2xx within 5 s; `ca_file` is trusted."""
    folder.mkdir(exist_ok=True)
    file, port = folder / "blackbox.yaml", free_port()
    trusted = f", tls_config: {{ca_file: {ca_file}}}" if ca_file is not None else ""
    file.write_text(
        "modules: {http: {prober: http, timeout: 5s,"
        f" http: {{preferred_ip_protocol: ip4{trusted}}}}}}}\n"
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
