"""Ids that sort by age."""

from collections.abc import Callable
from datetime import datetime


def ids(clock_now: Callable[[], datetime], random_bits: Callable[[int], int]) -> Callable[[], str]:
    """What makes them: 48 bits of milliseconds, 80 bits of chance, Crockford base 32."""
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

    def new_id() -> str:
        value = int(clock_now().timestamp() * 1000) << 80 | random_bits(80)
        return "".join(alphabet[value >> shift & 31] for shift in range(125, -5, -5))

    return new_id
