"""Each row of docs/promises.md names a command, and each command runs something."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from nines.cli.app import app

ROOT = Path(__file__).parents[1]


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


_TABLE = [line for line in read("docs/promises.md").splitlines() if line.startswith("| ")]
ROWS = _TABLE[2:]  # below the header


def commands_of(row: str) -> list[str]:
    """What its second column says to run; nothing where it is no command."""
    shown = re.findall(r"`([^`]+)`", row.rstrip(" |").rpartition(" | ")[2])
    return [one for one in shown if one.startswith(("pytest ", "python -m ", "make ", "nines "))]


COMMANDS = sorted({command for row in ROWS for command in commands_of(row)})


@cache
def names_in(file: Path) -> tuple[str, ...]:
    """Names of its tests, within their classes as pytest tells them."""

    def found(body: list[ast.stmt], within: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if node.name.startswith("test_"):
                    yield within + node.name
            elif isinstance(node, ast.ClassDef):
                yield from found(node.body, f"{within}{node.name}::")

    return tuple(found(ast.parse(file.read_text(encoding="utf-8")).body, ""))


def named_by(path: str) -> list[str]:
    place = ROOT / path
    files = sorted(place.rglob("test_*.py")) if place.is_dir() else [place]
    return [name for file in files if file.is_file() for name in names_in(file)]


def selects_nothing(command: str) -> list[str]:
    """Of `pytest PATH... [-k WORD]`: paths that hold no test, and WORD if no test has it."""
    paths, _, word = command.removeprefix("pytest ").partition(" -k ")
    tests = {path: named_by(path) for path in paths.split()}
    empty = [path for path, names in tests.items() if not names]
    if word and not any(word in name for names in tests.values() for name in names):
        empty.append(f"-k {word}")
    return empty


def is_there(command: str) -> bool:
    match command.split():
        case ["python", "-m", name]:
            return name.removeprefix("benchmarks.") in benchmarks()
        case ["make", target]:
            return re.search(rf"^{target}:", read("Makefile"), re.MULTILINE) is not None
        case ["nines", name, *_]:
            return name in {
                one.name or (one.callback.__name__ if one.callback else "")
                for one in app.registered_commands
            } | {group.name for group in app.registered_groups}
    return selects_nothing(command) == []


def benchmarks() -> list[str]:
    """What `make bench` runs; its module runs them when it is imported."""
    return re.findall(r'^    "(\w+)",', read("benchmarks/__main__.py"), re.MULTILINE)


def test_every_promise_names_a_command() -> None:
    assert len(ROWS) > 100
    assert [row for row in ROWS if not commands_of(row)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_runs_something(command: str) -> None:
    if command.startswith("pytest "):
        assert selects_nothing(command) == []
    else:
        assert is_there(command)


@pytest.mark.parametrize(
    "command",
    [
        "pytest tests/gone.py",
        "pytest tests/test_promises_page.py tests/gone",
        "pytest tests/daemons.py",
        "pytest tests/test_promises_page.py -k no_such_word",
    ],
)
def test_what_runs_nothing_is_told(command: str) -> None:
    assert len(selects_nothing(command)) == 1


@pytest.mark.parametrize("command", ["python -m benchmarks.gone", "make gone", "nines gone"])
def test_what_is_not_there_is_told(command: str) -> None:
    assert not is_there(command)


def test_each_benchmark_is_described_and_run() -> None:
    described = re.findall(r"^\| `(\w+)` \|", read("benchmarks/README.md"), re.MULTILINE)

    assert sorted(described) == sorted(benchmarks())
