"""Chance that always says the same."""

import random


class Constant(random.Random):
    """`random()` is always `value`: 0.0 and 1.0 are the ends of every jitter."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self._value = value

    def random(self) -> float:
        return self._value
