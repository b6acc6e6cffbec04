"""docs/security.md names tests that there are, and every test beside this one."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "security.md").read_text())


def named_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {one.name for one in tree.body if isinstance(one, kinds) and one.name.startswith("test")}


def test_every_test_that_is_named_is_there() -> None:
    assert len(NAMED) > 25
    assert [(file, name) for file, name in NAMED if name not in named_in(file)] == []


def test_every_file_here_is_named() -> None:
    here = {f"tests/web/security/{one.name}" for one in Path(__file__).parent.glob("test_*.py")}

    assert here - {file for file, _ in NAMED} == {"tests/web/security/test_the_list.py"}
