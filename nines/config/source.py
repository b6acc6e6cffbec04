"""Find the files of a configuration and read them as one document."""

import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from types import MappingProxyType

from nines.config.document import Document, Path, read_yaml
from nines.config.problem import ConfigError, Place, Problem

_ANY = "*"
# Where files of a directory complete each other; anything below is defined in one file only.
_SHARED: tuple[tuple[str, ...], ...] = (
    (),
    ("server",),
    ("defaults",),
    ("services",),
    ("services", _ANY),
    ("discovery",),
    ("services", _ANY, "collectors"),
    ("services", _ANY, "slos"),
    ("alerting",),
    ("alerting", "receivers"),
    ("web",),
)
_NOTHING: Mapping[FilePath, bytes] = MappingProxyType({})
_MAX_BYTES = 8 * 1024 * 1024  # what is read of one file; a larger one is refused by its size


def files_of(path: FilePath) -> list[FilePath]:
    """The file itself, or the *.yaml and *.yml files of a directory in the order of their names.

    Raises ConfigError when there are none.
    """
    if not path.is_dir():
        return [path]
    try:
        found = sorted(
            file
            for file in path.iterdir()
            if not file.name.startswith(".")
            and any(fnmatch.fnmatch(file.name, pattern) for pattern in ("*.yaml", "*.yml"))
            and not file.is_dir()
        )
    except OSError as error:
        raise _unreadable(path, error) from error
    if not found:
        raise ConfigError([Problem.at(Place(str(path)), "the directory holds no *.yaml file")])
    return found


def read_bytes(file: FilePath) -> bytes:
    """The file's content. Raises ConfigError when it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_BYTES)
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error


@dataclass(frozen=True, slots=True)
class Reading:
    """Every file as one document; `whole` is False when one of them could not be read."""

    document: Document
    problems: list[Problem]
    whole: bool


def read(path: FilePath, instead: Mapping[FilePath, bytes] = _NOTHING) -> Reading:
    """Every file of the configuration as one document. Raises ConfigError when there is none.

    `instead` holds what files would be, were they written: it is read in their place.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    whole = True
    for file in _files(path, instead):
        try:
            content = instead[file] if file in instead else read_bytes(file)
        except ConfigError as error:
            problems += error.problems
            whole = False
            continue
        document, found = read_yaml(content, str(file))
        problems += found
        if found and document.data is None:
            whole = False
            continue
        if not isinstance(document.data, dict | None):
            problems.append(
                Problem.at(
                    document.place(()),
                    "the configuration is a mapping with the keys server, defaults, services "
                    "and alerting",
                )
            )
            whole = False
            continue
        documents.append(document)
    if not documents:
        return Reading(Document({}, {}, {(): Place(str(path))}), problems, whole)
    if not problems and all(document.data is None for document in documents):
        problems.append(Problem.at(documents[0].place(()), "the configuration is empty"))
    return Reading(_merged(documents, problems), problems, whole)


def _files(path: FilePath, instead: Mapping[FilePath, bytes]) -> list[FilePath]:
    if not instead or not path.is_dir():
        return files_of(path)
    try:
        found = files_of(path)
    except ConfigError:  # it holds none yet
        found = []
    return sorted({*found, *instead})


def _merged(documents: list[Document], problems: list[Problem]) -> Document:
    data: dict[str, object] = {}
    keys: dict[Path, Place] = {}
    values: dict[Path, Place] = {(): documents[0].place(())}

    def merge(
        into: dict[str, object], document: Document, more: dict[str, object], at: Path
    ) -> None:
        for key, value in more.items():
            path = (*at, key)
            if path == (key,) and key.startswith("x-"):
                continue  # a place for anchors, which know only their own file
            have = into.get(key)
            if isinstance(have, dict) and isinstance(value, dict) and _shared(path):
                merge(have, document, value, path)
            elif key in into and not (value is None or have is None):
                problems.append(
                    Problem.at(
                        document.place(path, key=True),
                        f"`{'.'.join(map(str, path))}` is defined in two files; the first time at "
                        f"{keys[path]}",
                    )
                )
            elif have is None:
                into[key] = value
                for below in _paths(value, path):
                    if below in document.keys:
                        keys[below] = document.keys[below]
                    values[below] = document.values[below]

    for document in documents:
        if isinstance(document.data, dict):
            merge(data, document, document.data, ())
    return Document(data, keys, values)


def _paths(data: object, path: Path) -> Iterator[Path]:
    """The path of the value and of everything in it."""
    yield path
    inside: Iterable[tuple[str | int, object]] = ()
    if isinstance(data, dict):
        inside = data.items()
    elif isinstance(data, list):
        inside = enumerate(data)
    for step, value in inside:
        yield from _paths(value, (*path, step))


def _shared(path: Path) -> bool:
    return any(
        len(pattern) == len(path)
        and all(want in (_ANY, have) for want, have in zip(pattern, path, strict=True))
        for pattern in _SHARED
    )


def _unreadable(path: FilePath, error: Exception) -> ConfigError:
    reason = (getattr(error, "strerror", None) or "its name is not valid").lower()
    return ConfigError([Problem.at(Place(str(path)), f"the file cannot be read: {reason}")])


def contents(path: FilePath) -> Iterator[tuple[str, bytes]]:
    """The name and content of each file, for telling whether anything changed."""
    for file in files_of(path):
        yield str(file), read_bytes(file)
