"""`/probe` over the application: what is answered to whom."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from collectors.blackbox.allowed import read_allowed
from collectors.blackbox.module import Module
from collectors.blackbox.probe import Endpoint, Prober
from nines.clock import SystemClock
from tests.collectors.wire import Server, answer, says
from tests.web.fakes import FakeSource
from web.app import create_app
from web.settings import WebSettings

MODULES = {
    "http_2xx": {
        "prober": "http",
        "timeout": "20s",
        "http": {"headers": {"X-Key": "open sesame"}, "body": "word"},
    },
    "socket": {"prober": "unix"},
}


@asynccontextmanager
async def asking(endpoint: Endpoint | None) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        FakeSource(), settings=WebSettings(), prober=Prober(lambda: endpoint, SystemClock())
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as client:
        yield client


def endpoint() -> Endpoint:
    modules = {name: Module.model_validate(written) for name, written in MODULES.items()}
    return Endpoint(modules, read_allowed(("127.0.0.1",)))


async def test_the_page_is_text_that_a_prometheus_reads() -> None:
    async with Server(says(answer())) as server, asking(endpoint()) as client:
        page = await client.get("/probe", params={"target": f"127.0.0.1:{server.port}"})

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE probe_success gauge\nprobe_success 1.0\n" in page.text
    assert 'probe_http_duration_seconds{phase="tls"} 0.0\n' in page.text


async def test_debug_tells_what_happened_and_no_secret() -> None:
    ill = Server(says(answer(b"", "503 Service Unavailable")))
    async with ill as server, asking(endpoint()) as client:
        target = f"127.0.0.1:{server.port}"
        page = await client.get("/probe", params={"target": target, "debug": "true"})

    assert page.headers["content-type"].startswith("text/plain")
    told = [
        "Logs for the probe:",
        "The status is 503; expected 2xx.",
        "Metrics that would have been returned:",
        "probe_success 0.0",
        "Module configuration:",
        '"prober": "http"',
    ]
    assert sorted(told, key=page.text.index) == told
    assert "sesame" not in page.text
    assert '"word"' not in page.text


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ("module=http_2xx", 400, "Target parameter is missing"),
        ("target=127.0.0.1&module=none", 400, 'Unknown module "none"'),
        ("target=https://", 400, "the target cannot be probed"),
        ("target=http://ann:sesame@127.0.0.1/", 400, "the target cannot be probed"),
        ("target=127.0.0.2", 403, "This target is not probed: 127.0.0.2, this machine itself"),
        ("target=169.254.169.254", 403, "where a cloud hands out credentials"),
        ("target=127.0.0.1&module=socket", 501, "prober: unix is not supported by this version"),
    ],
)
async def test_what_is_not_probed_is_said(asked: str, status: int, said: str) -> None:
    async with asking(endpoint()) as client:
        # A browser, too, is told what a program is told.
        refused = await client.get(f"/probe?{asked}", headers={"Accept": "text/html"})

    assert refused.status_code == status
    assert said in refused.json()["detail"]
    assert "sesame" not in refused.text


async def test_a_scrapers_timeout_that_is_no_number_is_refused() -> None:
    async with asking(endpoint()) as client:
        for wrong in ("x", "nan", "-1"):
            waits = {"X-Prometheus-Scrape-Timeout-Seconds": wrong}
            refused = await client.get("/probe?target=127.0.0.1", headers=waits)
            assert refused.status_code == 400


async def test_without_a_configuration_nothing_is_probed() -> None:
    async with asking(None) as client:
        refused = await client.get("/probe?target=127.0.0.1")

    assert refused.status_code == 404
    assert "has no probe_endpoint" in refused.json()["detail"]
