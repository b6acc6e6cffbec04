"""What waits for one receiver about one incident: what of it is still worth saying. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile

from alerting import failover, wording
from alerting.notification import Notification, NotificationKind, NotificationState

_FIRING = (NotificationKind.TRIGGER, NotificationKind.UPDATE)
_NEEDS_TRIGGER = (NotificationKind.RESOLVE, NotificationKind.ACKNOWLEDGE)


@dataclass(frozen=True, slots=True)
class Backlog:
    """`waiting`: oldest first. `arrived`: the receiver took a message that is not resolved since;
    `may_have_arrived`: that, or a try of one ended in doubt. `stand_ins`: who was told instead.
    `goes_on`: what was decided last for those for whom what it was told still fires, itself among
    them; `repeats`: ids of waiting acknowledgements that it is told by another anyway.
    """

    waiting: tuple[Notification, ...]
    arrived: bool = False
    may_have_arrived: bool = False
    stand_ins: tuple[str, ...] = ()
    goes_on: tuple[Notification, ...] = ()
    repeats: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Tidied:
    """What became of a backlog: rows that will not be sent, rows that now say more, new rows."""

    skipped: tuple[Notification, ...] = ()
    changed: tuple[Notification, ...] = ()
    added: tuple[Notification, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.skipped or self.changed)


def tidy(backlog: Backlog, now: datetime) -> Tidied:
    """What of a backlog is obsolete. Nothing: its head is to be sent as it is.

    The newest revision wins. Of an outage that came and went before anything of it was delivered,
    one message tells the whole. A resolve is never skipped when anything may have arrived, and a
    notice is not about how the incident stands.
    """
    head, *rest = backlog.waiting
    if head.kind.alone:
        return Tidied()
    partly = next((n for n in backlog.waiting if _others(n, backlog)), None)
    if partly is not None:
        told = failover.followers(partly, backlog.stand_ins, now)
        return Tidied(changed=(failover.goes_on(partly, _others(partly, backlog)),), added=told)
    resolve = next((n for n in backlog.waiting if n.kind is NotificationKind.RESOLVE), None)
    if resolve is not None and resolve is not head:
        over = _until(backlog.waiting, resolve)
        began = [n for n in over if n.kind in _FIRING]
        if backlog.arrived or not began:
            return Tidied(_skipped(over, "the incident is over, which the resolve tells", now))
        missed = _missed(began[0], resolve)
        ended = "it is no longer routed here" if _left(resolve) else "the outage is over"
        return Tidied(_skipped(over, f"{ended}, and told in one message", now), (missed,))
    if (head.kind in _NEEDS_TRIGGER or head.over) and not backlog.may_have_arrived:
        told = failover.followers(head, backlog.stand_ins, now)
        return Tidied(_skipped([head], _not_needed(head), now), added=told)
    if head.id in backlog.repeats:
        return Tidied(_skipped([head], f"{head.receiver} is told of it already", now))
    run = list(takewhile(lambda n: _newer(n, head), (n for n in rest if not n.kind.alone)))
    if head.kind in _FIRING and run:
        newest = run[-1]
        reason = f"revision {newest.revision} says what is true now"
        changed = () if backlog.arrived else (newest.of_kind(NotificationKind.TRIGGER),)
        return Tidied(_skipped([head, *run[:-1]], reason, now), changed)
    return Tidied()


def _others(row: Notification, backlog: Backlog) -> tuple[Notification, ...]:
    """For a resolve: what its receiver was told besides what is over, and still fires."""
    if row.kind is not NotificationKind.RESOLVE:
        return ()
    ends = row.instead_of or row.receiver
    return tuple(other for other in backlog.goes_on if other.receiver != ends)


def _newer(row: Notification, head: Notification) -> bool:
    """Whether it says what is true now of the same; what is told in another's place is apart."""
    return row.kind in _FIRING and row.instead_of == head.instead_of


def _until(waiting: Sequence[Notification], resolve: Notification) -> list[Notification]:
    before = waiting[: waiting.index(resolve)]
    return [n for n in before if not n.kind.alone]


def _skipped(rows: Sequence[Notification], reason: str, now: datetime) -> tuple[Notification, ...]:
    def ended() -> Iterator[Notification]:
        for row in rows:
            yield replace(row, state=NotificationState.SKIPPED, finished_at=now, reason=reason)

    return tuple(ended())


def _left(resolve: Notification) -> bool:
    """Whether it is over for its receiver alone, whom the routes no longer tell."""
    return wording.fires_on(resolve.message.alerts)


def _missed(first: Notification, resolve: Notification) -> Notification:
    """The resolve of an outage that nobody was told of, as the one message about it."""
    message = resolve.message
    ended = wording.moment(message.resolved_at or message.decided_at)
    ended = f"not routed here since {ended}" if _left(resolve) else f"resolved {ended}"
    text = f"Fired {wording.moment(first.message.opened_at)}, {ended}"
    if first.attempts == 0:
        text += f", before it could be sent to {resolve.receiver}"
    else:
        text += f"; delivery to {resolve.receiver} had been failing"
    severity = min(first.severity, resolve.severity, key=lambda severity: severity.rank)
    missed = resolve.of_kind(NotificationKind.MISSED)
    told = replace(missed.message, what_changed=wording.sentences(text), severity=severity)
    return replace(missed, severity=severity, message=told)


def _not_needed(row: Notification) -> str:
    to = NotificationKind.RESOLVE if row.over else row.kind
    return f"there is nothing to {to}: no message about this incident ever arrived there"
