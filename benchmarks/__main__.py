"""`make bench`: run every benchmark, one after the other."""

import subprocess
import sys

ALL = (
    "parse_page",  # reading a Prometheus page beside prometheus_client's parser
    "storage_flush",  # storing a second's counts beside plain sqlite3
)

for name in ALL:
    print(f"\n== {name}", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
