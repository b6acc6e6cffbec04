"""A webhook of our own that notes when it first heard of what; threads, so that nobody waits."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Heard:
    """When (by `perf_counter`) what was heard of first, by what `names` gives of an alert."""

    at: dict[str, float] = field(default_factory=dict)
    posts: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def hook(name: Callable[[dict[str, Any]], str]) -> Iterator[tuple[str, Heard]]:
    """Its address, and what it heard so far, by `name` of each alert."""
    heard = Heard()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            now = time.perf_counter()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            alerts = json.loads(body)["alerts"]
            with heard.lock:
                heard.posts += 1
                for alert in alerts:
                    heard.at.setdefault(name(alert), now)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
