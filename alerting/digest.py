"""A digest: many messages that a receiver cannot take one by one, told in one. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from alerting import wording
from alerting.incident import EventKind, IncidentEvent
from alerting.notification import (
    AlertLine,
    Message,
    Notification,
    NotificationKind,
    NotificationState,
)
from alerting.outbox import urgency
from slo.severity import Severity

MOST_INCIDENTS = 50  # that one digest tells of
MOST_LINES = 100  # alerts that it carries
_LISTED = 30  # incidents that its text lists
_FIRING = (NotificationKind.TRIGGER, NotificationKind.UPDATE)
_TOLD = (*_FIRING, NotificationKind.NOTICE, NotificationKind.MISSED)


@dataclass(frozen=True, slots=True)
class Digest:
    """The message that tells them all, those that it tells, and those that are obsolete by them."""

    notification: Notification
    told: tuple[Notification, ...]
    skipped: tuple[Notification, ...]
    events: tuple[IncidentEvent, ...]


def is_page(notification: Notification) -> bool:
    """Whether it wakes somebody."""
    return notification.severity is Severity.PAGE and urgency(notification) == 0


def overflowing(
    waiting: Sequence[Notification], after: int, *, goes_on: bool = False
) -> list[Notification]:
    """Of what waits for one receiver, what goes into a digest now, oldest first; none is usual.

    More than `after` that are no pages make one, and pages only where they are too many themselves.
    An overflow that `goes_on` ends when nothing is left that could be put together. Ends and
    acknowledgements are told by themselves: they change what stands at the receiver.
    """
    able = sorted(
        (one for one in waiting if _fresh(one)),
        key=lambda one: (one.created_at, one.id),
    )
    pages = [one for one in able if is_page(one)]
    if len(pages) > after:
        return pages[:MOST_INCIDENTS]
    others = [one for one in able if not is_page(one)]
    enough = len(others) > (1 if goes_on else after)
    return others[:MOST_INCIDENTS] if enough and not pages else []


def digest(
    heads: Sequence[Notification],
    queues: Mapping[str, Sequence[Notification]],
    now: datetime,
) -> Digest | None:
    """Tell these in one. `queues` has all that waits for the receiver, by incident, oldest first.

    Left out is an incident of which an end, an acknowledgement or a try waits too, or, where these
    are no pages, a page: its queue goes the usual way. None, when fewer than two are left.
    """
    loud = any(map(is_page, heads))
    told: list[Notification] = []
    skipped: list[Notification] = []
    for head in heads:
        queue = queues.get(head.incident_id, ())
        if not queue or queue[0].id != head.id or not all(_goes_in(one, loud) for one in queue):
            continue
        firing = [one for one in queue if one.kind in _FIRING]
        skipped += firing[:-1]
        newest = firing[-1:]
        if any(one.kind is NotificationKind.TRIGGER for one in firing):
            newest = [one.of_kind(NotificationKind.TRIGGER) for one in newest]
        told += [one for one in queue if one.kind not in _FIRING] + newest
    if len(told) < 2:
        return None
    one = _notification(told, now)
    skipped = [
        replace(
            row,
            state=NotificationState.SKIPPED,
            finished_at=now,
            reason="a later revision is told in a digest",
        )
        for row in skipped
    ]
    others = len(told) - 1
    rows = tuple(
        replace(
            row,
            state=NotificationState.DIGESTED,
            reason=f"told in the digest {one.id} with {others} others",
            digest=one.id,
        )
        for row in told
    )
    return Digest(one, rows, tuple(skipped), tuple(_events(rows, now)))


def ended(
    digest: Notification, told: Sequence[Notification]
) -> tuple[tuple[Notification, ...], tuple[IncidentEvent, ...]]:
    """What becomes of those that a digest told once it is over, and what is said of it.

    One that was given up goes to nobody else: no fallback could close what it opened there. What it
    told waits again instead, each by itself, so that each finds its own way; the tries of the
    digest were theirs, and it may have arrived.
    """
    at = digest.finished_at
    if at is None:
        return (), ()
    if digest.state is NotificationState.DELIVERED:
        return tuple(replace(row, finished_at=at) for row in told), ()
    why = f"the digest {digest.id} was given up: {digest.reason}"
    rows = tuple(
        replace(
            row,
            state=NotificationState.PENDING,
            next_attempt_at=at,
            attempts=digest.attempts,
            reason=f"it goes by itself, since {why}",
        )
        for row in told
    )
    text = wording.sentences(f"{wording.capital(why)}. What it told goes by itself")
    events = tuple(IncidentEvent(row.incident_id, at, EventKind.NOTE, text) for row in rows)
    return rows, events


def _fresh(row: Notification) -> bool:
    """Whether nobody has tried to tell it, in a digest either."""
    return row.kind in _TOLD and not row.attempts and not row.digest


def _goes_in(row: Notification, loud: bool) -> bool:
    return _fresh(row) and row.lease is None and (loud or not is_page(row))


def _notification(told: Sequence[Notification], now: datetime) -> Notification:
    first = told[0]
    loudest = min((row.severity for row in told), key=lambda severity: severity.rank)
    id_ = f"{first.id}.digest"
    message = _message(told, loudest, id_, now)
    return replace(
        first,
        id=id_,
        kind=NotificationKind.DIGEST,
        severity=loudest,
        message=message,
        # It is late as soon as the first of them is, and is tried for no longer.
        created_at=min(row.created_at for row in told),
        next_attempt_at=now,
        reason=message.what_changed,
        alerts=(),
        # Where one of them would go elsewhere, the digest is not waited for.
        failover=tuple(dict.fromkeys(name for row in told for name in row.failover)),
        instead_of="",
    )


def _message(told: Sequence[Notification], loudest: Severity, id_: str, now: datetime) -> Message:
    first = told[0].message
    everything = first.incident_url.rpartition("/")[0]
    services = list(dict.fromkeys(row.message.service_title for row in told))
    pages = sum(map(is_page, told))
    what = "pages" if pages == len(told) else "messages"
    where = services[0] if len(services) == 1 else f"{len(services)} services"
    title = wording.clip(f"{len(told)} {what} in one, about {where}", wording.TITLE_LIMIT)
    why = f"{len(told)} {what} waited for {first.receiver}, more than it takes in time"
    return replace(
        first,
        notification_id=id_,
        kind=NotificationKind.DIGEST,
        severity=loudest,
        service=wording.clip(where, 200),
        service_title=wording.clip(where, 200),
        title=title,
        what_changed=wording.sentences(why),
        opened_at=min(row.message.opened_at for row in told),
        decided_at=now,
        incident_url=everything,
        alerts=tuple(_lines(told)),
        owner=None,
        runbook=None,
        acknowledged_by=None,
        resolved_at=None,
        linked_to=None,
        labels={},
        story="\n".join([wording.sentences(why), *_listed(told, everything)]),
    )


def _lines(told: Sequence[Notification]) -> Iterator[AlertLine]:
    """One of each incident first, so that none is missing."""
    leads = [row.message.alerts[0] for row in told]
    rest = [line for row in told for line in row.message.alerts[1:]]
    ordered = sorted(leads, key=lambda line: line.severity.rank) + rest
    yield from ordered[:MOST_LINES]


def _listed(told: Sequence[Notification], everything: str) -> Iterator[str]:
    """What each would have said, the loudest first, with where to read on."""
    loudest_first = sorted(told, key=lambda row: row.severity.rank)
    for row in loudest_first[:_LISTED]:
        message = row.message
        fires = sum(line.ended_at is None for line in message.alerts)
        count = f" ({fires} alerts fire)" if fires > 1 else ""
        title = wording.clip(message.title, 120)
        yield f"- [{row.severity}] {title}{count}: {message.incident_url}"
    if len(told) > _LISTED:
        yield f"- and {len(told) - _LISTED} more: {everything}"


def _events(rows: Sequence[Notification], now: datetime) -> Iterator[IncidentEvent]:
    for row in rows:
        text = (
            f"The {row.kind} to {row.receiver} is told in the digest {row.digest}, with "
            f"{len(rows) - 1} others: more waits for {row.receiver} than it takes in time"
        )
        yield IncidentEvent(row.incident_id, now, EventKind.NOTE, wording.sentences(text))
