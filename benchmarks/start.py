"""How long `nines serve` takes to be ready with 1,000 SLOs of 30 days, beside an empty start.

The database is filled by the product's own storage: 30 days of five-minute sums and 4 days of ten
second buckets (a start reads 3) for four series, packed as usual, then copied inside the database
to all others. Each SLO has a probe of its own. Run: python -m benchmarks.start
"""

import json
import statistics
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.serving import free_port, last_core, nines
from nines.config import load
from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import migrate, open_database
from slo.fingerprint import fingerprint
from slo.ledger import BucketDelta

SLOS = 1_000
ROUNDS = 3
_TEMPLATES = 4
_DETAIL_DAYS = 4
_DAYS = 30


def main() -> None:
    """Interleave empty and full starts; print medians, the difference and the memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        empty, full = folder / "empty", folder / "full"
        empty.mkdir()
        full.mkdir()
        counted = fill(write_config(full, SLOS, 9919), full)
        spent: dict[str, list[float]] = {"empty": [], "full": []}
        starts: dict[str, list[float]] = {"empty": [], "full": []}
        memory: dict[str, list[int]] = {"empty": [], "full": []}
        for _ in range(ROUNDS):
            for kind, place in (("empty", empty), ("full", full)):
                port = free_port()
                config = write_config(place, SLOS, port)
                if kind == "empty":
                    for old in place.glob("nines.db*"):
                        old.unlink()
                with nines(config, port, core=last_core()) as process:
                    starts[kind].append(process.ready_after)
                    spent[kind].append(process.ready_cpu)
                    if kind == "full":
                        check(process.url, counted)
                    time.sleep(2)
                    memory[kind].append(process.resident())
        size = sum(file.stat().st_size for file in full.glob("nines.db*"))
    bare, whole = (statistics.median(starts[kind]) for kind in ("empty", "full"))
    own = statistics.median(memory["full"]) - statistics.median(memory["empty"])
    print(f"{SLOS} SLOs x {_DAYS} days, one core, median of {ROUNDS} rounds")
    print(f"empty start to ready   {bare:6.2f} s   all {_shown(starts['empty'])}")
    print(f"full start to ready    {whole:6.2f} s   all {_shown(starts['full'])}")
    print(f"difference             {whole - bare:6.2f} s   goal <= 2 s; ratio {whole / bare:.2f}")
    print(f"CPU to ready: empty {_shown(spent['empty'])}, full {_shown(spent['full'])}")
    bare_cpu, whole_cpu = (statistics.median(spent[kind]) for kind in ("empty", "full"))
    print(f"difference in CPU      {whole_cpu - bare_cpu:6.2f} s   (without others on the machine)")
    total = statistics.median(memory["full"]) / SLOS / 1000
    print(f"resident per SLO       {total:6.1f} kB  of which counts {own / SLOS / 1000:.1f} kB")
    print(f"database               {size / 1e6:6.1f} MB")


def _shown(seconds: list[float]) -> str:
    return " ".join(f"{one:.2f}" for one in seconds)


def write_config(folder: Path, slos: int, port: int) -> Path:
    """A configuration of as many services, each with one probe that nobody answers."""
    services = "\n".join(
        f'  svc-{n:04d}: {{collectors: {{up: {{http: "http://127.0.0.1:9/", interval: 10m}}}},'
        " slos: {availability: {objective: 99.9%, sli: {probe: up}}}}"
        for n in range(slos)
    )
    config = folder / "config.yaml"
    config.write_text(
        f'server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}",'
        f' database: "sqlite:///{folder}/nines.db"}}\nservices:\n{services}\n'
    )
    return config


def fill(file: Path, folder: Path) -> dict[str, int]:
    """Write a history for a configuration; gives the bad events of 29 days by SLO's id."""
    config = load(file, {})
    database = open_database(f"sqlite:///{folder}/nines.db")
    migrate(database)
    store = CountStore(database)
    now = datetime.now(UTC).replace(microsecond=0)
    records = store.register_all([(slo.id, fingerprint(slo)) for slo in config.slos], now)
    end = int(now.timestamp()) // 300 * 300
    noise = np.random.default_rng(1)
    templates = [record.series_id for record in records[:_TEMPLATES]]
    for number in templates:
        _fill_one(store, number, end, noise)
    while store.pack(now):
        pass
    with database.write() as connection:
        for table, columns in (
            ("packed_counts", "start, rows"),
            ("packed_sums", "start, rows"),
            ("counts", "bucket, good, bad, seen"),
            ("sums", "bucket, good, bad, seen"),
        ):
            for place, record in enumerate(records[_TEMPLATES:]):
                connection.exec_driver_sql(
                    f"INSERT INTO {table} (series_id, {columns})"
                    f" SELECT ?, {columns} FROM {table} WHERE series_id = ?",
                    (record.series_id, templates[place % _TEMPLATES]),
                )
    since = now - timedelta(days=_DAYS - 1)
    bad = [sum(row[2] for row in store.load(number, 300, since, now)) for number in templates]
    database.close()
    return {record.slo_id: bad[n % _TEMPLATES] for n, record in enumerate(records)}


def _fill_one(store: CountStore, number: int, end: int, noise: np.random.Generator) -> None:
    fine_since = end - _DETAIL_DAYS * 86_400
    for day in range(_DAYS, 0, -1):
        first = end - day * 86_400
        step = 10 if first >= fine_since else 300
        times = range(first, first + 86_400, step)
        good = noise.poisson(600 * step // 10, len(times)).tolist()
        bad = noise.poisson(0.3 * step / 10, len(times)).tolist()
        deltas = [
            BucketDelta(at, good=g, bad=b, seen=step // 10)
            for at, g, b in zip(times, good, bad, strict=True)
        ]
        store.flush(CountBatch(deltas={number: deltas}))


def check(url: str, counted: dict[str, int]) -> None:
    """Raise unless each SLO shows at least what was written for the days surely in its window."""
    for slo_id, bad in list(counted.items())[:: SLOS // 10]:
        with urllib.request.urlopen(f"{url}/api/v1/slos/{slo_id}", timeout=30) as answer:
            shown = json.load(answer)
        have = shown["budget"]["spent_events"]
        if not bad <= have <= bad * 1.1:
            raise SystemExit(f"{slo_id} shows {have} bad events; {bad} were written.")


if __name__ == "__main__":
    main()
