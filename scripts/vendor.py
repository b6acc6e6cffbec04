"""Refresh vendored files from their npm packages, and write the lock that proves it.

`python scripts/vendor.py` asks the local `npm` for the pinned versions (`npm pack`, whatever
registry it is set up for); `--tarballs DIR` takes packages that are already here.
To move to a new version, change it below, run this, and read the difference.
"""

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Package:
    """One npm package at one version: which of its files land where (`source` to target)."""

    name: str
    version: str
    licence: str
    home: Path  # the folder that holds the files and their vendor.lock
    files: dict[str, str]

    @property
    def tarball(self) -> str:
        return f"{self.name}-{self.version}.tgz"


STATIC = ROOT / "web" / "static" / "vendor"
TESTS = ROOT / "tests" / "vendor"
FONTS = ROOT / "dashboards" / "fonts"
PACKAGES = (
    Package(
        "htmx.org",
        "4.0.1",
        "0BSD",
        STATIC,
        {
            "dist/htmx.min.js": "htmx-4.0.1.min.js",
            "LICENSE": "LICENSE.htmx",
        },
    ),
    Package(
        "uplot",
        "1.6.32",
        "MIT",
        STATIC,
        {
            "dist/uPlot.iife.min.js": "uplot-1.6.32.iife.min.js",
            "dist/uPlot.min.css": "uplot-1.6.32.min.css",
            "LICENSE": "LICENSE.uplot",
        },
    ),
    Package(
        "axe-core",
        "4.14.1",
        "MPL-2.0",
        TESTS,
        {
            "axe.min.js": "axe-4.14.1.min.js",
            "LICENSE": "LICENSE.axe-core",
            "LICENSE-3RD-PARTY.txt": "LICENSE-3RD-PARTY.axe-core.txt",
        },
    ),
    Package(
        "dejavu-fonts-ttf",
        "2.37.3",
        "Bitstream Vera licence",
        FONTS,
        {
            "ttf/DejaVuSansCondensed.ttf": "DejaVuSansCondensed.ttf",
            "ttf/DejaVuSansCondensed-Bold.ttf": "DejaVuSansCondensed-Bold.ttf",
            "LICENSE": "LICENSE.dejavu",
        },
    ),
)


def main() -> int:
    """Fetch (or take), unpack, write the locks. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tarballs", type=Path, help="a folder with the packages' .tgz files")
    folder: Path | None = parser.parse_args().tarballs
    with tempfile.TemporaryDirectory() as temporary:
        for package in PACKAGES:
            if folder is None:
                fetch(package, Path(temporary))
        entries = [entry(package, (folder or Path(temporary))) for package in PACKAGES]
    for home in {package.home for package in PACKAGES}:
        lock = [
            described
            for package, described in zip(PACKAGES, entries, strict=True)
            if package.home == home
        ]
        (home / "vendor.lock").write_text(json.dumps(lock, indent=2) + "\n", encoding="utf-8")
    return 0


def fetch(package: Package, folder: Path) -> None:
    """Let npm download the package; it checks the registry's own integrity value."""
    subprocess.run(  # noqa: S603 - fixed arguments, no shell
        ["npm", "pack", f"{package.name}@{package.version}", "--silent"],  # noqa: S607 - from PATH
        cwd=folder,
        check=True,
        timeout=120,
        stdout=subprocess.DEVNULL,
    )


def entry(package: Package, folder: Path) -> dict[str, object]:
    """Unpack the files of one package and describe them for the lock."""
    tarball = folder / package.tarball
    package.home.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha512(tarball.read_bytes()).digest()
    files: dict[str, str] = {}
    with tarfile.open(tarball) as archive:
        for source, target in package.files.items():
            member = archive.extractfile(f"package/{source}")
            if member is None:
                sys.exit(f"{package.tarball} has no file {source}")
            content = member.read()
            (package.home / target).write_bytes(content)
            files[target] = hashlib.sha256(content).hexdigest()
    return {
        "name": package.name,
        "version": package.version,
        "licence": package.licence,
        "integrity": f"sha512-{base64.b64encode(digest).decode()}",
        "files": files,
    }


if __name__ == "__main__":
    sys.exit(main())
