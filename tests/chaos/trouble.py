"""Trouble around a process under test, from outside: its clock, its resolver, its disk.

A file says what is wrong at the moment, as JSON: {"ahead": seconds, "dns": true, "full": true}.
"""

import asyncio
import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine
import uvloop
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

NAMES = ".vendors.test"  # every name below it is this machine
_NO_LIMIT = 1_073_741_823  # pages, SQLite's own
_LOOKS_EVERY = 0.02  # seconds


def install(file: Path, *, names: bool) -> None:
    """Let the file rule from now on; with `names`, what a name stands for, too."""
    wrong: dict[str, Any] = {}
    threading.Thread(target=_follow, args=(file, wrong), daemon=True).start()
    if names:
        _rule_names(wrong)
    _rule_disk(wrong)


def _follow(file: Path, wrong: dict[str, Any]) -> None:
    travel: time_machine.travel | None = None
    while True:
        said = json.loads(file.read_text()) if file.exists() else {}
        if said.get("ahead", 0) != wrong.get("ahead", 0):
            if travel is not None:
                travel.stop()
            there = datetime.now(UTC) + timedelta(seconds=said.get("ahead", 0))
            travel = time_machine.travel(there, tick=True)
            travel.start()
        wrong.clear()
        wrong.update(said)
        time.sleep(_LOOKS_EVERY)


def _rule_names(wrong: dict[str, Any]) -> None:
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - as it is there
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or not name.endswith(NAMES):
            return ask(host, *more, **named)
        if wrong.get("dns"):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return ask("127.0.0.1", *more, **named)

    socket.getaddrinfo = getaddrinfo
    # uvloop asks the C library by itself; asyncio's own loop asks here.
    uvloop.new_event_loop = asyncio.SelectorEventLoop  # type: ignore[assignment]


def _rule_disk(wrong: dict[str, Any]) -> None:
    def begun(connection: Connection) -> None:
        if connection.dialect.name != "sqlite":
            return
        driver: Any = connection.connection.driver_connection
        (pages,) = driver.execute("PRAGMA page_count").fetchone()
        driver.execute(f"PRAGMA max_page_count = {pages if wrong.get('full') else _NO_LIMIT}")

    event.listen(Engine, "begin", begun)
