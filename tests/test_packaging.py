"""What the wheel puts at the top level, and that it brings all it needs to run."""

import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {"alerting", "collectors", "dashboards", "nines", "slo", "web"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names inside the wheel that this checkout builds."""
    folder = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    source = folder / "source"
    # A copy, so that building leaves nothing behind in the checkout.
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(source)], check=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


@pytest.mark.slow
def test_the_wheel_has_the_six_rooms_and_nothing_else_at_its_top(wheel: list[str]) -> None:
    top = {name.split("/")[0] for name in wheel}

    assert {name for name in top if not name.endswith(".dist-info")} == ROOMS


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_rooms(wheel: list[str]) -> None:
    wanted = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert wanted - set(wheel) == set()


def test_no_dependency_brings_a_package_of_our_names() -> None:
    clashes = {
        (distribution.name, top)
        for distribution in distributions()
        if distribution.name != "nines-slo"
        for top in {
            str(file).split("/")[0].removesuffix(".py") for file in distribution.files or ()
        }
        if top in ROOMS
    }

    assert clashes == set()
