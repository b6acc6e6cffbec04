"""A real Nines and a real blackbox_exporter probe the same targets, and tell the same."""

import asyncio
import json
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from benchmarks.prometheus import prometheus
from benchmarks.serving import last_core
from tests.daemons import daemon, listens
from tests.journeys.blackbox_targets import Case, targets
from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}",
         database: "sqlite:///{folder}/nines.db"}}
alerting: {{route: {{receivers: []}}}}
probe_endpoint: {{modules: modules/blackbox.yml, allow: [127.0.0.0/8]}}
"""
# Names that the peer has had since 0.23, which Debian ships.
NEWER = {"probe_timeout_seconds", "probe_tls_cipher_info", "probe_failed_due_to_bytes"}
NEWER_LABELS = {"serialnumber"}
# Where nothing is verified the peer tells that the chain ends in the year 1, and we tell nothing.
OMITTED = {
    "any certificate": {"probe_ssl_last_chain_expiry_timestamp_seconds{}"},
    "a host": {"probe_icmp_reply_hop_limit{}"},
}
SCRAPES = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: blackbox
  metrics_path: /probe
  params: {{module: [http_2xx]}}
  static_configs: [{{targets: {targets}}}]
  relabel_configs:
  - {{source_labels: [__address__], target_label: __param_target}}
  - {{source_labels: [__param_target], target_label: instance}}
  - {{target_label: __address__, replacement: "127.0.0.1:{port}"}}
"""
# What a body comes to that cannot be read to its end.
OTHER_VALUES = {
    "a body that is cut off": {"probe_http_uncompressed_body_length"},
    "no compression, though it is wanted": {"probe_http_uncompressed_body_length"},
    "any certificate": {"probe_ssl_last_chain_expiry_timestamp_seconds"},
    "a host": {"probe_icmp_reply_hop_limit"},
}

Page = dict[str, dict[tuple[tuple[str, str], ...], float]]  # by name and labels


@asynccontextmanager
async def a_nines(folder: Path) -> AsyncIterator[Nines]:
    port = free_port()
    (folder / "config.yaml").write_text(CONFIG.format(port=port, folder=folder))
    async with nines(folder / "config.yaml", port) as process:
        yield process


async def told(url: str, case: Case) -> Page:
    """The page: samples by name and labels."""
    asked = urllib.parse.urlencode({"module": case.module, "target": case.target})
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        waits = {"X-Prometheus-Scrape-Timeout-Seconds": "5.5"}  # for either: then it is a failure
        answer = await client.get(f"{url}/probe?{asked}", headers=waits)
    assert answer.status_code == 200, answer.text
    page: Page = {}
    for line in answer.text.splitlines():
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name, _, labels = series.partition("{")
            pairs = [pair.split("=", 1) for pair in labels.rstrip("}").split('",') if pair]
            page.setdefault(name, {})[tuple((a, b.strip('"')) for a, b in pairs)] = float(value)
    return page


def labels_of(page: Page) -> set[str]:
    """Each name with the names of its labels, and the phases that it tells."""
    told_of: set[str] = set()
    for name, samples in page.items():
        for labels in samples:
            said = sorted(f"{a}={b}" if a == "phase" else a for a, b in labels)
            told_of.add(f"{name}{{{','.join(said)}}}")
    return told_of


def valued(page: Page) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
    """Every figure that is no time of this one probe."""
    return {
        (name, tuple(pair for pair in labels if pair[0] not in NEWER_LABELS), value)
        for name, samples in page.items()
        for labels, value in samples.items()
        if "duration" not in name and "lookup" not in name
    }


def without_the_newer(mine: set[str]) -> set[str]:
    known = (one for one in mine if one.partition("{")[0] not in NEWER)
    return {one.replace(",serialnumber", "") for one in known}


@pytest.mark.slow
@pytest.mark.needs("prometheus-blackbox-exporter")
async def test_the_same_targets_get_the_same_verdicts_under_the_same_names(tmp_path: Path) -> None:
    (folder := tmp_path / "modules").mkdir()
    port = free_port()
    arguments = (
        "prometheus-blackbox-exporter",
        "--config.file=blackbox.yml",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    differences: dict[str, object] = {}
    async with targets(folder) as cases, a_nines(tmp_path) as process:
        with daemon(arguments, lambda: listens(port), tmp_path / "peer.log", cwd=folder):
            for name, case in cases.items():
                theirs = await told(f"http://127.0.0.1:{port}", case)
                mine = await told(process.url, case)
                succeeded = [page["probe_success"][()] for page in (mine, theirs)]
                if succeeded != [case.succeeds] * 2:
                    differences[name] = f"wanted {case.succeeds}: ours, theirs {succeeded}"
                names = without_the_newer(labels_of(mine)) ^ labels_of(theirs)
                if names != OMITTED.get(name, set()):
                    differences[f"names: {name}"] = names
                values = {one for one, _, _ in valued(theirs) - valued(mine)}
                if values != OTHER_VALUES.get(name, set()):
                    differences[f"values: {name}"] = valued(theirs) - valued(mine)

    assert len(cases) >= 20
    assert differences == {}


@pytest.mark.slow
@pytest.mark.needs("prometheus")
async def test_a_prometheus_scrapes_probes_by_the_standard_relabelling(tmp_path: Path) -> None:
    (folder := tmp_path / "modules").mkdir()
    async with targets(folder) as cases, a_nines(tmp_path) as process:
        well, ill = cases["a well target"].target, cases["an error"].target
        scrapes = SCRAPES.format(
            targets=json.dumps([well, ill, "198.51.100.7:80"]), port=process.url.rpartition(":")[2]
        )
        started = prometheus(tmp_path, scrapes, core=last_core())
        peer = await asyncio.to_thread(started.__enter__)
        try:

            async def of(name: str) -> dict[str, float]:
                async with httpx.AsyncClient(trust_env=False) as client:
                    answer = await client.get(f"{peer.url}/api/v1/query", params={"query": name})
                return {
                    one["metric"]["instance"]: float(one["value"][1])
                    for one in answer.json()["data"]["result"]
                }

            async def all_came() -> bool:
                return len(await of("up")) == 3 and len(await of("probe_success")) == 2

            await eventually(all_came, "three targets to be scraped", process.log)
            assert await of("probe_success") == {well: 1, ill: 0}
            assert await of("up") == {well: 1, ill: 1, "198.51.100.7:80": 0}
            assert await of("probe_timeout_seconds") == {well: 0.5, ill: 0.5}
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)


async def test_modules_are_read_again_with_the_configuration(tmp_path: Path) -> None:
    (folder := tmp_path / "modules").mkdir()
    file = folder / "blackbox.yml"
    file.write_text("modules: {old: {prober: tcp}}\n")
    async with a_nines(tmp_path) as process:

        async def status(module: str) -> int:
            asked = {"module": module, "target": f"127.0.0.1:{free_port()}"}
            return (await process.client.get("/probe", params=asked)).status_code

        assert [await status("old"), await status("new")] == [200, 400]

        file.write_text("modules: {new: {prober: tcp}}\n")
        assert (await process.client.post("/-/reload")).status_code == 200
        assert [await status("old"), await status("new")] == [400, 200]

        file.write_text("modules: {newer: {prober: tcp, tpc: {}}}\n")
        refused = await process.client.post("/-/reload")
        assert refused.status_code == 400
        assert "blackbox.yml:1:32: unknown key `tpc`; did you mean `tcp`?" in refused.text
        assert [await status("new"), await status("newer")] == [200, 400]
