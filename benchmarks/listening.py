"""HTTP servers of a benchmark's own, on loopback in a thread of its process."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Request(BaseHTTPRequestHandler):
    """One request, answered in one go, of which no log is written."""

    def body(self) -> bytes:
        """What was posted."""
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, body: bytes = b"", status: int = 200, kind: str = "text/plain") -> None:
        """Answer with this body and content type."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextmanager
def listening(asked: Callable[[Request], None], *, keep: bool = True) -> Iterator[str]:
    """Its address, host and port; `asked` answers. Once the block has ended, nobody is let in.

    `keep`: connections stay open for the next request.
    """

    class Handler(Request):
        protocol_version = "HTTP/1.1" if keep else "HTTP/1.0"

        def do_GET(self) -> None:
            asked(self)

        def do_POST(self) -> None:
            asked(self)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
