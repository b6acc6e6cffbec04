"""Load the configuration: from a path to values that make sense, or every mistake at once."""

from collections.abc import Mapping
from dataclasses import astuple, replace
from functools import cache
from pathlib import Path as FilePath
from types import MappingProxyType

from nines.config.advice import advise
from nines.config.assembly import Config, assemble, with_advice
from nines.config.expansion import expand
from nines.config.found import Found, discovered
from nines.config.generation import generate
from nines.config.model import schema
from nines.config.modules import probe_endpoint
from nines.config.problem import ConfigError, Problem
from nines.config.routing import own_stand_ins, unmatchable
from nines.config.shape import Shape
from nines.config.source import read
from nines.config.validation import Finding, validate, without_nothing


def load(
    path: FilePath | str,
    environ: Mapping[str, str],
    found: Mapping[str, Found] | None = None,
    instead: Mapping[FilePath, bytes] = MappingProxyType({}),
) -> Config:
    """The configuration in a file, or in the *.yaml files of a directory.

    `environ` fills in `${NAME}`. `found` are the targets of groups by their sources' key; without
    it files of targets are read here, and what is wrong with one is a mistake like others.
    `instead` is read in place of files: what the configuration would be, were they written.
    Raises ConfigError with everything that is wrong.
    """
    path = FilePath(path)
    reading = read(path, instead)
    document = reading.document
    shape = _shape()
    expanded = expand(document, shape, environ)
    data = expanded.data if isinstance(expanded.data, dict) else {}
    directory = path if path.is_dir() else path.parent
    targets, of_files = discovered(data, directory, found)
    generated = generate(data, targets)
    while True:  # ends, as each time there are fewer services
        validated = validate(generated.data, shape)
        config, unfitting = assemble(
            validated.file, without_nothing(generated.data), directory, generated
        )
        faulty = generated.own_faults([*validated.findings, *unfitting])
        if not faulty:
            break
        generated = generated.without(faulty)

    def placed(findings: list[Finding], told: list[Problem]) -> list[Problem]:
        """The findings as problems; what was told of the same place already is told once."""
        taken = {(problem.path, problem.line, problem.column) for problem in told}
        placed: list[Problem] = []
        for finding in findings:
            written = generated.template_of(finding.path)
            place = document.place(written, key=finding.on_key)
            if astuple(place) in taken:
                continue
            if written != finding.path:  # of a template: many services have the same mistake
                taken.add(astuple(place))
            placed.append(Problem.at(place, expanded.shown(finding.sentence)))
        return placed

    problems = reading.problems + expanded.problems
    if found is None:
        problems += of_files
    problems += placed(validated.findings, problems)
    endpoint, of_modules = probe_endpoint(validated.file.probe_endpoint, directory)
    problems += of_modules.problems + placed(of_modules.findings, problems)
    unfitting += unmatchable(validated.file.alerting, without_nothing(generated.data))
    unfitting += own_stand_ins(validated.file.alerting)
    if reading.whole:  # what is missing here may stand in the file that could not be read
        problems += placed(unfitting, problems)
    if problems:
        raise ConfigError(problems)
    config = replace(config, probe_endpoint=endpoint)
    told = placed(list(advise(config, data, shape, expanded)), [])
    return with_advice(config, told + of_modules.advice)


@cache
def _shape() -> Shape:
    return Shape(schema())


__all__ = ["Config", "ConfigError", "Problem", "load", "schema"]
