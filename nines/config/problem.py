"""What is wrong with a configuration, and where: `config.yaml:12:7: sentence`."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something is written; line and column count from 1."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake, as a sentence that says what to write instead."""

    path: str
    line: int
    column: int
    sentence: str

    @classmethod
    def at(cls, place: Place, sentence: str) -> "Problem":
        return cls(place.path, place.line, place.column, sentence)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.sentence}"


class ConfigError(Exception):
    """The configuration cannot be used; `problems` are all that was found, sorted by place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))
