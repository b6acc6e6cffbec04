"""Page through sorted items by the key of the last one seen, so that no item shows twice."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

import orjson

Item = TypeVar("Item")
Key = tuple[str | int | float | bool, ...]


def page_of(
    items: Sequence[Item],
    key: Callable[[Item], Key],
    *,
    order: str,
    cursor: str | None,
    limit: int,
) -> tuple[list[Item], str | None]:
    """The items after the cursor and the next cursor, None at the end. Raises ValueError.

    `key` is unique; `order` names it, so that a cursor is not used with another order.
    """
    keyed = sorted(((key(item), index) for index, item in enumerate(items)), key=lambda k: k[0])
    if cursor is not None:
        after = read_cursor(cursor, order)
        try:
            keyed = [one for one in keyed if one[0] > after]
        except TypeError:
            raise ValueError("this is not a cursor of this list") from None
    page = keyed[:limit]
    more = len(keyed) > limit
    return [items[index] for _, index in page], write_cursor(order, page[-1][0]) if more else None


def write_cursor(order: str, key: Key) -> str:
    """The cursor that stands for this key of this order."""
    return base64.urlsafe_b64encode(orjson.dumps([order, *key])).rstrip(b"=").decode()


def read_cursor(cursor: str, order: str) -> Key:
    """The key that it stands for. Raises ValueError."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        content = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error, orjson.JSONDecodeError):
        raise ValueError("this is not a cursor of this list") from None
    if not isinstance(content, list) or not content or content[0] != order:
        raise ValueError("this cursor belongs to a list in another order")
    return tuple(content[1:])
