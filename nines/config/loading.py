"""Load the configuration: from a path to values that make sense, or every mistake at once."""

from collections.abc import Mapping
from dataclasses import astuple
from functools import cache
from pathlib import Path as FilePath

from nines.config.advice import advise
from nines.config.assembly import Config, assemble, with_advice
from nines.config.expansion import expand
from nines.config.model import schema
from nines.config.problem import ConfigError, Problem
from nines.config.routing import own_stand_ins, unmatchable
from nines.config.shape import Shape
from nines.config.source import read
from nines.config.validation import Finding, validate, without_nothing


def load(path: FilePath | str, environ: Mapping[str, str]) -> Config:
    """The configuration in a file, or in the *.yaml files of a directory.

    Raises ConfigError with everything that is wrong. `environ` fills in `${NAME}`.
    """
    path = FilePath(path)
    reading = read(path)
    document = reading.document
    shape = _shape()
    expanded = expand(document, shape, environ)
    data = expanded.data if isinstance(expanded.data, dict) else {}
    validated = validate(data, shape)
    directory = path if path.is_dir() else path.parent
    config, unfitting = assemble(validated.file, without_nothing(data), directory)

    def placed(findings: list[Finding], told: list[Problem]) -> list[Problem]:
        """The findings as problems; what was told of the same place already is told once."""
        taken = {(problem.path, problem.line, problem.column) for problem in told}
        return [
            Problem.at(place, expanded.shown(finding.sentence))
            for finding in findings
            if astuple(place := document.place(finding.path, key=finding.on_key)) not in taken
        ]

    problems = reading.problems + expanded.problems
    problems += placed(validated.findings, problems)
    unfitting += unmatchable(validated.file.alerting, without_nothing(data))
    unfitting += own_stand_ins(validated.file.alerting)
    if reading.whole:  # what is missing here may stand in the file that could not be read
        problems += placed(unfitting, problems)
    if problems:
        raise ConfigError(problems)
    return with_advice(config, placed(list(advise(config, data, shape, expanded)), []))


@cache
def _shape() -> Shape:
    return Shape(schema())


__all__ = ["Config", "ConfigError", "Problem", "load", "schema"]
