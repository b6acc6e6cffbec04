"""Add a service to a configuration's text, and leave every other line of it as it is.

What people wrote is not written anew: no comment, no order and no quote of theirs is lost. Where
lines cannot be added so, that is said, and nothing else is tried.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from nines.config.document import read_yaml

_KEY = "services"
_STEP = 2  # columns, where the file has no service that shows how far it indents


class CannotAddError(Exception):
    """The lines cannot be added to this text; why, in a sentence."""


@dataclass(frozen=True, slots=True)
class _Where:
    """Before which line (from 0) lines go in, and how far they are indented."""

    line: int
    indent: int
    head: str = ""  # what has to stand before them
    cut: tuple[int, int, int] | None = None  # line, and the columns of an empty `{}` to take away


def with_service(text: str, service: str, lines: str, path: str) -> str:
    """The text with a service of this name added; `lines` are its YAML, not indented.

    `path` is the file's name, for sentences. Raises CannotAddError.
    """
    before, problems = read_yaml(text.encode(), path)
    if problems:
        raise CannotAddError(f"it has a mistake already: {problems[0]}")
    data = before.data if before.data is not None else {}
    if not isinstance(data, dict):
        raise CannotAddError(f"{path} is not a mapping")
    if service in (data.get(_KEY) or {}):
        raise CannotAddError(
            f"there is a service {service} at {before.place((_KEY, service), key=True)}; choose "
            "another name"
        )
    added, _ = read_yaml(lines.encode(), path)
    made = _inserted(text, lines, _where(text, path))
    after, problems = read_yaml(made.encode(), path)
    wanted = {**data, _KEY: {**(data.get(_KEY) or {}), **added.data}}
    if problems or after.data != wanted:
        # An anchor, a document's end or an odd line break: whatever it is, nothing is guessed.
        raise CannotAddError(f"{path} is written in a way that lines cannot be added to")
    return made


def _where(text: str, path: str) -> _Where:
    root = YAML(typ="safe", pure=True).compose(text)
    count = len(text.split("\n"))
    at_the_end = _Where(count, _STEP, f"{_KEY}:")
    if root is None:
        return at_the_end
    if root.flow_style:
        raise CannotAddError(f"{path} is written in braces")
    for key, value in root.value:
        if key.value == _KEY:
            return _within(text, key, value, path)
    return at_the_end


def _within(text: str, key: Node, value: Node, path: str) -> _Where:
    begins = value.start_mark
    is_below = begins.line > key.start_mark.line  # and not an alias of what stands above
    if isinstance(value, MappingNode) and value.value and is_below and not value.flow_style:
        indent = value.value[0][0].start_mark.column
        return _Where(_after(text, max(_last_lines(value)), indent), indent)
    one_line = begins.line == value.end_mark.line == key.start_mark.line
    is_empty = isinstance(value, MappingNode) and not value.value and one_line
    if is_empty or (isinstance(value, ScalarNode) and value.value == ""):
        line = key.start_mark.line
        cut = (line, begins.column, value.end_mark.column) if is_empty else None
        return _Where(line + 1, key.start_mark.column + _STEP, cut=cut)
    place = f"{path}:{begins.line + 1}:{begins.column + 1}"
    raise CannotAddError(f"`{_KEY}` is not written as lines below each other at {place}")


def _last_lines(node: Node) -> Iterator[int]:
    """The last line of each thing in it, from 0."""
    if isinstance(node, ScalarNode):
        mark = node.end_mark
        # What is written as a block (`|`) ends where the next line begins.
        yield mark.line - 1 if mark.column == 0 and mark.line > node.start_mark.line else mark.line
    elif isinstance(node, MappingNode | SequenceNode) and node.flow_style:
        yield node.end_mark.line
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _last_lines(item)
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            yield from _last_lines(key)
            # What an alias stands for was written elsewhere.
            if value.start_mark.line >= key.start_mark.line:
                yield from _last_lines(value)


def _after(text: str, last: int, indent: int) -> int:
    """The line after `last` and after the comments that belong to it."""
    lines, at, end = text.split("\n"), last + 1, last + 1
    while at < len(lines):
        line = lines[at]
        bare = line.strip()
        if bare and not (bare.startswith("#") and len(line) - len(line.lstrip()) >= indent):
            break
        at += 1
        if bare:
            end = at
    return end


def _inserted(text: str, lines: str, where: _Where) -> str:
    ends = "\r\n" if "\r\n" in text else "\n"
    have = text.split("\n")
    if where.cut is not None:
        line, start, end = where.cut
        have[line] = have[line][:start].rstrip() + have[line][end:]
    margin = " " * where.indent
    new = [f"{margin}{line}" if line else "" for line in lines.strip("\n").split("\n")]
    at = where.line
    if where.head:
        while have and not have[-1].strip():
            have.pop()
        at = len(have)
        new = [*([""] if have else []), where.head, *new]
    if ends == "\r\n":
        new = [f"{line}\r" for line in new]
        if at and not have[at - 1].endswith("\r"):
            have[at - 1] += "\r"
    rest = have[at:] or [""]
    return "\n".join([*have[:at], *new, *rest])
