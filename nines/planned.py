"""What is decided of exclusions and of silences alike, in the words of each `kind`. Pure."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from slo.audit import AuditEntry
from slo.exclusion import CONFIGURATION
from slo.planning import PlanError, Planned


class Plan(Protocol):
    """What is asked for."""

    @property
    def reason(self) -> str: ...
    @property
    def author(self) -> str: ...


class Made(Planned, Protocol):
    """What came of a plan; a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


One = TypeVar("One", bound=Made)
Asked = TypeVar("Asked", bound=Plan)
_Of = TypeVar("_Of", contravariant=True)


class EntryOf(Protocol[_Of]):
    """Makes the entry of a change for its trail."""

    def __call__(
        self, before: _Of | None, after: _Of, *, at: datetime, by: str, action: str
    ) -> AuditEntry: ...


def not_written(kind: str, one: Planned, what: str) -> None:
    """Raises PlanError for one of the configuration, which is `what` (ended, changed) there."""
    if one.origin == CONFIGURATION:
        raise PlanError(
            "",
            f"this {kind} is written in {one.author}: it is {what} there, as the next reload would"
            " bring it back",
        )


def done(
    kind: str, one: One, what: str, act: Callable[[datetime], One], entry_of: EntryOf[One],
    by: str, now: datetime,
) -> tuple[One, AuditEntry]:  # fmt: skip
    """One that is `what` (ended, undone) now by `act`. Raises PlanError where that cannot be."""
    try:
        after = act(now)
    except ValueError as error:
        raise PlanError("", f"this {kind} cannot be {what}: {error}") from None
    return after, entry_of(one, after, at=now, by=by, action=what)


def as_written(
    have: Mapping[Hashable, One],
    wanted: Iterable[tuple[Hashable, Asked]],
    *,
    make: Callable[[Asked], list[tuple[One, AuditEntry]]],
    drop: Callable[[One], list[tuple[One, AuditEntry]]],
    entry_of: EntryOf[One],
    now: datetime,
) -> list[tuple[One, AuditEntry]]:
    """What changes so that those of the configuration, `have`, are exactly the `wanted` ones.

    Both by what tells them apart; of equal ones the first counts.
    """
    plans: dict[Hashable, Asked] = {}
    for key, plan in wanted:
        plans.setdefault(key, plan)
    changes: list[tuple[One, AuditEntry]] = []
    for key, plan in plans.items():
        before = have.get(key)
        if before is None:
            changes += make(plan)
        elif (before.reason, before.author) != (plan.reason, plan.author):
            after = replace(before, reason=plan.reason, author=plan.author)
            entry = entry_of(before, after, at=now, by=plan.author, action="changed")
            changes.append((after, entry))
    for key, before in have.items():
        if key not in plans:
            changes += drop(before)
    return changes
