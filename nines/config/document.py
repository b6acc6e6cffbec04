"""Read YAML text as plain data that remembers where every key and value was written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nines.config import nodes
from nines.config.nodes import LINE_BREAK, Composer, Node, Scalar, Sequence, StopError
from nines.config.problem import Place, Problem

Path = tuple[str | int, ...]
"""The way to a node: keys of mappings, positions in lists."""

MAX_BYTES = 4 * 1024 * 1024
MAX_NODES = 200_000


@dataclass(frozen=True, slots=True)
class Document:
    """The data of one file (or of several, merged), with the place of every key and value."""

    data: Any
    keys: Mapping[Path, Place] = field(default_factory=dict)
    values: Mapping[Path, Place] = field(default_factory=dict)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where `path` is written (its key, if asked for); of a missing one, what lacks it."""
        if key and path in self.keys:
            return self.keys[path]
        while path not in self.values:
            path = path[:-1]
            # What lacks a key is better shown by its own name than by its first line.
            if path in self.keys:
                return self.keys[path]
        return self.values[path]


def read_yaml(content: bytes, path: str, *, binary: bool = False) -> tuple[Document, list[Problem]]:
    """Read one file's bytes. Everything that is wrong comes back beside what could be read.

    With `binary`, what is tagged `!!binary` is bytes; it is refused otherwise.
    """
    start = Place(path)
    nothing = Document(None, {}, {(): start})
    if len(content) > MAX_BYTES:
        return nothing, [Problem.at(start, "the file is larger than 4 MiB")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return nothing, [_not_utf8(content, error, path)]
    composer = Composer(path, binary=binary)
    try:
        root = composer.compose(text)
    except StopError as stop:
        return nothing, [*composer.problems, stop.problem]
    if root is None:
        return nothing, composer.problems
    flattener = _Flattener()
    try:
        data = flattener.plain(root, ())
    except StopError as stop:
        return nothing, [*composer.problems, *flattener.problems, stop.problem]
    problems = composer.problems + flattener.problems
    return Document(data, flattener.keys, flattener.values), problems


class _Flattener:
    """Turns nodes into plain data, aliases and merge keys (`<<`) followed, within a bound."""

    def __init__(self) -> None:
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.problems: list[Problem] = []
        self._nodes = 0

    def plain(self, node: Node, path: Path) -> object:
        self._count(self.keys.get(path[:1], node.place))
        self.values[path] = node.place
        if isinstance(node, Scalar):
            return node.value
        if isinstance(node, Sequence):
            return [self.plain(item, (*path, at)) for at, item in enumerate(node.items)]
        return {
            name: self._entry(key, value, (*path, name))
            for name, (key, value) in self._entries(node).items()
        }

    def _entry(self, key: Scalar, value: Node, path: Path) -> object:
        self.keys[path] = key.place
        return self.plain(value, path)

    def _entries(self, node: nodes.Mapping) -> dict[str, tuple[Scalar, Node]]:
        own: dict[str, tuple[Scalar, Node]] = {}
        merged: dict[str, tuple[Scalar, Node]] = {}
        for key, value in node.items:
            self._count(key.place)
            if key.plain and key.text == "<<":
                for name, entry in self._merged(key, value).items():
                    merged.setdefault(name, entry)
            elif key.text in own:
                first = own[key.text][0].place
                self._say(key.place, f"`{key.text}` is written twice; the first time at {first}")
            else:
                own[key.text] = (key, value)
        return {**own, **{name: entry for name, entry in merged.items() if name not in own}}

    def _merged(self, key: Scalar, value: Node) -> dict[str, tuple[Scalar, Node]]:
        parts = value.items if isinstance(value, Sequence) else [value]
        merged: dict[str, tuple[Scalar, Node]] = {}
        for part in parts:
            if not isinstance(part, nodes.Mapping):
                self._say(key.place, "`<<` takes a mapping (such as `*anchor`) or a list of them")
                continue
            for name, entry in self._entries(part).items():
                merged.setdefault(name, entry)
        return merged

    def _count(self, place: Place) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            sentence = (
                f"aliases make this file more than {MAX_NODES} values large; use fewer of them"
            )
            raise StopError(Problem.at(place, sentence))

    def _say(self, place: Place, sentence: str) -> None:
        problem = Problem.at(place, sentence)
        if problem not in self.problems:
            self.problems.append(problem)


def _not_utf8(content: bytes, error: UnicodeDecodeError, path: str) -> Problem:
    before = LINE_BREAK.split(content[: error.start].decode("utf-8-sig", errors="replace"))
    return Problem(
        path,
        len(before),
        len(before[-1]) + 1,
        f"the file is not UTF-8: byte 0x{content[error.start]:02x} cannot be read",
    )
