"""Debian's nginx as the target that probers share: HTTP and HTTPS on loopback, one worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from benchmarks.serving import free_port, serving

NGINX = Path("/usr/sbin/nginx")


@dataclass(frozen=True, slots=True)
class Target:
    """Where it answers, and the authority that its certificate is from."""

    http: str
    https: str
    ca_file: Path


@contextmanager
def nginx(folder: Path, *, core: int) -> Iterator[Target]:
    """nginx on one core; `/health` answers 200 with a small JSON document."""
    folder.mkdir(exist_ok=True)
    authority = trustme.CA()
    ca_file, pair = folder / "ca.pem", folder / "pair.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(pair)
    )
    plain, sealed = free_port(), free_port()
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr error;\n"
        "events { worker_connections 8192; multi_accept on; }\n"
        f"http {{ access_log off; {temporary}\n"
        f"server {{ listen 127.0.0.1:{plain} backlog=8192;"
        f" listen 127.0.0.1:{sealed} ssl backlog=8192;\n"
        f"ssl_certificate {pair}; ssl_certificate_key {pair};\n"
        "ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache off; ssl_session_tickets off;\n"
        "keepalive_requests 10000000;\n"
        "location = /health { default_type application/json;"
        """ return 200 '{"status":"ok","version":"1.2.3"}\\n'; } } }\n"""
    )
    arguments = [str(NGINX), "-c", str(config), "-e", "stderr"]
    url = f"http://127.0.0.1:{plain}"
    with serving(arguments, url, "/health", core=core, log=folder / "log"):
        yield Target(f"{url}/health", f"https://127.0.0.1:{sealed}/health", ca_file)
