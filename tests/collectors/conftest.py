"""Servers that several tests look at."""

import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from benchmarks.prometheus import prometheus
from benchmarks.serving import last_core


@pytest.fixture
def go_client(tmp_path: Path) -> Iterator[Callable[[str], bytes]]:
    """Asks a real Go client, Prometheus itself, for its page in a format."""
    with prometheus(tmp_path, "", core=last_core()) as process:

        def ask(accept: str) -> bytes:
            request = urllib.request.Request(  # noqa: S310 - our own address
                f"{process.url}/metrics", headers={"Accept": accept}
            )
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return bytes(answer.read())

        yield ask


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)
