"""`nines check`: say whether a configuration makes sense."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import typer

from nines.cli.problems import FINE, WRONG_USE
from nines.config import Config, ConfigError, Problem, load, schema


def check(path: Path, *, as_json: bool) -> int:
    """Print every problem, or a summary with advice; 2 when there is a problem."""
    try:
        config = load(path, os.environ)
    except ConfigError as error:
        if as_json:
            _print_json(ok=False, problems=error.problems, advice=(), summary=None)
        else:
            for problem in error.problems:
                typer.echo(str(problem))
            typer.echo(_count(len(error.problems), "problem"), err=True)
        return WRONG_USE
    if as_json:
        _print_json(ok=True, problems=(), advice=config.advice, summary=config)
        return FINE
    for advice in config.advice:
        typer.echo(f"{advice.path}:{advice.line}:{advice.column}: advice: {advice.sentence}")
    typer.echo(f"{summary(config)}: fine")
    return FINE


def print_schema() -> int:
    """Print the JSON Schema of the configuration."""
    typer.echo(json.dumps(schema(), indent=2))
    return FINE


def summary(config: Config) -> str:
    """What is in it: `3 services, 5 SLOs, 1 alert, 2 receivers`; alerts where there are some."""
    return ", ".join(
        _count(number, what)
        for number, what in (
            (len(config.services), "service"),
            (len(config.slos), "SLO"),
            (len(config.rules), "alert"),
            (len(config.alerting.receivers), "receiver"),
        )
        if number or what != "alert"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _print_json(
    *, ok: bool, problems: Sequence[Problem], advice: Sequence[Problem], summary: Config | None
) -> None:
    counts = None
    if summary is not None:
        counts = {
            "services": len(summary.services),
            "slos": len(summary.slos),
            "alerts": len(summary.rules),
            "receivers": len(summary.alerting.receivers),
        }
    answer = {
        "ok": ok,
        "counts": counts,
        "problems": [_fields(problem) for problem in problems],
        "advice": [_fields(problem) for problem in advice],
    }
    typer.echo(json.dumps(answer, indent=2))


def _fields(problem: Problem) -> dict[str, str | int]:
    return {
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "sentence": problem.sentence,
    }
