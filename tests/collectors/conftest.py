"""Servers that several tests look at."""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from tests.web.ports import free_port


@pytest.fixture
def go_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], bytes]]:
    """Asks a real Go client, Prometheus itself, for its page in a format."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    (folder / "prometheus.yaml").write_text("")
    arguments = [
        "prometheus", f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log)

    def ask(accept: str) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept}
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return bytes(answer.read())

    try:
        until = time.monotonic() + 30
        while True:
            try:
                ask("text/plain")
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"Prometheus did not start: {(folder / 'log').read_text()}")
                time.sleep(0.05)
        yield ask
    finally:
        process.terminate()
        process.wait(10)
