"""Every command that the documentation shows is one: its options are there, and none is missing."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from nines.cli.app import app

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^ *```(?:sh|bash|console)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
ENDS_A_COMMAND = {"|", ">", ">>", "&&", ";", "&"}


def shown() -> Iterator[str]:
    """Each command line below docs/ and in README.md."""
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in BLOCK.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip().removeprefix("$ ").startswith("nines "):
                    yield line.strip().removeprefix("$ ")


COMMANDS = list(shown())


def words(line: str) -> list[str]:
    """Its words, without `nines` and without what the shell does afterwards."""
    split = shlex.split(line, comments=True)[1:]
    end = next((at for at, word in enumerate(split) if word in ENDS_A_COMMAND), len(split))
    return split[:end]


def test_there_are_some() -> None:
    assert len(COMMANDS) >= 4


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_that_is_shown_can_be_given(line: str) -> None:
    command: Any = typer.main.get_command(app)
    left = words(line)
    while hasattr(command, "commands"):
        command, left = command.commands[left[0]], left[1:]

    command.make_context("nines", list(left))
