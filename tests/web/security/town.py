"""A whole `nines serve` in its own process: two teams' services, an incident, and a token of every
role. Asked over real sockets by tests that need no event loop.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from nines.credentials import new_token
from nines.storage.accounts import AccountRecords, Doer, User
from nines.storage.database import migrate, open_database
from tests.web.ports import free_port
from web.access.decision import Grant, Role

ROOT = Path(__file__).parents[3]
CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "{url}", bucket: 1s,
         database: "sqlite:///{folder}/nines.db"}}
services:
  shop:
    owner: web-team
    collectors:
      front: {{http: "{target}/well", interval: 1s, timeout: 500ms}}
      job: {{heartbeat: {{every: 1d, token: token-of-the-job}}}}
      orders: {{push: the shop, bearer_token: token-of-the-orders}}
      sent: {{remote_write: the shop, bearer_token: token-of-the-sender}}
    slos:
      checkout: {{objective: 99%, window: 1d, sli: {{probe: front}}}}
      orders:
        objective: 99%
        window: 1d
        sli: {{collector: orders, bad: 'orders_total{{outcome="failed"}}', total: orders_total}}
  pets:
    owner: pets-team
    collectors:
      front: {{http: "{target}/ill", interval: 1s, timeout: 500ms}}
    slos:
      availability:
        objective: 99.9%
        window: 1d
        sli: {{probe: front}}
        tiers: [{{severity: page, factor: 14.4, long: 20s, short: 5s}}]
alerting:
  receivers:
    oncall: {{webhook: {{url: "{target}/well"}}}}
  route: {{receivers: [oncall]}}
"""
HOSTILE_BODY = b'{"a": "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"}'


class _Target(BaseHTTPRequestHandler):
    """Well or ill, as the path asks for."""

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):  # whoever asked may be gone
            self.send_response(500 if "ill" in self.path else 200)
            body = HOSTILE_BODY if "hostile" in self.path else b"{}"
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library's name
        """Nothing is said."""


@dataclass
class Town:
    """A running Nines. `tokens`: by role, and of one that is for one owner alone."""

    url: str
    folder: Path
    tokens: Mapping[str, str]
    real: dict[str, str] = field(default_factory=dict)  # what is there, by parameter

    def log(self) -> str:
        """What it said so far."""
        return (self.folder / "nines.log").read_text()

    def headers(self, asker: str) -> dict[str, str]:
        """What shows who one is; of nobody, nothing."""
        return {"Authorization": f"Bearer {self.tokens[asker]}"} if asker in self.tokens else {}

    def client(self, asker: str = "admin") -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers=self.headers(asker), trust_env=False, timeout=30
        )


@contextmanager
def target() -> Iterator[str]:
    """The address of something that is well, or ill."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Target)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def town(folder: Path, config: str = CONFIG, **values: object) -> Iterator[Town]:
    """One that is ready, with an incident of `pets`; gone afterwards, whatever happened."""
    port = free_port()
    with target() as address:
        url = f"http://127.0.0.1:{port}"
        text = config.format(
            port=port,
            url=url,
            folder=folder,
            target=address,
            host=address.removeprefix("http://"),
            **values,
        )
        (folder / "config.yaml").write_text(text)
        one = Town(url, folder, _tokens(folder))
        with (folder / "nines.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "nines", "serve", "--config", str(folder / "config.yaml")],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        try:
            with one.client() as client:
                eventually(lambda: _is_ready(client, process, one), "Nines to be ready", one)
                yield one
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def eventually(true: Callable[[], Any], what: str, one: Town, within: float = 120) -> Any:  # noqa: ANN401 what it gives
    """Wait until `true()` is, and give it; fail with what was waited for, and the log."""
    for _ in range(int(within / 0.05)):
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {within:.0f} s for {what}\n{one.log()}")


def _is_ready(client: httpx.Client, process: subprocess.Popen[bytes], one: Town) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"nines serve ended:\n{one.log()}")
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def _tokens(folder: Path) -> dict[str, str]:
    """A user, so that the door is shut, and a token of each role."""
    database = open_database(f"sqlite:///{folder}/nines.db")
    migrate(database)
    records, now, made = AccountRecords(database), datetime.now(UTC), {}
    doer = Doer("test", now)
    grants = {str(role): Grant(role) for role in Role}
    grants["editor of web-team"] = Grant(Role.EDITOR, frozenset({"web-team"}))
    records.add_user(User("ada", "", (Grant(Role.ADMIN),), now), doer)
    for name, grant in grants.items():
        secret, token = new_token(name, (grant,), "ada", now, timedelta(days=1))
        records.add_token(token, doer)
        made[name] = secret
    database.close()
    return made
