"""CPU of one scrape of a 100,000-line page of which 20 series are wanted, beside Prometheus.

Prometheus keeps the same series by metric_relabel_configs. Both are the real processes, scraping
the same address every 2 s on the same core, one after the other; the page is served from another
core and its values change each time. Shown is all that a process spends in two seconds, and how
much of that goes beyond the same two seconds with a page of a few lines. The second page has its
lines in no order: what is wanted is scattered over it. Run: python -m benchmarks.scrape_page
"""

import random
import statistics
import tempfile
import time
from operator import sub
from pathlib import Path

from benchmarks.prometheus import missing, prometheus, served
from benchmarks.serving import Process, free_port, last_core, nines

LINES = 100_000
EVERY = 2  # seconds
SCRAPES = 5  # in a round
ROUNDS = 4
_SERVICES = 400
_WANTED = 10  # services, of two codes each


class BigPage:
    """Counters and gauges of many families, in blocks as the format wants them, or shuffled."""

    def __init__(self, *, lines_in_all: int = LINES, shuffled: bool = False) -> None:
        wanted = [
            f'http_requests_total{{service="svc-{service:03d}",code="{code}"}}'
            for service in range(min(_SERVICES, lines_in_all // 7))
            for code in (200, 201, 400, 404, 429, 500, 503)
        ]
        lines = ["# TYPE http_requests_total counter", *(f"{name} %d" for name in wanted)]
        family = 0
        while len(lines) < lines_in_all:
            name = f"app_metric_{family}_bytes"
            lines.append(f"# TYPE {name} gauge")
            lines += [
                f'{name}{{device="/dev/mapper/vg{n % 7}-lv{n}",mountpoint="/srv/data{n}"}} %d'
                for n in range(40)
            ]
            family += 1
        if shuffled:
            random.Random(1).shuffle(lines)
        self._template = "\n".join(lines) + "\n"
        self._places = self._template.count("%d")
        self._looks = 0

    def text(self) -> bytes:
        self._looks += 1
        start = 1_000_000 + 7 * self._looks
        return (self._template % tuple(range(start, start + self._places))).encode()


def main() -> None:
    """Print medians over the rounds, and their ratios."""
    if why := missing():
        print(why)
        return
    pages = {
        "idle": BigPage(lines_in_all=7 * _WANTED),
        "in blocks": BigPage(),
        "scattered": BigPage(shuffled=True),
    }
    print(f"CPU of a scrape of {LINES:,} lines, one each {EVERY} s; {ROUNDS} rounds of {SCRAPES}")
    idle = (0.0, 0.0)
    for (kind, page), goal in zip(pages.items(), ("", "1/5", "1.2"), strict=True):
        with tempfile.TemporaryDirectory() as name, served(page) as address:
            folder = Path(name)
            peer, own = _prometheus(folder, address), _nines(folder, address)
        spent = statistics.median(peer), statistics.median(own)
        print(f"{kind:10} Prometheus {_shown(peer)}   nines serve {_shown(own)}   of each round")
        print(f"{'':10} whole process  {_beside(*spent)}")
        if goal:
            print(f"{'':10} beyond idle    {_beside(*map(sub, spent, idle))}   goal {goal}")
        else:
            idle = spent


def _beside(theirs: float, ours: float) -> str:
    ratio = f"1/{theirs / ours:.1f}" if ours < theirs else f"{ours / theirs:.1f}"
    return f"{theirs * 1e3:5.1f} ms beside {ours * 1e3:5.1f} ms: {ratio}"


def _shown(rounds: list[float]) -> str:
    return " ".join(f"{one * 1e3:.1f}" for one in rounds)


def _rounds(process: Process) -> list[float]:
    """Seconds of CPU a scrape, in each round."""
    time.sleep(4 * EVERY)
    spent = []
    for _ in range(ROUNDS):
        before = process.cpu()
        time.sleep(SCRAPES * EVERY)
        spent.append((process.cpu() - before) / SCRAPES)
    return spent


def _prometheus(folder: Path, address: str) -> list[float]:
    config = (
        f"global: {{scrape_interval: {EVERY}s, scrape_timeout: {EVERY}s}}\n"
        "scrape_configs:\n- job_name: big\n"
        f"  static_configs: [{{targets: ['{address}']}}]\n"
        "  metric_relabel_configs: [{source_labels: [__name__, service, code],"
        " regex: 'http_requests_total;svc-00[0-9];(200|500)', action: keep}]\n"
    )
    with prometheus(folder, config, core=last_core()) as process:
        return _rounds(process)


def _nines(folder: Path, address: str) -> list[float]:
    port, config = free_port(), folder / "config.yaml"
    slos = "\n".join(
        f"      svc-{n:03d}:\n        objective: 99.9%\n        sli:\n          collector: big\n"
        f'          bad: \'http_requests_total{{service="svc-{n:03d}",code="500"}}\'\n'
        f'          total: \'http_requests_total{{service="svc-{n:03d}",code=~"200|500"}}\''
        for n in range(_WANTED)
    )
    config.write_text(
        f'server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}",'
        f' database: "sqlite:///{folder}/nines.db"}}\n'
        f'services:\n  shop:\n    collectors:\n      big: {{prometheus: "http://{address}/metrics",'
        f" interval: {EVERY}s}}\n    slos:\n{slos}\n"
    )
    with nines(config, port, core=last_core()) as process:
        return _rounds(process)


if __name__ == "__main__":
    main()
