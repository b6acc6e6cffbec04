"""Snappy's block format, as remote_write uses it. Source: google/snappy, format_description.txt."""

import cramjam

# The smallest element that says something (a copy of two bytes) stands for at most 64 bytes.
_MOST_TIMES = 64


class SnappyError(ValueError):
    """It cannot be decompressed; a sentence."""


def decompress(body: bytes, most: int) -> bytes:
    """The contents, of at most `most` bytes: more is refused before anything is decompressed."""
    said = _length(body)
    if said > most:
        raise SnappyError(f"the body says to hold {said:,} bytes; more than {most:,} are not read")
    if said > len(body) * _MOST_TIMES:
        raise SnappyError("the body says to hold more than it can")
    try:
        contents = bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise SnappyError(f"the body is no snappy block: {error}") from None
    if len(contents) != said:
        raise SnappyError("the body is no snappy block: it is shorter than it says")
    return contents


def compress(contents: bytes) -> bytes:
    """As a block."""
    return bytes(cramjam.snappy.compress_raw(contents))


def _length(body: bytes) -> int:
    """What the block says to hold: a varint of 32 bits at its start."""
    value = 0
    for place, byte in enumerate(body[:5]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            if value >= 1 << 32:
                break
            return value
    raise SnappyError("the body is no snappy block: it does not say how long it is")
