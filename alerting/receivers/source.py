"""Where the words of a receiver come from: a template as it is configured."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, PlainSerializer, PlainValidator, WithJsonSchema

TEMPLATE = (
    "A Jinja2 template for the words, inline or {file: path}; blocks title, text and html, or "
    "the text alone."
)


@dataclass(frozen=True, slots=True)
class Source:
    """A template as configured; the text of a file is read by whoever loads the configuration."""

    text: str
    file: Path | None = None


def to_source(value: object) -> Source:
    """Text, or `{file: path}`. Raises ValueError."""
    match value:
        case Source():
            return value
        case str() if value.strip():
            return Source(value)
        case {"file": str(path), **rest} if path and not rest:
            return Source("", Path(path))
        case _:
            raise ValueError("a template is text, or {file: path}")


TemplateText = Annotated[
    Source,
    PlainValidator(to_source),
    PlainSerializer(lambda source: source.text),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "properties": {"file": {"type": "string"}},
                    "minProperties": 1,  # `required` would make it look like a secret's file
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class TemplatedConfig(BaseModel):
    """What every receiver has whose words can be chosen."""

    template: TemplateText | None = Field(None, description=TEMPLATE)
