"""HTTP, HTTPS and HTTP/2 of Debian's nginx."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import trustme

from collectors.observation import Cause, Observation, Outcome, Phase
from tests.collectors.wire import http, look
from tests.daemons import daemon, listens
from tests.web.ports import free_port

pytestmark = pytest.mark.needs("nginx-light")
PAGE = b'{"status":"ok"}\n' * 200


@dataclass(frozen=True)
class Nginx:
    plain: str
    sealed: str
    ca_file: str


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """One worker on loopback, in its own folder."""
    home, plain, sealed = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(home / "ca.pem"))
    pair = authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem
    pair.write_to_path(str(home / "pair.pem"))
    (home / "health").write_bytes(PAGE)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {home}/{kind};" for kind in kinds)
    (home / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {home}/pid; error_log stderr error;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary} default_type application/json;\n"
        f"server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{sealed} ssl http2; root {home};\n"
        f"ssl_certificate {home}/pair.pem; ssl_certificate_key {home}/pair.pem;\n"
        "location = /old { return 301 /health; }\n"
        "location = /broken { return 503; } location = /cut { return 444; } } }\n"
    )
    command = ["nginx", "-c", str(home / "nginx.conf"), "-e", "stderr"]
    with daemon(command, lambda: listens(plain) and listens(sealed), home / "log"):
        yield Nginx(
            f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{sealed}", str(home / "ca.pem")
        )


async def seen(url: str, **settings: Any) -> Observation:  # noqa: ANN401
    return await look(http(url, **settings))


async def test_a_page_passes_over_each_way_of_speaking_with_every_phase(nginx: Nginx) -> None:
    tls = {"ca_file": nginx.ca_file}
    plain = await seen(f"{nginx.plain}/health", expect={"body": "status"})
    sealed = await seen(f"{nginx.sealed}/health", tls=tls, expect={"body": "status"})
    second = await seen(f"{nginx.sealed}/health", tls=tls, version=2, expect={"version": 2})

    assert [one.outcome for one in (plain, sealed, second)] == [Outcome.PASSED] * 3
    assert (plain.http_version, second.http_version) == ("HTTP/1.1", "HTTP/2")
    assert {one.body_bytes for one in (plain, sealed, second)} == {len(PAGE)}
    assert Phase.TLS not in plain.phases
    for one in (sealed, second):
        assert {Phase.CONNECT, Phase.TLS, Phase.PROCESSING, Phase.TRANSFER} <= set(one.phases)
        assert one.certificate_expires is not None


async def test_what_it_answers_otherwise_has_its_cause(nginx: Nginx) -> None:
    moved = await seen(f"{nginx.plain}/old")
    missing = await seen(f"{nginx.plain}/nothing")
    broken = await seen(f"{nginx.plain}/broken")
    cut = await seen(f"{nginx.plain}/cut")
    stranger = await seen(f"{nginx.sealed}/health")

    assert (moved.outcome, moved.redirects) == (Outcome.PASSED, 1)
    assert [one.http_status for one in (missing, broken)] == [404, 503]
    assert [one.cause for one in (missing, broken)] == [Cause.STATUS] * 2
    assert cut.outcome is Outcome.FAILED
    assert (stranger.outcome, stranger.phase) == (Outcome.FAILED, Phase.TLS)
