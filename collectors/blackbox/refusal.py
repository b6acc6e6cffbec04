"""Why a probe was not made, or came to no verdict: no word about the target."""

from enum import StrEnum


class Why(StrEnum):
    """A closed list."""

    NO_TARGET = "no target"
    NO_MODULE = "no module"
    NOT_READABLE = "not readable"
    NOT_ALLOWED = "not allowed"
    NOT_SUPPORTED = "not supported"
    BUSY = "busy"
    OURS = "ours"


class RefusedError(Exception):
    """A sentence for whoever asked."""

    def __init__(self, why: Why, sentence: str) -> None:
        super().__init__(sentence)
        self.why = why
