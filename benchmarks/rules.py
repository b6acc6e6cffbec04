"""CPU of the real `nines serve` per SLO and round, beside Prometheus running Sloth-style rules.

300 SLOs, whose counters stand on one page that both scrape every 15 s; every 15 s Prometheus
evaluates its rules, and Nines scrapes, judges, stores and is asked for its /metrics. Nines judges
again at each 10 s bucket edge, which is counted. What is measured begins once it has settled.
Both have 30 days of history: Nines for every SLO; Prometheus for 30 of them, at 60 s, and it runs
rules for these 30 alone (ten rules each, without Sloth's metadata rules): what it spends on an SLO
does not fall with their number.
One core for what is measured, the same one after the other; the page is served from another.
Run: python -m benchmarks.rules
"""

import json
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.prometheus import Page, backfill, missing, prometheus, rules, served, sum_of
from benchmarks.serving import Process, free_port, last_core, nines
from benchmarks.start import fill

SLOS = 300
PEER_SLOS = 30
EVERY = 15  # seconds
ROUNDS = 4
_DAY = 86_400
# A target is trusted, and counted the short way, after five pages of one process.
_SETTLING_PAGES = 7


def main() -> None:
    """Print medians over the rounds, and their ratio."""
    if why := missing():
        print(why)
        return
    services = [f"svc-{number:04d}" for number in range(SLOS)]
    page = Page(services, began=time.time() - 40 * _DAY)
    with tempfile.TemporaryDirectory() as name, served(page) as address:
        folder = Path(name)
        theirs, evaluations = _prometheus(folder, page, address)
        ours, memory = _nines(folder, services, address)
    peer = statistics.median(theirs) / PEER_SLOS
    own = statistics.median(ours) / SLOS
    print(f"CPU per SLO and round of {EVERY} s, median of {ROUNDS} rounds; seconds of each round")
    print(
        f"Prometheus   {peer * 1e6:10,.0f} us   {_shown(theirs)}  {evaluations:.0f} rules a round"
    )
    print(f"nines serve  {own * 1e6:10,.1f} us   {_shown(ours)}")
    print(f"ratio        1/{peer / own:.0f}   goal 1/300")
    print(f"resident memory of nines serve: {memory / 1e6:.0f} MB with {SLOS} SLOs")


def _shown(rounds: list[float]) -> str:
    return " ".join(f"{one:.2f}" for one in rounds)


def _rounds(process: Process, after: Callable[[], object]) -> list[float]:
    spent = []
    for _ in range(ROUNDS):
        before, began = process.cpu(), time.monotonic()
        time.sleep(EVERY - 1)
        after()
        time.sleep(max(0.0, EVERY - (time.monotonic() - began)))
        spent.append(process.cpu() - before)
    return spent


def _prometheus(folder: Path, page: Page, address: str) -> tuple[list[float], float]:
    home = folder / "prometheus"
    home.mkdir()
    backfill(home, _history(page))
    (home / "rules.yaml").write_text(rules(page.services[:PEER_SLOS], 0.001))
    config = (
        f"global: {{scrape_interval: {EVERY}s, evaluation_interval: {EVERY}s}}\n"
        f"rule_files: ['{home}/rules.yaml']\n"
        "scrape_configs: [{job_name: app, static_configs: [{targets: ['"
        + address
        + "']}], metric_relabel_configs: [{action: labeldrop, regex: 'instance|job'}]}]\n"
    )
    with prometheus(home, config, core=last_core()) as process:
        time.sleep(2 * EVERY)
        name = "prometheus_rule_evaluations_total"
        before = sum_of(process, name)
        spent = _rounds(process, lambda: None)
        done = (sum_of(process, name) - before) / ROUNDS
        if sum_of(process, "prometheus_rule_evaluation_failures_total"):
            raise SystemExit("Some of Prometheus's rules failed: nothing to compare with.")
    return spent, done


def _history(page: Page) -> Iterator[str]:
    end = int(time.time()) // 60 * 60
    yield "# TYPE http_requests counter\n"
    for service in page.services[:PEER_SLOS]:
        number = page.services.index(service)
        for code, part in (("200", 1), ("500", 2000)):
            for at in range(end - 31 * _DAY, end, 60):
                total = int((5 + number % 20) * (at - page.began)) // part
                yield (f'http_requests_total{{service="{service}",code="{code}"}} {total} {at}\n')
    yield "# EOF\n"


def _nines(folder: Path, services: list[str], address: str) -> tuple[list[float], int]:
    port = free_port()
    home = folder / "nines"
    home.mkdir()
    config = home / "config.yaml"
    slos = "\n".join(
        f"      {service}:\n        objective: 99.9%\n        sli:\n          collector: page\n"
        f'          bad: \'http_requests_total{{service="{service}",code=~"5.."}}\'\n'
        f"          total: 'http_requests_total{{service=\"{service}\"}}'"
        for service in services
    )
    config.write_text(
        f'server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}",'
        f' database: "sqlite:///{home}/nines.db"}}\n'
        "services:\n  shop:\n    collectors:\n"
        f'      page: {{prometheus: "http://{address}/metrics", interval: {EVERY}s}}\n'
        f"    slos:\n{slos}\n"
    )
    fill(config, home)
    with nines(config, port, core=last_core()) as process:
        time.sleep(_SETTLING_PAGES * EVERY)
        _render(process.url)
        spent = _rounds(process, lambda: _render(process.url))
        with urllib.request.urlopen(f"{process.url}/api/v1/slos/shop/{services[-1]}") as answer:
            shown = json.load(answer)
        if not shown:
            raise SystemExit("Nines shows nothing of the last SLO.")
        return spent, process.resident()


def _render(url: str) -> None:
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        if f"svc-{SLOS - 1:04d}".encode() not in answer.read():
            raise SystemExit("The last SLO is missing from /metrics.")


if __name__ == "__main__":
    main()
