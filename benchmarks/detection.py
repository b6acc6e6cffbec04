"""From the start of an outage to the webhook, beside Prometheus, blackbox_exporter, Alertmanager.

Seven targets that refuse connections from staggered moments on, after two clean hours that were
written into each one's storage; 99.9 % and the rule that burns 14.4 times over 1h and 5m, which an
outage of 51.84 s meets and no shorter one. All look at the same targets at the same time:

- typical: scraped every 15 s, evaluated every 30 s, group_wait 30 s;
- tuned:   scraped every 10 s, evaluated every 10 s, group_wait 0 s;
- Nines:   probed every 10 s, default tiers, plus a hard-down rule (`down_for: 0s`).

It takes about four minutes, most of it the outages themselves. Run: python -m benchmarks.detection
"""

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import alertmanager as peers
from benchmarks.hook import Heard, hook
from benchmarks.listening import Request, listening
from benchmarks.prometheus import backfill, missing, prometheus
from benchmarks.serving import free_port, last_core, nines
from nines.config import load
from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import migrate, open_database
from slo.fingerprint import fingerprint
from slo.ledger import BucketDelta

TARGETS = 7
SETTLING = 45.0  # seconds before the first outage: three scrapes, one evaluation
STAGGER = 4.3  # seconds between outages, so that each meets the peers' grids elsewhere
PATIENCE = 200.0  # seconds after the last outage
_CLEAN = 2 * 3600
_GOALS = {"typical": 0.65, "tuned": 0.95}
_HARD_DOWN_GOAL = 15.0  # seconds


def main() -> None:
    """Print each one's seconds, their medians and the ratios."""
    if why := missing() or peers.missing(prober=True):
        print(why)
        return
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        targets = {f"target-{number}": _Target() for number in range(TARGETS)}
        for target in targets.values():
            stack.callback(target.end)
        address, heard = stack.enter_context(hook(_paged))
        folder, core = Path(name), last_core()
        prober = stack.enter_context(peers.blackbox(folder / "blackbox", core=core))
        for kind, scrape, evaluation, wait in (("typical", 15, 30, 30), ("tuned", 10, 10, 0)):
            home = folder / kind
            home.mkdir()
            routing = peers.routing(f"{address}/{kind}", "alertname, instance", f"{wait}s", "5m")
            manager = stack.enter_context(peers.alertmanager(home / "am", routing, core=core))
            backfill(home, _history(targets, scrape))
            (home / "rules.yaml").write_text(_RULES)
            config = _scraping(targets, scrape, evaluation, prober.url, manager.url, home)
            stack.enter_context(prometheus(home, config, core=core))
        port = free_port()
        config_file = _nines(folder, targets, address, port)
        stack.enter_context(nines(config_file, port, core=core))
        time.sleep(SETTLING)
        if heard.at:
            raise RuntimeError(f"Somebody was paged before any outage: {heard.at}")
        _report(_break(targets, heard), heard)


def _break(targets: Mapping[str, "_Target"], heard: Heard) -> dict[str, float]:
    """End the targets one after the other, and wait until everybody has heard of all."""
    ended = {}
    for name, target in targets.items():
        ended[name] = target.end()
        time.sleep(STAGGER)
    until = time.monotonic() + PATIENCE
    while len(heard.at) < TARGETS * 4 and time.monotonic() < until:
        time.sleep(0.2)
    return ended


def _report(ended: Mapping[str, float], heard: Heard) -> None:
    took: dict[str, list[float]] = {}
    for told, at in heard.at.items():
        who, target = told.split("/")
        took.setdefault(who, []).append(at - ended[target])
    medians = {who: statistics.median(seconds) for who, seconds in took.items()}
    print(f"seconds from the start of an outage to the webhook, {TARGETS} targets")
    for who in ("typical", "tuned", "nines", "hard-down"):
        if len(took.get(who, [])) < TARGETS:
            raise RuntimeError(f"{who} told {len(took.get(who, []))} of {TARGETS} outages")
        shown = " ".join(f"{one:6.1f}" for one in sorted(took[who]))
        print(f"{who:<10} median {medians[who]:6.1f}   all {shown}")
    ratios = {who: medians["nines"] / medians[who] for who in _GOALS}
    slowest = max(took["hard-down"])
    for who, goal in _GOALS.items():
        print(f"nines / {who:<8} {ratios[who]:5.2f}   goal <= {goal}")
    print(f"hard-down, slowest {slowest:6.1f}   goal <= {_HARD_DOWN_GOAL:.0f} s")
    if missed := missed_goals(ratios, slowest):
        raise SystemExit(" ".join(missed))


def missed_goals(ratios: Mapping[str, float], slowest: float) -> list[str]:
    """In sentences; `ratios` of Nines' median to each peer's, `slowest` of hard-down in seconds."""
    missed = [
        f"Nines took {ratios[who]:.3f} of the {who} stack's time, more than {goal}."
        for who, goal in _GOALS.items()
        if ratios[who] > goal
    ]
    if slowest > _HARD_DOWN_GOAL:
        missed.append(f"A hard-down rule took {slowest:.2f} s, more than {_HARD_DOWN_GOAL:.0f} s.")
    return missed


class _Target:
    """An HTTP server that answers 200 until it is ended; from then on connections are refused."""

    def __init__(self) -> None:
        self._open = ExitStack()
        address = self._open.enter_context(listening(Request.answer, keep=False))
        self.url = f"http://{address}/"

    def end(self) -> float:
        """When it ended, by `perf_counter`. Once more does nothing."""
        self._open.close()
        return time.perf_counter()


def _paged(alert: dict[str, Any]) -> str | None:
    """The target whose page fires; what is less than a page does not count."""
    labels = alert["labels"]
    fires = alert["status"] == "firing" and labels["severity"] == "page"
    return str(labels["instance"]) if fires else None


_RULES = """groups:
- name: sli
  rules:
  - {record: "slo:sli_error:ratio_rate5m", expr: "1 - avg_over_time(probe_success[5m])"}
  - {record: "slo:sli_error:ratio_rate1h", expr: "1 - avg_over_time(probe_success[1h])"}
- name: alerts
  rules:
  - alert: Page
    expr: (slo:sli_error:ratio_rate5m > 0.0144) and (slo:sli_error:ratio_rate1h > 0.0144)
    labels: {severity: page}
"""


def _history(targets: Mapping[str, "_Target"], step: int) -> Iterator[str]:
    now = int(time.time())
    yield "# TYPE probe_success gauge\n"
    for name in targets:
        for at in range(now - _CLEAN, now - 2, step):
            yield f'probe_success{{instance="{name}",job="probes"}} 1 {at}\n'
    yield "# EOF\n"


def _scraping(
    targets: Mapping[str, "_Target"],
    scrape: int,
    evaluation: int,
    prober: str,
    routing: str,
    home: Path,
) -> str:
    found = ", ".join(
        f"{{targets: ['{target.url}'], labels: {{instance: {name}}}}}"
        for name, target in targets.items()
    )
    return (
        f"global: {{scrape_interval: {scrape}s, evaluation_interval: {evaluation}s}}\n"
        f"rule_files: ['{home}/rules.yaml']\n"
        "alerting: {alertmanagers: [{static_configs: [{targets:"
        f" ['{routing.removeprefix('http://')}']}}]}}]}}\n"
        "scrape_configs:\n- job_name: probes\n  metrics_path: /probe\n"
        f"  params: {{module: [http]}}\n  static_configs: [{found}]\n"
        "  relabel_configs:\n"
        "  - {source_labels: [__address__], target_label: __param_target}\n"
        f"  - {{target_label: __address__, replacement: '{prober.removeprefix('http://')}'}}\n"
    )


def _nines(folder: Path, targets: Mapping[str, "_Target"], hook: str, port: int) -> Path:
    """Its configuration, and a database that knows two clean hours of each target."""
    services = "".join(
        f"  {name}{suffix}:\n    labels: {{told: {told}, instance: {name}}}\n"
        f"    collectors: {{up: {{http: '{target.url}', interval: 10s, timeout: 5s}}}}\n"
        f"    {watch}\n"
        for told, watch, suffix in (
            ("nines", "slos: {up: {objective: 99.9%, sli: {probe: up}}}", ""),
            ("hard-down", "alerts: {down: {probe: up, down_for: 0s, severity: page}}", "-hard"),
        )
        for name, target in targets.items()
    )
    config = folder / "nines.yaml"
    config.write_text(
        f'server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}",'
        f' database: "sqlite:///{folder}/nines.db"}}\nservices:\n{services}'
        "alerting:\n  receivers:\n"
        f"    nines: {{webhook: {{url: '{hook}/nines'}}}}\n"
        f"    hard-down: {{webhook: {{url: '{hook}/hard-down'}}}}\n"
        "  route:\n    receivers: []\n    routes:\n"
        """    - {match: 'told="nines"', receivers: [nines]}\n"""
        """    - {match: 'told="hard-down"', receivers: [hard-down]}\n"""
    )
    database = open_database(f"sqlite:///{folder}/nines.db")
    migrate(database)
    store, now = CountStore(database), datetime.now(UTC).replace(microsecond=0)
    slos = load(config, {}).slos
    for record in store.register_all([(slo.id, fingerprint(slo)) for slo in slos], now):
        end = int(now.timestamp()) // 10 * 10
        clean = [BucketDelta(at, good=1, seen=1) for at in range(end - _CLEAN, end, 10)]
        store.flush(CountBatch(deltas={record.series_id: clean}))
    database.close()
    return config


if __name__ == "__main__":
    main()
