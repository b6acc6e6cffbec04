"""The book of alerts from outside that fire: what a posting or the time makes of them. Pure."""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from alerting.alert import AlertChange, AlertKind, Facts
from alerting.origin import Origin
from alerting.outside.meaning import Meaning, facts_of, name_of
from alerting.outside.posting import Posted
from alerting.routes import Route
from alerting.wording import moment
from slo.severity import Severity

RULE = "outside/"  # before the fingerprint: what names one of them over its episodes
MOST = 50_000  # that fire at the same time; what is known goes on beyond it


@dataclass(frozen=True, slots=True)
class Outside:
    """One that fires, as it was told last. `place`, `severity`: as they were when it began.

    `open_ended`: nobody said when it ends, so `ends_at` is our own assumption. `decided`: who is to
    hear that it fires was decided on. `over`: why it ended, until that is decided on as well.
    """

    fingerprint: str
    origin: Origin
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    open_ended: bool
    place: str
    severity: Severity
    decided: bool = True
    over: str | None = None
    facts: Facts = field(init=False)  # what it says of itself, worked out once

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", facts_of(self.origin))

    @property
    def rule(self) -> str:
        """Its rule's name, as our own alerts have one."""
        return f"{RULE}{self.fingerprint}"

    @property
    def waits(self) -> bool:
        """Something about it is still to be decided on."""
        return self.over is not None or not self.decided


@dataclass(frozen=True, slots=True)
class Terms:
    """What the book is kept by."""

    now: datetime
    meaning: Meaning
    tree: Route


@dataclass(frozen=True, slots=True)
class Page:
    """What is to be written: how alerts stand now, by fingerprint. What that changes for people is
    still to be decided on. `refused`: the fingerprints of those that did not fit in.
    """

    entries: Mapping[str, Outside] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()


def take(book: Mapping[str, Outside], posted: Iterable[Posted], terms: Terms) -> Page:
    """These were posted. One that is over and never fired here changes nothing.

    An end that was not decided on yet, and is taken back, was none.
    """
    entries: dict[str, Outside] = {}
    refused: set[str] = set()
    firing = len(book)
    for one in posted:
        known = entries.get(one.fingerprint) or book.get(one.fingerprint)
        if known is not None:
            entries[one.fingerprint] = _merged(known, one, terms.now)
        elif one.ends_at > terms.now:
            if firing >= MOST:
                refused.add(one.fingerprint)
                continue
            entries[one.fingerprint] = _begun(one, terms)
            firing += 1
    return Page(entries, frozenset(refused))


def expire(book: Mapping[str, Outside], granted: datetime, terms: Terms) -> Page:
    """Those end of which nothing was heard until their end; nothing ends before `granted`."""
    if terms.now < granted:
        return Page()
    return Page(
        {
            one.fingerprint: replace(
                one, over=f"Nothing was heard of it since {moment(one.updated_at)}."
            )
            for one in book.values()
            if one.over is None and one.ends_at <= terms.now
        }
    )


def loudest_first(waiting: Iterable[Outside]) -> list[Outside]:
    """In the order to decide on them: pages first, and all of an incident's together."""
    return sorted(waiting, key=lambda one: (one.severity.rank, one.place))


def changes_of(waiting: Iterable[Outside], now: datetime) -> list[AlertChange]:
    """What is to be decided on next about each of these: that it fires, and only then its end.

    In one decision they would be nothing that anybody is told.
    """
    return [_change(one, now, firing=not one.decided) for one in waiting]


def settled(one: Outside) -> Outside | None:
    """The same once that was decided on; None when nothing is left of it."""
    return replace(one, decided=True) if not one.decided else None


def turned(book: MutableMapping[str, Outside], entries: Mapping[str, Outside | None]) -> None:
    """These were stored: the book says so from now on."""
    for mark, entry in entries.items():
        if entry is None:
            book.pop(mark, None)
        else:
            book[mark] = entry


def _begun(one: Posted, terms: Terms) -> Outside:
    labels = one.origin.labels
    return Outside(
        fingerprint=one.fingerprint,
        origin=one.origin,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        updated_at=terms.now,
        open_ended=one.open_ended,
        place=terms.meaning.place(labels, terms.tree),
        severity=terms.meaning.severity(labels),
        decided=False,
    )


def _merged(known: Outside, one: Posted, now: datetime) -> Outside:
    """As Alertmanager merges: the earliest start, the newest words, the latest end that was said.

    An end that we only assumed holds back no other. An end in the past is believed at once.
    """
    ends_at, open_ended = one.ends_at, one.open_ended
    if ends_at > now and known.ends_at > ends_at and not known.open_ended:
        ends_at, open_ended = known.ends_at, False
    return replace(
        known,
        origin=one.origin,
        starts_at=min(known.starts_at, one.starts_at),
        ends_at=ends_at,
        updated_at=now,
        open_ended=open_ended,
        over=None if ends_at > now else "Its sender says so.",
    )


def _change(one: Outside, now: datetime, *, firing: bool) -> AlertChange:
    return AlertChange(
        rule=one.rule,
        service=one.place,
        slo=name_of(one.origin.labels),
        kind=AlertKind.OUTSIDE,
        severity=one.severity,
        firing=firing,
        at=min(one.starts_at if firing else one.ends_at, now),
        facts=one.facts if firing else replace(one.facts, reason=one.over or ""),
        origin=one.origin,
    )
