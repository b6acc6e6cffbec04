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

    `open_ended`: nobody said when it ends, so `ends_at` is our own assumption.
    """

    fingerprint: str
    origin: Origin
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    open_ended: bool
    place: str
    severity: Severity
    facts: Facts = field(init=False)  # what it says of itself, worked out once

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", facts_of(self.origin))

    @property
    def rule(self) -> str:
        """Its rule's name, as our own alerts have one."""
        return f"{RULE}{self.fingerprint}"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the book is kept by."""

    now: datetime
    meaning: Meaning
    tree: Route


@dataclass(frozen=True, slots=True)
class Page:
    """What is to be written: how alerts stand now, by fingerprint (None: over), and what that
    changes for people. `refused`: the fingerprints of those that did not fit in.
    """

    entries: Mapping[str, Outside | None] = field(default_factory=dict)
    changes: tuple[AlertChange, ...] = ()
    refused: frozenset[str] = frozenset()


def take(book: Mapping[str, Outside], posted: Iterable[Posted], terms: Terms) -> Page:
    """These were posted. One that is over and never fired here changes nothing."""
    entries: dict[str, Outside | None] = {}

    def known_of(mark: str) -> Outside | None:
        return entries[mark] if mark in entries else book.get(mark)

    changes: list[AlertChange] = []
    refused: set[str] = set()
    firing = len(book)
    for one in posted:
        known = known_of(one.fingerprint)
        if known is None:
            if one.ends_at <= terms.now:
                continue
            if firing >= MOST:
                refused.add(one.fingerprint)
                continue
            begun = _begun(one, terms)
            entries[one.fingerprint] = begun
            changes.append(_change(begun, terms.now, firing=True))
            firing += 1
            continue
        now_known = _merged(known, one, terms.now)
        if now_known.ends_at > terms.now:
            entries[one.fingerprint] = now_known
            continue
        entries[one.fingerprint] = None
        changes.append(_change(now_known, terms.now, firing=False, why="Its sender says so."))
        firing -= 1
    return Page(entries, tuple(changes), frozenset(refused))


def expire(book: Mapping[str, Outside], granted: datetime, terms: Terms) -> Page:
    """Those end of which nothing was heard until their end; nothing ends before `granted`."""
    if terms.now < granted:
        return Page()
    over = [one for one in book.values() if one.ends_at <= terms.now]
    changes = tuple(
        _change(
            one,
            terms.now,
            firing=False,
            why=f"Nothing was heard of it since {moment(one.updated_at)}.",
        )
        for one in over
    )
    return Page({one.fingerprint: None for one in over}, changes)


def turned(book: MutableMapping[str, Outside], page: Page) -> None:
    """The page was stored: the book says it from now on."""
    for mark, entry in page.entries.items():
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
    )


def _change(one: Outside, now: datetime, *, firing: bool, why: str = "") -> AlertChange:
    return AlertChange(
        rule=one.rule,
        service=one.place,
        slo=name_of(one.origin.labels),
        kind=AlertKind.OUTSIDE,
        severity=one.severity,
        firing=firing,
        at=min(one.starts_at if firing else one.ends_at, now),
        facts=replace(one.facts, reason=why) if why else one.facts,
        origin=one.origin,
    )
