"""Targets as Prometheus's service discovery names them: groups of addresses with labels."""

import glob
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from nines.config.document import read_yaml
from nines.config.problem import Place, Problem

MOST_TARGETS = 5_000  # of one group: a service each
_MOST_BYTES = 8 * 1024 * 1024
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """An address, and what is known of it. Equal where both are."""

    address: str
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)
    _key: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, address: str, labels: Mapping[str, str]) -> "Target":
        return cls(address, dict(labels), tuple(sorted(labels.items())))


def parse_groups(content: object, name: str = "the list") -> tuple[Target, ...]:
    """Targets of `[{targets: [host:port ...], labels: {...}}]`, each once, in their order.

    As Prometheus's file_sd and http_sd give them. Raises ValueError, which begins with `name`.
    """
    if not isinstance(content, Sequence) or isinstance(content, str | bytes):
        raise ValueError(
            f"{name} is no list of groups, such as [{{targets: [host:80], labels: {{}}}}]"
        )
    found: dict[Target, None] = {}
    for number, group in enumerate(content, 1):
        found.update(dict.fromkeys(_targets(group, f"{name}: group {number}")))
        if len(found) > MOST_TARGETS:
            raise ValueError(f"{name} holds more than {MOST_TARGETS:,} targets")
    return tuple(found)


def parse_json(content: bytes, name: str) -> tuple[Target, ...]:
    """The same of a JSON text. Raises ValueError."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is no JSON: {str(error)[:200]}") from None
    return parse_groups(data, name)


def from_files(
    patterns: Sequence[str], directory: FilePath
) -> tuple[tuple[Target, ...], list[Problem]]:
    """What the *.json, *.yml and *.yaml files hold, and what is wrong with some of them.

    Nothing is taken from a file that is faulty. A pattern that fits no file finds nothing.
    """
    found: dict[Target, None] = {}
    problems: list[Problem] = []
    for pattern in patterns:
        for file in sorted(glob.glob(str(directory / pattern))):  # noqa: PTH207 - of any folder
            targets, wrong = _from_file(FilePath(file))
            found.update(dict.fromkeys(targets))
            problems += wrong
    return tuple(found), problems


def _from_file(file: FilePath) -> tuple[tuple[Target, ...], list[Problem]]:
    def wrong(sentence: str) -> tuple[tuple[Target, ...], list[Problem]]:
        return (), [Problem.at(Place(str(file)), sentence)]

    try:
        with open(file, "rb", opener=_at_once) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                return wrong("the targets cannot be read: it is no ordinary file")
            content = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        return wrong(f"the targets cannot be read: {(error.strerror or 'unreadable').lower()}")
    if len(content) > _MOST_BYTES:
        return wrong("the file of targets is larger than 8 MiB")
    try:
        if file.suffix == ".json":
            return parse_json(content, "the file"), []
        document, problems = read_yaml(content, str(file))
        return ((), problems) if problems else (parse_groups(document.data, "the file"), [])
    except ValueError as error:
        return wrong(str(error))


def _at_once(path: str, flags: int) -> int:
    """Whoever writes to a pipe may never come: it is opened without waiting."""
    return os.open(path, flags | os.O_NONBLOCK)


def _targets(group: object, where: str) -> Iterator[Target]:
    if not isinstance(group, Mapping):
        raise ValueError(f"{where} is no mapping with `targets`")
    if more := set(group) - {"targets", "labels"}:
        raise ValueError(f"{where} holds {min(map(str, more))!r}, which is no key of it")
    addresses, labels = group.get("targets") or [], group.get("labels") or {}
    if not isinstance(addresses, Sequence) or isinstance(addresses, str):
        raise ValueError(f"{where}: `targets` is no list")
    if not isinstance(labels, Mapping):
        raise ValueError(f"{where}: `labels` is no mapping")
    for key, value in labels.items():
        if not isinstance(key, str) or not _LABEL.fullmatch(key):
            raise ValueError(f"{where}: {key!r} is not a label name")
        if not isinstance(value, str):
            raise ValueError(f"{where}: the label {key} is no text; put it in quotes")
    for address in addresses:
        if not isinstance(address, str) or not address.strip():
            raise ValueError(f"{where}: a target is a text, such as host:80")
        yield Target.of(address.strip(), labels)
