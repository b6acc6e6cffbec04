"""Text that must never be printed: passwords, tokens, keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret; only `value` tells it. Every way of printing it gives `***`."""

    value: str = field(repr=False)

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)


@dataclass(frozen=True, slots=True)
class SecretFile:
    """Where a secret is kept, as configured: `{file: path}`. Whoever loads it reads the file."""

    path: str


def to_secret(value: object) -> Secret:
    """Take text, or a secret as it is. Raises ValueError; the message never holds the value."""
    match value:
        case Secret():
            return value
        case str() if value:
            return Secret(value)
        case str():
            raise ValueError("the secret is empty")
        case SecretFile() | {"file": _}:
            raise ValueError("the file that holds the secret was not read")
        case _:
            raise ValueError("a secret is text, or {file: path}; quote a number to make it text")


def secret_file(value: object) -> SecretFile | None:
    """The file that `{file: path}` names; None when the value is anything else."""
    if isinstance(value, Mapping) and set(value) == {"file"} and isinstance(value["file"], str):
        return SecretFile(value["file"])
    return None


SecretText = Annotated[
    Secret,
    # Plain: pydantic must not look inside, or its own messages would print what it found there.
    PlainValidator(to_secret),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "properties": {"file": {"type": "string"}},
                    "required": ["file"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
