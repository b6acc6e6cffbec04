"""The same live page counted by Nines and by Prometheus, beside what the pages made knowable.

A server of ours plays a shop through errors of a kind never seen before, a restart, a gap in
which every scrape fails, and a restart whose counters overtake the old ones before anybody looks.
It writes down what it showed to whom. Between two pages of one process a series grew by the
difference, and by all of it where the page before had none or another process; that sum is what
could be known. Nines must have it to the unit. What Prometheus's samples lack of it is explained
to the unit too, and what increase() makes of them is shown. docs/beside-prometheus.md tells why.
Run: python -m benchmarks.side_by_side
"""

import json
import math
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.listening import Request, listening
from benchmarks.prometheus import TEXT, missing, prometheus
from benchmarks.serving import Process, free_port, last_core, nines

EVERY = 5  # seconds between scrapes
CODES = ("200", "500")
_PATIENCE = 60.0  # seconds until the other side is said to hang
_TRAFFIC_EVERY = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Shown:
    """One page: which process answered, and what it had counted."""

    process: int
    counts: Mapping[str, int]


@dataclass
class Shop:
    """A service whose every page is written down, by who asked."""

    process: int = 0
    started: float = field(default_factory=time.time)
    counts: Counter[str] = field(default_factory=lambda: Counter({"200": 1000}))
    pages: dict[str, list[Shown]] = field(default_factory=lambda: {"Nines": [], "Prometheus": []})
    refused: Counter[str] = field(default_factory=Counter)
    is_down: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def count(self, code: str, number: int) -> None:
        with self.changed:
            self.counts[code] += number

    def restart(self, **already: int) -> None:
        """Begin anew, and count so much before anybody can look."""
        with self.changed:
            self.process, self.started = self.process + 1, time.time()
            self.counts = Counter({code.removeprefix("_"): n for code, n in already.items()})

    def answer(self, asker: str) -> bytes | None:
        """A page, or None while it is down."""
        with self.changed:
            self.changed.notify_all()
            if self.is_down:
                self.refused[asker] += 1
                return None
            self.pages[asker].append(Shown(self.process, dict(self.counts)))
            lines = [f"process_start_time_seconds {self.started}"]
            lines += [f'http_requests_total{{code="{c}"}} {n}' for c, n in self.counts.items()]
            return ("\n".join(lines) + "\n").encode()

    def wait(self, number: int) -> None:
        """Until everybody got so many further answers, of whatever kind."""
        with self.changed:
            goal = {asker: count + number for asker, count in self._answers().items()}
            if not self.changed.wait_for(
                lambda: all(count >= goal[asker] for asker, count in self._answers().items()),
                _PATIENCE,
            ):
                raise TimeoutError(f"Somebody looks no more: {self._answers()}, not {goal}.")

    def _answers(self) -> dict[str, int]:
        return {asker: len(pages) + self.refused[asker] for asker, pages in self.pages.items()}


def play(shop: Shop) -> None:
    """The whole story. Before a restart both have seen everything, so that nothing is lost."""
    with _traffic(shop):
        shop.wait(2)
        shop.count("500", 7)  # the first of their kind
        shop.wait(2)
        shop.count("500", 2)
        shop.wait(2)
    shop.wait(1)
    shop.restart(_200=0)
    with _traffic(shop):
        shop.wait(2)
        shop.count("500", 3)
        shop.wait(2)
        shop.is_down = True
        shop.count("500", 4)
        shop.wait(4)
        shop.is_down = False
        shop.wait(2)
    shop.wait(1)
    shop.restart(_200=shop.counts["200"] + 60, _500=shop.counts["500"] + 5)
    with _traffic(shop):
        shop.wait(2)
        shop.count("500", 1)
        shop.wait(1)
    shop.wait(2)


@contextmanager
def _traffic(shop: Shop) -> Iterator[None]:
    """Requests that succeed, steadily, until the block ends."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(_TRAFFIC_EVERY):
            shop.count("200", 3)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# --- What could be known, and what Prometheus makes of the same pages. ---


def knowable(pages: list[Shown]) -> Counter[str]:
    """What each series counted from the first page to the last, as far as pages tell."""
    known: Counter[str] = Counter()
    for before, after in pairwise(pages):
        base = before.counts if before.process == after.process else {}
        known.update({code: count - base.get(code, 0) for code, count in after.counts.items()})
    return known


@dataclass(frozen=True, slots=True)
class Lost:
    """Events that Prometheus's rules leave out of one series, by cause."""

    first_value: int  # a new series has no sample before its first
    overtaken: int  # a restart whose count is above the old one looks like none


def lost(pages: list[Shown], code: str) -> Lost:
    """What comparing neighbouring values of one series alone cannot know."""
    first_value = overtaken = 0
    before: Shown | None = None
    for page in pages:
        count = page.counts.get(code)
        if count is None:
            continue
        if before is None:
            first_value = 0 if page is pages[0] else count
        elif page.process != before.process and count >= before.counts[code]:
            overtaken += before.counts[code]
        before = page
    return Lost(first_value, overtaken)


def grown(values: list[float]) -> int:
    """Increase over samples as Prometheus reckons it: what fell began at 0."""
    steps = [after - before if after >= before else after for before, after in pairwise(values)]
    return int(sum(steps))


@dataclass(frozen=True, slots=True)
class Row:
    """One series, counted in every way."""

    code: str
    known_to_nines: int
    nines: int
    known_to_prometheus: int
    samples: int
    lost: Lost
    increase: float

    @property
    def is_exact(self) -> bool:
        """Nines has what could be known, and Prometheus's difference is explained."""
        explained = self.samples + self.lost.first_value + self.lost.overtaken
        return self.nines == self.known_to_nines and explained == self.known_to_prometheus


def side_by_side(folder: Path, every: int) -> tuple[list[Row], int]:
    """Play the story with both looking on; also the events that Nines calls unknown."""
    shop, core, began = Shop(), last_core(), time.time()
    with (
        _served(shop) as address,
        prometheus(folder, _prometheus_config(address, every), core=core) as theirs,
    ):
        port = free_port()
        config = folder / "nines.yaml"
        config.write_text(_nines_config(address, port, folder / "nines.db", every))
        with nines(config, port, core=core) as ours:
            play(shop)
            counts = _settled(ours, knowable(shop.pages["Nines"]))
            shop.wait(1)  # nothing happens any more, and nothing may be counted
            counts = _settled(ours, counts)
        over = math.ceil(time.time() - began)
        rows = [
            Row(
                code=code,
                known_to_nines=knowable(shop.pages["Nines"])[code],
                nines=counts[code],
                known_to_prometheus=knowable(shop.pages["Prometheus"])[code],
                samples=grown(_samples(theirs, code, over)),
                lost=lost(shop.pages["Prometheus"], code),
                increase=_increase(theirs, code, over),
            )
            for code in CODES
        ]
    return rows, counts["unknown"]


def _settled(process: Process, wanted: Mapping[str, int]) -> Counter[str]:
    """Nines' counts, once they are these or long enough were not."""
    until = time.monotonic() + 15
    while True:
        told = _json(f"{process.url}/api/v1/slos/shop/requests")["lifetime"]
        counts = Counter({"200": told["good"], "500": told["bad"], "unknown": told["unknown"]})
        if all(counts[code] == wanted[code] for code in CODES) or time.monotonic() > until:
            return counts
        time.sleep(0.2)


def _samples(process: Process, code: str, over: int) -> list[float]:
    (series,) = _query(process, f'http_requests_total{{code="{code}"}}[{over}s]')
    return [float(value) for _, value in series["values"]]


def _increase(process: Process, code: str, over: int) -> float:
    (series,) = _query(process, f'increase(http_requests_total{{code="{code}"}}[{over}s])')
    return float(series["value"][1])


def _query(process: Process, text: str) -> list[dict[str, Any]]:
    where = f"{process.url}/api/v1/query?{urllib.parse.urlencode({'query': text})}"
    return list(_json(where)["data"]["result"])


def _json(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return dict(json.load(answer))


def _prometheus_config(address: str, every: int) -> str:
    return f"""
global: {{scrape_interval: {every}s, scrape_timeout: {every}s}}
scrape_configs:
- job_name: shop
  static_configs: [{{targets: ["{address}"]}}]
"""


def _nines_config(address: str, port: int, database: Path, every: int) -> str:
    return f"""
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
services:
  shop:
    collectors:
      app: {{prometheus: "http://{address}/metrics", interval: {every}s, timeout: 5s}}
    slos:
      requests:
        objective: 99%
        window: 1d
        sli:
          collector: app
          total: http_requests_total
          bad: 'http_requests_total{{code=~"5.."}}'
"""


@contextmanager
def _served(shop: Shop) -> Iterator[str]:
    def asked(request: Request) -> None:
        agent = request.headers.get("User-Agent", "")
        body = shop.answer("Prometheus" if agent.startswith("Prometheus") else "Nines")
        request.answer(body or b"", 503 if body is None else 200, TEXT)

    with listening(asked, keep=False) as address:
        yield address


def main() -> None:
    """Print the counts side by side; fail where ours are not exact."""
    if why := missing():
        print(why)
        return
    print(f"One live page, scraped every {EVERY} s by both, for about two minutes ...", flush=True)
    with tempfile.TemporaryDirectory() as name:
        rows, unknown = side_by_side(Path(name), EVERY)
    _table(rows)
    good, bad = rows
    for who, bads, goods in (
        ("the pages", bad.known_to_nines, good.known_to_nines),
        ("Nines", bad.nines, good.nines),
        ("increase()", bad.increase, good.increase),
    ):
        share = Fraction(bads) / (Fraction(bads) + Fraction(goods))
        print(f"errors by {who:<11} {float(share):9.4%}")
    if unknown or not all(row.is_exact for row in rows):
        sys.exit(f"NOT EXACT: {unknown} unknown, {rows}")
    print("Nines has what the pages made knowable, to the unit; the rest is explained to the unit.")


def _table(rows: list[Row]) -> None:
    lines: list[tuple[str, Callable[[Row], float]]] = [
        ("knowable by the pages that Nines got", lambda row: row.known_to_nines),
        ("Nines", lambda row: row.nines),
        ("knowable by the pages that Prometheus got", lambda row: row.known_to_prometheus),
        ("  lost: the first value of a new series", lambda row: -row.lost.first_value),
        ("  lost: a restart that overtook", lambda row: -row.lost.overtaken),
        ("Prometheus's samples, resets told by falls", lambda row: row.samples),
        ("  extrapolated to the range", lambda row: row.increase - row.samples),
        ("increase()", lambda row: row.increase),
    ]
    print(f"{'':<44}" + "".join(f"{row.code:>12}" for row in rows))
    for name, of in lines:
        print(
            f"{name:<44}"
            + "".join(f"{of(row):12,.2f}".removesuffix(".00").rjust(12) for row in rows)
        )


if __name__ == "__main__":
    main()
