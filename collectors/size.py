"""Read and write sizes such as `512KiB`."""

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNIT_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE = re.compile(r"(\d{1,12})\s?(B|KiB|MiB|GiB)")


def parse_size(text: object) -> int:
    """Read `1MiB` as bytes; units B KiB MiB GiB. Raises ValueError; a bare number is refused."""
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a size: write it with its unit, such as 512KiB or 1MiB")
    return int(match[1]) * _UNIT_BYTES[match[2]]


def format_size(size_bytes: int) -> str:
    """Write bytes in the largest unit that divides them: `1MiB`, `1500B`."""
    for unit, factor in reversed(_UNIT_BYTES.items()):
        if size_bytes >= factor and size_bytes % factor == 0:
            return f"{size_bytes // factor}{unit}"
    return f"{size_bytes}B"


Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size),
    WithJsonSchema({"type": "string", "pattern": r"^\d+\s?(B|KiB|MiB|GiB)$"}),
]
