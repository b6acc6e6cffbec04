"""`make bench`: run every benchmark, one after the other."""

import subprocess
import sys

ALL = (
    "parse_page",  # reading a Prometheus page beside prometheus_client's parser
    "count_page",  # from a page's bytes to the counts of 300 SLOs
    "storage_flush",  # storing a second's counts beside plain sqlite3
    "chunk_size",  # bytes of packed counts beside Prometheus's chunks
    "engine_tick",  # time passing for 1,000 and 10,000 SLOs, and their memory
    "engine_round",  # the engine's share of a scrape that feeds 300 SLOs
    "render_metrics",  # printing /metrics beside prometheus_client and Prometheus's /federate
    "start",  # starting with 1,000 SLOs x 30 days beside an empty start
    "scrape_page",  # 20 series of a page of 100,000 lines beside Prometheus with relabel-keep
    "side_by_side",  # the counts of one live page beside Prometheus's increase()
    "detection",  # from an outage to the webhook beside Prometheus, blackbox and Alertmanager
    "delivery",  # from an alert's POST to the vendor's socket beside Alertmanager
    "storm",  # 10,000 alerts through /api/v2/alerts beside Alertmanager
    "probes",  # a probe's CPU beside blackbox_exporter, and how late 1,000 of them start
    "pages",  # overview and list of 5,000 SLOs while their counters move
    "rules",  # the whole service beside Prometheus with Sloth-style rules
)

failed = []
for name in ALL:
    print(f"\n== {name}", flush=True)
    if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
        failed.append(name)
if failed:
    raise SystemExit(f"These failed: {', '.join(failed)}.")
