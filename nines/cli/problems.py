"""Print what is wrong where people look for it, and give the exit code for it."""

import os
from pathlib import Path

import typer

from nines.config import Config, ConfigError, load

FINE, NO, WRONG_USE = 0, 1, 2


def load_or_none(path: Path) -> Config | None:
    """The configuration; without one, its problems have been printed."""
    try:
        return load(path, os.environ)
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        return None


def fail(sentence: str, code: int) -> int:
    """Print the sentence as an error; gives the code back."""
    typer.echo(f"nines: {sentence}", err=True)
    return code
