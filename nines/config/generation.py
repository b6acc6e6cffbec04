"""Make a service of each discovered target, by the group's template."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nines.config.document import Path
from nines.config.sd import Target
from nines.config.validation import Finding

_FIELD = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:\|([^{}]*))?\}\}")
_HOST_PORT = re.compile(r"(?:\w+://)?(\[[^\]]+\]|[^:/]+)(?::(\d+))?(?:/.*)?")
_NO_NAME = re.compile(r"[^a-z0-9_-]+")
_LONGEST_NAME = 100


class MissingLabelError(ValueError):
    """The template asks for a label that the target has not."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a service comes from."""

    group: str
    target: Target

    @property
    def template(self) -> Path:
        return ("discovery", self.group, "service")


@dataclass(frozen=True, slots=True)
class Left:
    """A target that no service could be made of, and why."""

    group: str
    target: str
    sentence: str

    def __str__(self) -> str:
        return f"discovery {self.group}: the target {self.target} is not watched: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Generated:
    """The data with a service for each target, and where each came from."""

    data: Mapping[str, Any]
    origins: Mapping[str, Origin] = field(default_factory=dict)
    left: tuple[Left, ...] = ()

    def without(self, faulty: Mapping[str, str]) -> "Generated":
        """Without services that make no sense; each with its sentence."""
        services = {k: v for k, v in self.data["services"].items() if k not in faulty}
        left = (
            Left(self.origins[name].group, self.origins[name].target.address, sentence)
            for name, sentence in faulty.items()
        )
        return Generated(
            {**self.data, "services": services},
            {name: origin for name, origin in self.origins.items() if name not in faulty},
            (*self.left, *left),
        )

    def template_of(self, path: Path) -> Path:
        """Where in the file the value at this path was written."""
        origin = self.origins.get(str(path[1])) if path[:1] == ("services",) and path[1:] else None
        return path if origin is None else (*origin.template, *path[2:])

    def own_faults(self, findings: Iterable[Finding]) -> dict[str, str]:
        """Services that some of a group's targets alone make faulty, each with a sentence.

        What is wrong with all of a group is its template's mistake.
        """
        here: dict[tuple[str, Path], dict[str, str]] = {}
        for finding in findings:
            name = str(finding.path[1]) if len(finding.path) > 1 else ""
            origin = self.origins.get(name) if finding.path[:1] == ("services",) else None
            if origin is not None:
                at = here.setdefault((origin.group, finding.path[2:]), {})
                at.setdefault(name, finding.sentence)
        sizes: dict[str, int] = {}
        for origin in self.origins.values():
            sizes[origin.group] = sizes.get(origin.group, 0) + 1
        return {
            name: sentence
            for (group, _), of_some in here.items()
            if len(of_some) < sizes[group]
            for name, sentence in of_some.items()
        }


def generate(data: Mapping[str, Any], found: Mapping[str, Sequence[Target]]) -> Generated:
    """A service beside those of `data` for each target that was found, by group."""
    written = data.get("services")
    if not found or not isinstance(written, Mapping | None):  # the latter is said elsewhere
        return Generated(data)
    services = dict(written or {})
    origins: dict[str, Origin] = {}
    left: list[Left] = []
    for group, targets in found.items():
        template = data["discovery"][group]["service"]
        for target in targets:
            try:
                filled = fill(template, target)
                name = _name(filled.pop("name"))
            except ValueError as error:
                left.append(Left(group, target.address, str(error)))
                continue
            if name in services:
                taken = f"there is a service {name} already"
                left.append(Left(group, target.address, taken))
                continue
            services[name] = filled
            origins[name] = Origin(group, target)
    if not origins:
        return Generated(data, {}, tuple(left))
    return Generated({**data, "services": services}, origins, tuple(left))


def fill(value: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """The mapping with `{{label}}` filled in, in texts wherever they stand.

    `{{target}}` is the address, `{{host}}` and `{{port}}` are its parts; `{{label|text}}` has
    something to go by where the label is missing. Raises MissingLabelError.
    """
    known = _known(target)
    return {_filled(key, known): _filled(item, known) for key, item in value.items()}


def _known(target: Target) -> dict[str, str]:
    parts = _HOST_PORT.fullmatch(target.address)
    own = {"target": target.address, "__address__": target.address}
    if parts is not None:
        own["host"] = parts[1]
        if parts[2] is not None:
            own["port"] = parts[2]
    return {**target.labels, **own}


def _filled(value: Any, known: Mapping[str, str]) -> Any:  # noqa: ANN401 - of YAML
    def replace(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if name in known:
            return known[name]
        if default is not None:
            return str(default).strip()
        raise MissingLabelError(f"it has no label {name}, which the service asks for")

    if isinstance(value, str):
        return _FIELD.sub(replace, value) if "{{" in value else value
    if isinstance(value, Mapping):
        return {_filled(key, known): _filled(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, known) for item in value]
    return value


def _name(text: str) -> str:
    """A service's name of what the template makes: `Shop Berlin` is called shop-berlin."""
    name = _NO_NAME.sub("-", text.lower()).strip("-_")
    if not name:
        raise ValueError(f"{text!r} holds nothing that a service could be called")
    return name[:_LONGEST_NAME]
