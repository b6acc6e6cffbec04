"""The outermost fields of a protobuf message, one by one, without decoding what they hold.

A message of ten thousand parts of which three are wanted need not be decoded whole.
"""

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES = 10


class MalformedError(ValueError):
    """It is no protobuf message; a sentence."""


def parts(
    body: bytes, most: int, start: int = 0, end: int | None = None
) -> Iterator[tuple[int, int, int]]:
    """(field number, start, end) of each part that has a length; others are passed over.

    The message is all of the body, or lies within it from `start` to `end`.

    Raises MalformedError, also where there are more than `most` fields.
    """
    at, end, count = start, len(body) if end is None else end, 0
    while at < end:
        count += 1
        if count > most:
            raise MalformedError(f"the message has more than {most:,} parts")
        tag, at = _varint(body, at)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise MalformedError("the message is no protobuf: a field has the number 0")
        if kind == _BYTES:
            length, at = _varint(body, at)
            if length > end - at:
                raise MalformedError("the message is cut off")
            yield number, at, at + length
            at += length
        elif kind == _VARINT:
            _, at = _varint(body, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise MalformedError(f"the message is no protobuf: a field has the type {kind}")
    if at > end:
        raise MalformedError("the message is cut off")


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """A varint, and where the message goes on."""
    value = 0
    for place, byte in enumerate(body[at : at + _VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise MalformedError("the message is cut off, or is no protobuf")
