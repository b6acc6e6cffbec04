"""A webhook of our own that notes when it first heard of what; threads, so that nobody waits."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.listening import Request, listening


@dataclass(slots=True)
class Heard:
    """When (by `perf_counter`) what was heard of first, by what the hook's `name` gives."""

    at: dict[str, float] = field(default_factory=dict)
    posts: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def hook(name: Callable[[dict[str, Any]], str | None]) -> Iterator[tuple[str, Heard]]:
    """Its address, and what it heard so far, by the path and the `name` of each alert.

    Without a path it is the name alone; an alert without a name does not count.
    """
    heard = Heard()

    def asked(request: Request) -> None:
        now = time.perf_counter()
        body = request.body()
        request.answer()
        who = request.path.strip("/")
        with heard.lock:
            heard.posts += 1
            for alert in json.loads(body)["alerts"]:
                if told := name(alert):
                    heard.at.setdefault(f"{who}/{told}" if who else told, now)

    with listening(asked) as address:
        yield f"http://{address}", heard
