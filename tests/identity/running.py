"""Start, stop and change the provider, and sign in at it as a browser would."""

import json
import re
import ssl
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import trustme

from tests.daemons import daemon, listens
from tests.web.ports import free_port

CLIENT, SECRET, PASSWORD = "nines", "s3cret/with+odd=letters", "the password of everybody"
OTHER = "another-client"
_ROOT = Path(__file__).parents[2]


@dataclass
class Identity:
    """A provider with a name of its own; its people outlive the process that serves them."""

    folder: Path
    redirect_uri: str
    port: int = field(default_factory=free_port)
    settings: dict[str, Any] = field(default_factory=dict)
    _running: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
            str(self.folder / "provider.pem")
        )
        self.people()

    @property
    def issuer(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def people(self, **groups: list[str]) -> None:
        """Who there is, by name, and in which groups."""
        known = {
            name: {
                "password": PASSWORD,
                "claims": {
                    "email": f"{name}@example.com",
                    "email_verified": True,
                    "groups": of,
                },
            }
            for name, of in groups.items()
        }
        self._write("people.json", known)

    def faults(self, **claims: object) -> None:
        """What its id tokens say from now on, in place of what is right; nothing: all is."""
        if claims:
            self._write("faults.json", claims)
        else:
            (self.folder / "faults.json").unlink(missing_ok=True)

    def start(self, **settings: object) -> None:
        """Serve; `settings` stay for the next time."""
        usual = {"algorithm": "RS256", "in_id_token": False, "ahead_seconds": 0}
        self.settings = {**usual, **self.settings, **settings, "issuer": self.issuer}
        client = {
            "client_secret": SECRET,
            "redirect_uris": [(self.redirect_uri, {})],
            "id_token_signed_response_alg": self.settings["algorithm"],
        }
        self.settings["clients"] = {CLIENT: client, OTHER: client}
        self._write("settings.json", self.settings)
        (self.folder / "private").mkdir(exist_ok=True)
        command = [sys.executable, "-m", "tests.identity.server", str(self.port)]
        environ = {"PYTHONPATH": str(_ROOT)}
        log = self.folder / "provider.log"
        self._running.enter_context(
            daemon(command, lambda: listens(self.port), log, environ, self.folder)
        )

    def stop(self) -> None:
        """Nobody answers there."""
        self._running.close()

    def rotate(self) -> None:
        """Sign with a new key from now on; the old one is gone."""
        self.stop()
        (self.folder / "private" / "jwks.json").unlink()
        self.start()

    def asked(self, path: str) -> int:
        """How often somebody asked for it."""
        log = (self.folder / "provider.log").read_text()
        return len(re.findall(rf"(?m)^127\..*(?:GET|POST) {path}[ ?]", log))

    def visit(self, url: str, name: str, *, refuse: bool = False) -> str:
        """What a person does there, whom Nines sent to `url`; where they are sent back to."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        with httpx.Client(verify=context, base_url=self.issuer, trust_env=False) as browser:
            page = browser.get(url)
            assert page.status_code == 200, page.text
            (token,) = re.findall(r'name="token" value="([^"]+)"', page.text)
            typed = {"token": unescape(token), "username": name, "password": PASSWORD}
            sent = browser.post("/verify", data=typed | ({"refuse": "yes"} if refuse else {}))
        assert sent.status_code == 303, sent.text
        return sent.headers["location"]

    def _write(self, name: str, facts: object) -> None:
        # Whole or not at all: it may be read meanwhile.
        (self.folder / f"{name}.new").write_text(json.dumps(facts))
        (self.folder / f"{name}.new").replace(self.folder / name)


@contextmanager
def identity(folder: Path, redirect_uri: str) -> Iterator[Identity]:
    """One that has not started; it is gone at the end."""
    one = Identity(folder, redirect_uri)
    try:
        yield one
    finally:
        one.stop()
