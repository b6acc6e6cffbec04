"""Hold the data against the model: every mistake with its path, and what is sound all the same."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from collectors.kinds import KINDS
from nines.config.document import Path
from nines.config.later import is_later, not_yet
from nines.config.model import File
from nines.config.sentences import not_at_the_root, sentence
from nines.config.shape import Shape, unknown_key

_PIECES = (("collectors",), ("slos",), ("alerts",))
_ROUNDS = 50  # each removes a piece; a file with more kinds of mistakes is reported in part

_OF_ONE_WORD = frozenset({"literal_error", "enum", "string_type", "bool_type", "int_type"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake at a path; `on_key`: the key itself is wrong, not its value."""

    path: Path
    sentence: str
    on_key: bool = False


@dataclass(frozen=True, slots=True)
class Validated:
    """What was found, and the file without its faulty pieces (collectors, SLOs, receivers ...)."""

    file: File
    findings: list[Finding]


def validate(data: Mapping[str, Any], shape: Shape) -> Validated:
    """Hold `data` against the model."""
    sound = copy.deepcopy(without_nothing(data))
    findings = _later(sound)
    incomplete = {finding.path[:-1] for finding in findings}  # without what was refused
    for finding in findings:
        _drop(sound, finding.path)
    for attempt in range(_ROUNDS):
        try:
            return Validated(File.model_validate(sound), findings)
        except ValidationError as error:
            details = error.errors(include_url=False)
        if attempt == 0:
            findings += [
                finding
                for finding in translated(details, sound, shape)
                if finding.path not in incomplete
            ]
        # All of them before the first goes: a place is found in the data as it was validated.
        for piece in {_piece(_existing(detail["loc"], sound)[0]) for detail in details}:
            _drop(sound, piece)
    return Validated(File(), findings)


def without_nothing(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data without sections that are there but empty (`services:` with nothing below)."""
    kept = {key: value for key, value in data.items() if value is not None}
    services = kept.get("services")
    if isinstance(services, Mapping):
        kept["services"] = {
            name: {k: v for k, v in service.items() if v is not None}
            if isinstance(service, Mapping)
            else service
            for name, service in services.items()
        }
    for section in ("server", "defaults", "alerting", "web"):
        if isinstance(kept.get(section), Mapping):
            kept[section] = {k: v for k, v in kept[section].items() if v is not None}
    return kept


def _later(data: Mapping[str, Any]) -> list[Finding]:
    """Every key that belongs to a later version."""
    found: list[Finding] = []

    def look(at: Path, value: object) -> None:
        if isinstance(value, Mapping):
            of_this_version = at[2:3] == ("collectors",) and any(kind in value for kind in KINDS)
            for key, below in value.items():
                path = (*at, key)
                if is_later(at, key) and not of_this_version:
                    found.append(Finding(path, not_yet(key), on_key=True))
                else:
                    look(path, below)

    look((), data)
    return found


def translated(
    errors: Iterable[ErrorDetails], data: Mapping[str, Any], shape: Shape
) -> list[Finding]:
    """What pydantic found, in our own words, each at its place in `data`."""
    by_place: dict[tuple[Path, bool], list[str]] = {}
    located = [(error, *_existing(error["loc"], data)) for error in errors]
    for error, path, rest in located:
        # Pydantic calls a list too short when its only entry was faulty, which is said below it.
        if error["type"] == "too_short" and any(
            other[: len(path)] == path and len(other) > len(path) for _, other, _ in located
        ):
            continue
        if _is_beside_it(error, path, rest, located):
            continue
        name = str(next((step for step in reversed(path) if isinstance(step, str)), "file"))
        on_key = "[key]" in rest
        if error["type"] == "missing":
            path, name = (*path, error["loc"][-1]), str(error["loc"][-1])
            words = sentence(error, name)
        elif error["type"] == "extra_forbidden":
            on_key = True
            words = not_at_the_root(path) or unknown_key(name, shape.known_keys(path[:-1], data))
        else:
            words = sentence(error, name)
        sentences = by_place.setdefault((path, on_key), [])
        if words not in sentences:
            sentences.append(words)
    return [
        Finding(path, "; or ".join(sentences), on_key)
        for (path, on_key), sentences in by_place.items()
    ]


def _is_beside_it(
    error: ErrorDetails,
    path: Path,
    rest: list[str | int],
    located: Iterable[tuple[ErrorDetails, Path, list[str | int]]],
) -> bool:
    """Whether it is of a union's other kind, such as `off`, and a mapping or list was written.

    Then what is wrong inside of what was written says all, and "must be 'off'" would be false.
    """
    if not rest or error["type"] not in _OF_ONE_WORD:
        return False
    return isinstance(error.get("input"), Mapping | list) and any(
        at[: len(path)] == path and (at != path or other["type"] not in _OF_ONE_WORD)
        for other, at, _ in located
    )


def _existing(loc: tuple[int | str, ...], data: object) -> tuple[Path, list[str | int]]:
    """The part of pydantic's location that is in the data, and the rest (names of unions ...)."""
    path: list[str | int] = []
    rest: list[str | int] = []
    for step in loc:
        inside: Any = data
        if (isinstance(data, Mapping) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        ):
            data = inside[step]
            path.append(step)
        else:
            rest.append(step)
    return tuple(path), rest


def _piece(path: Path) -> Path:
    """The smallest piece that can be missed, and that holds `path`."""
    if path[:1] == ("services",):
        return path[: 4 if path[2:3] in _PIECES else 3]
    if path[:1] == ("maintenance",):
        return path[:1]
    return path[: 3 if path[:2] == ("alerting", "receivers") else 2]


def _drop(data: dict[str, Any], path: Path) -> None:
    if not path:
        data.clear()
        return
    holder: Any = data
    for step in path[:-1]:
        if step not in holder:
            return
        holder = holder[step]
    holder.pop(path[-1], None)
