"""`nines check`: say whether a configuration makes sense."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import typer

from alerting.delivery_sli import SERVICE as SELF
from alerting.receivers.source import Source
from collectors.icmp import IcmpConfig
from collectors.icmp_wire import why_not_permitted
from nines.cli.problems import FINE, WRONG_USE
from nines.config import Config, ConfigError, Problem, load, schema
from nines.config.templates import fault_of
from nines.storage.errors import StorageError
from nines.storage.recorded import newest_messages


def check(path: Path, *, as_json: bool) -> int:
    """Print every problem, or a summary with advice; 2 when there is a problem."""
    try:
        config = _loaded(path)
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
        _count(number, name.removesuffix("s"))
        for name, number in _counts(config).items()
        if number or name != "alerts"
    )


def _counts(config: Config) -> dict[str, int]:
    """How much of what somebody wrote: Nines' promise of its own deliveries is not among it."""
    ours = SELF if config.alerting.own_slo else None
    return {
        "services": sum(name != ours for name in config.services),
        "SLOs": sum(slo.service != ours for slo in config.slos),
        "alerts": sum(rule.service != ours for rule in config.rules),
        "receivers": len(config.alerting.receivers),
    }


def _loaded(path: Path) -> Config:
    """The configuration. Raises ConfigError for what `load`, the records or this machine show."""
    config = load(path, os.environ)
    if faults := [*_faults_on_record(config, path), *_faults_on_this_machine(config, path)]:
        raise ConfigError(faults)
    return config


def _faults_on_record(config: Config, path: Path) -> list[Problem]:
    """Templates that cannot say what was said before, where a database is there to tell."""
    templates = {
        name: source
        for name, receiver in config.alerting.receivers.items()
        if isinstance(source := getattr(receiver.config, "template", None), Source)
    }
    if not templates:
        return []
    try:
        messages = newest_messages(config.server.database.value)
    except StorageError as error:
        typer.echo(f"templates were tried on samples alone: {error}", err=True)
        return []
    return [
        Problem(str(path), 1, 1, f"receiver {name}: {fault}")
        for name, source in templates.items()
        if (fault := fault_of(source, messages)) is not None
    ]


def _faults_on_this_machine(config: Config, path: Path) -> list[Problem]:
    """What a collector would find missing here, where it would only ever see *unknown*."""
    pinging = [
        f"{service_name}/{name}"
        for service_name, service in config.services.items()
        for name, collector in service.collectors.items()
        if isinstance(collector, IcmpConfig)
    ]
    if not pinging or (why := why_not_permitted()) is None:
        return []
    more = f" (and {len(pinging) - 1} more)" if len(pinging) > 1 else ""
    return [Problem(str(path), 1, 1, f"the collector {pinging[0]}{more}: {why}")]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _print_json(
    *, ok: bool, problems: Sequence[Problem], advice: Sequence[Problem], summary: Config | None
) -> None:
    counts = None
    if summary is not None:
        counts = {name.lower(): number for name, number in _counts(summary).items()}
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
