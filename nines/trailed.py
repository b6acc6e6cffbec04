"""What people write down, kept with who did what to it."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from slo.audit import AuditEntry

T = TypeVar("T")


class Trailed(Protocol[T]):
    """Where it is; every method blocks."""

    def all(self) -> list[T]:
        """Oldest first, with what is over."""

    def trail(self, subject_id: str, /) -> list[AuditEntry]:
        """What was done to one, oldest first."""

    def write(self, changes: Sequence[tuple[T, AuditEntry]], /) -> None:
        """How they are from now on, each with the entry of its trail: all or none."""
