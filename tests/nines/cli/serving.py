"""The API over the fake source, over a real socket."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dashboards.status_board import NO_BOARD, StatusBoard
from tests.web.fakes import NOW, FakeSource
from web.app import create_app
from web.serve import serve
from web.settings import WebSettings


@contextmanager
def served(board: StatusBoard = NO_BOARD) -> Iterator[str]:
    """Its address, until the end."""
    source = FakeSource()
    ready, ports = threading.Event(), list[int]()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def started(_: str, port: int) -> None:
        ports.append(port)
        ready.set()

    def work() -> None:
        settings = WebSettings(version="0.1.0", now=lambda: NOW, stop=stop)
        app = create_app(source, settings=settings, board=board)
        loop.run_until_complete(serve(app, "127.0.0.1", 0, stop, started))
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(20)
    yield f"http://127.0.0.1:{ports[0]}"
    loop.call_soon_threadsafe(stop.set)
    thread.join()
