"""Build the nodes of a YAML file, each with the place where it is written.

YAML 1.2, core schema: `on`, `no` and `1:30` are text. ruamel.yaml finds the tokens; nodes are
built here, because its constructors stop at the first duplicate key and follow aliases without end.
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from nines.config.problem import Place, Problem

MAX_DEPTH = 48
LINE_BREAK = re.compile("\r\n|[\n\r]")
_CORE_TAG = "tag:yaml.org,2002:"

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Scalar:
    """`text` is what is written, `value` what it means; `plain`: without quotes."""

    value: str | bytes | int | float | bool | None
    text: str
    place: Place
    plain: bool
    depth: int = 1


@dataclass(slots=True)
class Sequence:
    """A list; `depth` follows aliases."""

    place: Place
    items: "list[Node]" = field(default_factory=list)
    depth: int = 1


@dataclass(slots=True)
class Mapping:
    """Its entries in their order, keys that are written twice among them."""

    place: Place
    items: "list[tuple[Scalar, Node]]" = field(default_factory=list)
    depth: int = 1


Node = Scalar | Sequence | Mapping


class StopError(Exception):
    """Reading cannot go on after this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


class Composer:
    """Builds nodes from the parser's events."""

    def __init__(self, path: str, *, binary: bool) -> None:
        self.problems: list[Problem] = []
        self._path = path
        self._binary = binary
        self._anchors: dict[str, Node | None] = {}  # None: begun, not ended
        self._events: Iterator[Event] = iter(())
        self._last = Place(path)

    def compose(self, text: str) -> Node | None:
        """The root; None where nothing is written. Raises StopError."""
        self._events = self._parse(text)
        root: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents == 2:
                    self._say(event, "a second document (`---`) begins here; write only one a file")
                    return root
            elif isinstance(event, NodeEvent):
                root = self._node(event, 1)
        return root

    def _parse(self, text: str) -> Iterator[Event]:
        try:
            yaml = YAML(typ="safe", pure=True)
            for event in yaml.parse(text):
                self._last = self._place(event)
                yield event
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            if "end of stream" in str(error.problem) and error.context_mark is not None:
                mark = error.context_mark  # where the quote opens, not where the file ends
            line, column = (mark.line, mark.column) if mark is not None else (0, 0)
            place = self._within(text, line, column)
            raise StopError(Problem.at(place, _syntax(error))) from error
        except ReaderError as error:
            before = LINE_BREAK.split(text[: error.position])
            place = self._within(text, len(before) - 1, len(before[-1]))
            raise StopError(
                Problem.at(
                    place, f"the character U+{ord(text[error.position]):04X} may not stand in YAML"
                )
            ) from error
        except (ValueError, OverflowError) as error:  # an escape such as "\UFFFFFFFF"
            raise StopError(
                Problem.at(self._last, "an escape after this place names no character")
            ) from error

    def _node(self, event: Event, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise StopError(self._problem(event, f"nested deeper than {MAX_DEPTH} levels"))
        if isinstance(event, AliasEvent):
            return self._alias(event)
        anchor = event.anchor if isinstance(event, NodeEvent) else None
        if anchor is not None:
            self._anchors[anchor] = None
        if isinstance(event, ScalarEvent):
            node: Node = self._scalar(event)
        elif isinstance(event, SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _alias(self, event: AliasEvent) -> Node:
        node = self._anchors.get(event.anchor)
        if node is not None:
            return node
        self._say(
            event,
            f"`*{event.anchor}` refers to what it is part of"
            if event.anchor in self._anchors
            else f"`*{event.anchor}` refers to an anchor that is not defined above",
        )
        return Scalar(None, "", self._place(event), plain=True)

    def _scalar(self, event: ScalarEvent) -> Scalar:
        plain = event.style is None
        tag = event.ctag
        if self._binary and str(tag) == f"{_CORE_TAG}binary":
            return Scalar(self._bytes(event), event.value, self._place(event), plain)
        if tag is not None and str(tag) != f"{_CORE_TAG}str":
            self._say(event, f"the tag `{_tag(str(tag))}` is not supported; write a plain value")
        value = _resolve(event.value) if plain and tag is None else event.value
        return Scalar(value, event.value, self._place(event), plain)

    def _bytes(self, event: ScalarEvent) -> bytes:
        try:
            return b64decode("".join(event.value.split()), validate=True)
        except ValueError:
            self._say(event, "what stands behind `!!binary` is not Base64")
            return b""

    def _sequence(self, event: SequenceStartEvent, depth: int) -> Sequence:
        self._no_tag(event)
        node = Sequence(self._place(event))
        while not isinstance(item := next(self._events), SequenceEndEvent):
            node.items.append(self._node(item, depth + 1))
        node.depth = self._depth(event, [item.depth for item in node.items])
        return node

    def _mapping(self, event: Event, depth: int) -> Mapping:
        self._no_tag(event)
        node = Mapping(self._place(event))
        while not isinstance(item := next(self._events), MappingEndEvent):
            key = self._node(item, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if isinstance(key, Scalar):
                # A key through an alias stands where the alias is written.
                here = Scalar(key.value, key.text, self._place(item), key.plain)
                node.items.append((here, value))
            else:
                self._say(
                    item,
                    "a key must be one word, not a list or a mapping (a text that begins with { "
                    "stands in quotes)",
                )
        node.depth = self._depth(event, [value.depth for _, value in node.items])
        return node

    def _depth(self, event: Event, depths: list[int]) -> int:
        """The depth with aliases followed, so that a chain of them cannot outgrow the stack."""
        depth = 1 + max(depths, default=0)
        if depth > MAX_DEPTH:
            raise StopError(self._problem(event, f"aliases nest deeper than {MAX_DEPTH} levels"))
        return depth

    def _no_tag(self, event: Event) -> None:
        tag = getattr(event, "ctag", None)
        if tag is not None and str(tag) not in (f"{_CORE_TAG}map", f"{_CORE_TAG}seq"):
            self._say(event, f"the tag `{_tag(str(tag))}` is not supported; write a plain value")

    def _place(self, event: Event) -> Place:
        return Place(self._path, event.start_mark.line + 1, event.start_mark.column + 1)

    def _problem(self, event: Event, sentence: str) -> Problem:
        return Problem.at(self._place(event), sentence)

    def _say(self, event: Event, sentence: str) -> None:
        self.problems.append(self._problem(event, sentence))

    def _within(self, text: str, line: int, column: int) -> Place:
        """The place, moved to the end of the last line that holds something if it lies beyond."""
        lines = LINE_BREAK.split(text)
        if line >= len(lines) or (line == len(lines) - 1 and not lines[-1] and len(lines) > 1):
            line = len(lines) - 1
            while line > 0 and not lines[line].strip():
                line -= 1
            column = len(lines[line])
        return Place(self._path, line + 1, column + 1)


def _resolve(text: str) -> str | int | float | bool | None:
    """A plain scalar by YAML 1.2's core schema; what fits no pattern is text."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def _tag(tag: str) -> str:
    return tag.replace(_CORE_TAG, "!!")


# What the scanner says (left) means to the person who wrote the file (right).
_SYNTAX = (
    (r"found character '\\t' that cannot start", "a tab stands where YAML wants spaces"),
    (
        r"found character '(.*)' that cannot start",
        "a value may not begin with {0}; put it in quotes",
    ),
    (
        r"mapping values are not allowed",
        "a `:` is not expected here; check the indentation, or put the text in quotes",
    ),
    (r"found unexpected end of stream", "a quotation mark is not closed"),
    (
        r"found unknown escape character '(.*)'",
        "`\\{0}` is not an escape; use single quotes for text",
    ),
    (r"expected escape sequence of", "this escape in double quotes lacks digits"),
    (r"expected ',' or '\]'", "a list in `[` `]` is not closed; expected `,` or `]`"),
    (r"expected ',' or '\}'", "a mapping in `{{` `}}` is not closed; expected `,` or `}}`"),
    (
        r"expected <block end>",
        "this line does not fit the lines above it; check its indentation",
    ),
    (r"could not find expected ':'", "a `:` is missing after this key"),
    (r"found undefined tag handle", "tags (`!`) are not supported; put the text in quotes"),
    (
        r"expected '<document start>'",
        "this does not belong to what is above; check the indentation",
    ),
    (r"expected the node content", "a value is missing here"),
    (r"found duplicate anchor", "this anchor (`&`) is defined twice"),
)


def _syntax(error: MarkedYAMLError) -> str:
    said = str(error.problem or error.context or "")
    for pattern, sentence in _SYNTAX:
        match = re.search(pattern, said)
        if match is not None:
            return sentence.format(*match.groups())
    return f"this is not valid YAML: {said}" if said else "this is not valid YAML"
