"""Vendored files are those that their lock describes, each with its licence."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from scripts import vendor

ROOT = Path(__file__).parent.parent
HOMES = [
    ROOT / "web" / "static" / "vendor",
    ROOT / "tests" / "vendor",
    ROOT / "dashboards" / "fonts",
]


def lock(home: Path) -> list[dict[str, Any]]:
    packages: list[dict[str, Any]] = json.loads((home / "vendor.lock").read_text())
    return packages


@pytest.mark.parametrize("home", HOMES, ids=lambda home: f"{home.parent.name}/{home.name}")
def test_every_vendored_file_has_the_hash_of_its_lock(home: Path) -> None:
    locked = {name: sha for package in lock(home) for name, sha in package["files"].items()}

    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in home.iterdir()
        if path.name != "vendor.lock"
    }
    assert found == locked


@pytest.mark.parametrize("home", HOMES, ids=lambda home: f"{home.parent.name}/{home.name}")
def test_every_vendored_package_brings_its_licence(home: Path) -> None:
    for package in lock(home):
        assert package["licence"]
        assert package["integrity"].startswith("sha512-")
        assert any(name.startswith("LICENSE") for name in package["files"])


def test_the_lock_is_of_the_versions_that_the_script_would_fetch() -> None:
    locked = {(package["name"], package["version"]) for home in HOMES for package in lock(home)}

    assert locked == {(package.name, package.version) for package in vendor.PACKAGES}


@pytest.mark.parametrize("home", HOMES, ids=lambda home: f"{home.parent.name}/{home.name}")
def test_the_lock_names_no_host(home: Path) -> None:
    assert "://" not in (home / "vendor.lock").read_text()
