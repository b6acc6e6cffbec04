"""Fill in `${ENV}` and `{file: path}`, after YAML was parsed: no value can become structure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from nines.config.document import Document, Path
from nines.config.problem import Problem
from nines.config.shape import Shape
from slo.secret import secret_file

_DOLLAR = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?")
_GROUP = re.compile(r"\(\?P?<(\w+)>")  # of an expression, as RE2 writes it
MAX_SECRET_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Expanded:
    """The data with everything filled in. `hidden` maps what came from outside to what to show."""

    data: object
    problems: list[Problem]
    hidden: Mapping[str, str] = field(repr=False)
    outside: frozenset[Path] = frozenset()  # values that do not stand in the file itself

    def shown(self, sentence: str) -> str:
        """The sentence with every value from outside replaced by what stands in the file."""
        for value, written in sorted(self.hidden.items(), key=lambda item: -len(item[0])):
            sentence = sentence.replace(repr(value), repr(written))
            if len(value) >= 4:
                sentence = sentence.replace(value, written)
        return sentence


def expand(document: Document, shape: Shape, environ: Mapping[str, str]) -> Expanded:
    """Fill in the variables of `environ` and the files of secrets."""
    walk = _Expansion(document, shape, environ)
    data = walk.value(document.data, ())
    return Expanded(data, walk.problems, walk.hidden, frozenset(walk.outside))


class _Expansion:
    def __init__(self, document: Document, shape: Shape, environ: Mapping[str, str]) -> None:
        self._document = document
        self._shape = shape
        self._environ = environ
        self.problems: list[Problem] = []
        self.hidden: dict[str, str] = {}
        self.outside: set[Path] = set()

    def value(self, data: object, path: Path) -> object:
        if isinstance(data, str):
            return self._text(data, path)
        if isinstance(data, list):
            return [self.value(item, (*path, at)) for at, item in enumerate(data)]
        if isinstance(data, dict):
            filled = {key: self.value(item, (*path, key)) for key, item in data.items()}
            named = secret_file(filled)
            if named is not None and self._shape.is_secret(path, self._document.data):
                return self._secret(named.path, path)
            return filled
        return data

    def _text(self, text: str, path: Path) -> str:
        if "$" not in text:
            return text
        filled = _DOLLAR.sub(self._replacement(path), text)
        if path in self.outside:
            self.hidden[filled] = text
        return filled

    def _replacement(self, path: Path) -> Callable[[re.Match[str]], str]:
        def replace(match: re.Match[str]) -> str:
            if match[0] == "$$":
                return "$"
            name, default = match[1], match[2]
            if name is None:
                self._say(
                    path,
                    f"{match[0]!r} is not a variable: write ${{NAME}} or ${{NAME:-default}}, "
                    "or $${ for the text itself",
                )
                return ""
            if default is None and _is_captured(name, path, self._document.data):
                return str(match[0])
            value = self._environ.get(name, "")
            if value or (name in self._environ and default is None):
                self.outside.add(path)
                if value:
                    self.hidden.setdefault(value, match[0])
                return value
            if default is not None:
                return str(default)
            self._say(path, f"the environment variable {name} is not set")
            return ""

        return replace

    def _secret(self, name: str, path: Path) -> str:
        self.outside.add(path)
        place = self._document.place((*path, "file"))
        directory = FilePath(place.path).parent
        secret, ailment = read_secret(directory / name)
        if ailment is not None:
            self._say((*path, "file"), f"the secret in {name} {ailment}")
            return "unread"  # not empty, so that nothing else is said of it
        self.hidden[secret] = "***"
        return secret

    def _say(self, path: Path, sentence: str) -> None:
        self.problems.append(Problem.at(self._document.place(path), sentence))


def _is_captured(name: str, path: Path, data: object) -> bool:
    """Whether a step of the same journey or dialog fills it in while it runs."""
    end = next((at for at, key in enumerate(path) if isinstance(key, int)), 0)
    # The list itself, and no collector that somebody called so.
    kind = path[end - 1] if end else None
    if kind not in {"steps", "dialog"}:
        return False
    for key in path[:end]:
        data = data.get(key) if isinstance(data, Mapping) else None
    steps = [step for step in data if isinstance(step, Mapping)] if isinstance(data, list) else []
    if kind == "dialog":
        return any(name in _GROUP.findall(str(step.get("expect"))) for step in steps)
    captures = [step.get("capture") for step in steps]
    return any(isinstance(each, Mapping) and name in each for each in captures)


def read_secret(file: FilePath, most_bytes: int = MAX_SECRET_BYTES) -> tuple[str, str | None]:
    """The secret without its last line break, or "" and what ails the file."""
    try:
        with file.open("rb") as opened:
            content = opened.read(most_bytes + 1)
        if len(content) > most_bytes:
            return "", f"cannot be used: it is larger than {most_bytes // 1024} KiB"
        secret = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return "", "is not UTF-8 text"
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        reason = getattr(error, "strerror", None) or "its name is not valid"
        return "", f"cannot be read: {reason.lower()}"
    return (secret, None) if secret else ("", "cannot be used: it is empty")
