"""A place in a sorted list, as an address carries it: behind or before an item's key."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

Key = tuple[int | float | str, ...]


class PlaceError(ValueError):
    """Not a place in this list."""


def write_place(order: str, key: Key) -> str:
    """The word for this key of this order."""
    told = json.dumps([order, *key], separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(told.encode()).rstrip(b"=").decode()


def read_place(word: str, order: str, like: Key) -> Key:
    """The key that it stands for; `like` is another of the same order. Raises PlaceError."""
    try:
        told = json.loads(urlsafe_b64decode(word.encode("ascii") + b"=" * (-len(word) % 4)))
    except (ValueError, RecursionError):
        raise PlaceError("this is no place in a list") from None
    if not isinstance(told, list) or not told or told[0] != order or len(told) != 1 + len(like):
        raise PlaceError("this place belongs to a list in another order")
    if any(_kind(one) is not _kind(two) for one, two in zip(told[1:], like, strict=True)):
        raise PlaceError("this is no place in this list")
    return tuple(told[1:])


def _kind(value: object) -> type:
    if isinstance(value, str):
        return str
    return float if isinstance(value, int | float) and not isinstance(value, bool) else object
