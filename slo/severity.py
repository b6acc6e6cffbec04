"""How loud an alert is: a closed list, ordered."""

from enum import StrEnum


class Severity(StrEnum):
    """`page` wakes someone, `ticket` is for today, `info` is for the record."""

    PAGE = "page"
    TICKET = "ticket"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the loudest."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}
