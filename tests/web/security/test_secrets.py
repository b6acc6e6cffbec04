"""A secret in every place that takes one: none of them leaves, by whatever way is looked."""

import importlib
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from pydantic import BaseModel

from nines.config import load
from tests.web.security.hushed import CONFIG, KEY, MODULES, SIGNED, leaks, secrets_in
from tests.web.security.town import ROOT, Town, eventually, town
from tests.web.test_access_table import ROUTES

# An intermediate form: what it holds is read into HttpSection.headers.
NOT_WRITTEN = {("HeaderValues", "secrets")}
PAGE, PROGRAM = {"Accept": "text/html"}, {"Accept": "application/json"}
ENDLESS = "/api/v1/stream"
FOUND_BY = {"{service}": "shop", "{collector}": "basic", "{name}": "shop", "{slo}": "checkout"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("quiet")
    (folder / "blackbox.yml").write_text(MODULES)
    with town(folder, CONFIG, tls="https://127.0.0.1:1", signed=SIGNED, key=KEY) as one:
        yield one


def written(one: Town) -> set[tuple[type, str]]:
    """The places, by class and field, that the configuration has a secret at."""
    config = load(one.folder / "config.yaml", {})
    places = {place for place, _ in secrets_in(config, "")}
    classes = {cls.__name__: cls for cls in models()}
    return {(classes[place.split(".")[0]], place.split(".")[1]) for place in places}


def models() -> Iterator[type[BaseModel]]:
    """Every model of the configuration."""
    for name in ("collectors", "alerting", "nines.config"):
        for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
            importlib.import_module(module.name)
    seen: set[type[BaseModel]] = set()
    left = [BaseModel]
    while left:
        for cls in left.pop().__subclasses__():
            if cls not in seen:
                seen.add(cls)
                left.append(cls)
    yield from (
        cls for cls in seen if cls.__module__.startswith(("collectors", "alerting", "nines"))
    )


def test_every_place_that_takes_a_secret_has_one(place: Town) -> None:
    found = written(place)
    missing = [
        (cls.__name__, name)
        for cls in models()
        for name, field in cls.model_fields.items()
        if "Secret" in f"{field.annotation}{field.metadata}"
        and (cls.__name__, name) not in NOT_WRITTEN
        and not any(issubclass(have, cls) and name == of for have, of in found)
    ]

    assert missing == [], "add a secret for it, with `hush` in it, to tests/web/security/hushed.py"


def test_no_secret_is_shown_written_or_kept(place: Town) -> None:
    with place.client() as client:
        incident = eventually(lambda: _incident(client), "an incident", place)
        eventually(lambda: _all_were_told(client, incident), "all receivers to be told", place)
        wrong = [leak for path in _paths(incident) for leak in _leaks_of(client, path)]
        probes = (
            f"/probe?target={place.url}&module={name}&debug=true"
            for name in ("hushed", "basic", "authorized")
        )
        wrong += [leak for path in probes for leak in _leaks_of(client, path)]

    assert wrong[:20] == []
    assert leaks(place.log()) == []
    assert leaks(_backup(place)) == []
    for file in place.folder.glob("nines.db*"):
        assert leaks(file.read_bytes().decode("latin-1")) == [], file


def test_a_leak_would_be_seen() -> None:
    assert leaks("Authorization: Bearer hush-bearer") != []
    assert leaks(f"signed with {SIGNED}") != []
    assert leaks(f"to {KEY}") != []
    assert leaks("all is ***") == []


def _incident(client: httpx.Client) -> str:
    found = client.get("/api/v1/incidents").json()["incidents"]
    return str(found[0]["id"]) if found else ""


def _all_were_told(client: httpx.Client, incident: str) -> bool:
    """Whether each receiver was tried: what it answered is on record, and in the log."""
    told = client.get(f"/api/v1/incidents/{incident}").json()["notifications"]
    return len({one["receiver"] for one in told if one["attempts"]}) >= 8


def _paths(incident: str) -> Iterator[str]:
    """Everything that can be read, of what is there."""
    for method, path in ROUTES:
        if method != "GET" or path == ENDLESS:
            continue
        filled = path.replace("{incident_id}", incident).replace("{period}", "2026-11")
        for name in ("{service}", "{collector}", "{slo:path}", "{name:path}", "{slo}", "{name}"):
            filled = filled.replace(name, FOUND_BY[name.replace(":path", "")])
        head, brace, _ = filled.partition("{")
        yield f"{head}none" if brace else filled
    yield from (
        f"/api/v1/collectors/shop/{name}" for name in ("bearer", "way", "db", "job", "live")
    )
    yield from (f"/why?of={incident}", f"/api/v1/why?of={incident}", "/sign-in/oidc", "/receivers")


def _leaks_of(client: httpx.Client, path: str) -> list[str]:
    found = []
    for accept in (PAGE, PROGRAM):
        answer = client.get(path, headers=accept)
        found += [f"{path}: {leak}" for leak in leaks(f"{answer.headers}\n{answer.text}")]
    return found


def _backup(one: Town) -> str:
    file, config = one.folder / "a.backup", one.folder / "config.yaml"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "nines",
            "backup",
            str(file),
            "--config",
            str(config),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    content = file.read_bytes()
    assert b"checkout" in content  # it can be read
    return content.decode("latin-1") + done.stdout + done.stderr
