"""A port that nobody listens on, and that stays free while a test kills and starts what does."""

import os
import socket
from itertools import count

# Below those that systems lend to outgoing connections and to whoever asks for any port: one of
# those is somebody else's while what listened there is dead.
_FIRST, _EACH, _WORKERS = 15_000, 2_000, 8
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_next = count(os.getpid() * 61)  # two runs beside each other begin at different ones


def free_port() -> int:
    """Another one each time, and of this worker's own."""
    while True:
        port = _FIRST + _worker * _EACH + next(_next) % _EACH
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
