"""Judge what receivers heard through kills: nothing lost, in order, doubled only as promised. Pure.

The events are one sequence: what broke and healed, when Nines was killed, what each vendor took.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Said(StrEnum):
    """What a message tells of an incident."""

    FIRING = "firing"
    RESOLVED = "resolved"
    MISSED = "missed"  # that it fired, and that it is over, in one
    OTHER = "other"  # neither opens nor closes anything


class Repeat(StrEnum):
    """How whoever reads a message twice can tell that it is one."""

    KEY = "key"  # both bear the same key
    MARK = "mark"  # the second says which try it is
    EDIT = "edit"  # it changes what stands there already


@dataclass(frozen=True, slots=True)
class Broke:
    """It fails from now on; `sure`: for long enough that somebody has to be told."""

    sure: bool = True


@dataclass(frozen=True, slots=True)
class Healed:
    """It is well again."""


@dataclass(frozen=True, slots=True)
class Killed:
    """The process is gone; what it did not write down it does not know any more."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A vendor has a whole request. `answered`: it said yes, as far as it knows."""

    receiver: str
    incident: str
    said: Said
    message: str  # what is the same in every copy, and different in other messages to it
    repeat: Repeat
    key: str = ""
    again: bool = False  # it says that it may be a copy
    answered: bool = True


Event: TypeAlias = Broke | Healed | Killed | Heard


def faults(events: Sequence[Event], receivers: Sequence[str]) -> list[str]:
    """What is wrong with it, in sentences; everything healed and all was let finish at the end.

    `receivers` are those that the route names: each is to be told of everything.
    """
    heard = [event for event in events if isinstance(event, Heard)]
    return [
        *_strangers(heard, receivers),
        *_outages(events),
        *(text for incident in _ids(heard) for text in _incident(incident, heard, receivers)),
        *_copies(events),
        *_keys(heard),
    ]


def _ids(heard: Iterable[Heard]) -> list[str]:
    return list(dict.fromkeys(one.incident for one in heard if one.incident))


def _strangers(heard: Iterable[Heard], receivers: Sequence[str]) -> Iterator[str]:
    for one in heard:
        if one.receiver not in receivers:
            yield f"{one.receiver} was told of {one.incident}, though no route names it"
        if not one.incident:
            yield f"{one.receiver} was sent something that names no incident: {one.message}"


def _outages(events: Sequence[Event]) -> Iterator[str]:
    """As many incidents as outages: none lost, none doubled, none made up."""
    broke = [event for event in events if isinstance(event, Broke)]
    least = sum(one.sure for one in broke)
    told = _ids(one for one in events if isinstance(one, Heard) and one.said is not Said.OTHER)
    if not least <= len(told) <= len(broke):
        yield f"{len(broke)} outages, {least} of them long, became {len(told)} incidents"


def _incident(incident: str, heard: Iterable[Heard], receivers: Sequence[str]) -> Iterator[str]:
    of_it = [one for one in heard if one.incident == incident and one.said is not Said.OTHER]
    for name in receivers:
        told = [one.said for one in of_it if one.receiver == name]
        if not told:
            yield f"{name} was never told of {incident}"
            continue
        # Who tells both at once may close first what a lost answer may have opened.
        if told[0] is Said.RESOLVED and Said.MISSED not in told:
            yield f"{name} was told the end of {incident} before its beginning"
        if told[-1] is Said.FIRING:
            yield f"{name} was not told the end of {incident}"
        ends = [number for number, said in enumerate(told) if said is not Said.FIRING]
        if ends and Said.FIRING in told[ends[0] :] and told[-1] is not Said.FIRING:
            yield f"{name} was told that {incident} fires after it had been told its end"


def _copies(events: Sequence[Event]) -> Iterator[str]:
    """A copy needs a reason: the process died since, or nobody said yes to the one before."""
    lives = 0
    last: dict[tuple[str, str, str], tuple[int, Heard]] = {}
    for event in events:
        if isinstance(event, Killed):
            lives += 1
        elif isinstance(event, Heard):
            place = (event.receiver, event.incident, event.message)
            life, before = last.get(place, (lives, None))
            if before is not None:
                what = f"{event.receiver} got {event.message} of {event.incident} twice"
                # An edit comes again, too, when what is to follow it was not taken.
                if life == lives and before.answered and event.repeat is not Repeat.EDIT:
                    yield f"{what}, and nothing was the reason"
                if event.repeat is Repeat.MARK and not event.again:
                    yield f"{what}, and the second does not say so"
                if event.repeat is Repeat.KEY and event.key != before.key:
                    yield f"{what}, under another key"
            last[place] = (lives, event)


def _keys(heard: Iterable[Heard]) -> Iterator[str]:
    """One key, one thing: whoever drops what has a known key must not drop news."""
    holders: dict[tuple[str, str], str] = {}
    for one in heard:
        if one.repeat is not Repeat.KEY:
            continue
        if not one.key:
            yield f"{one.receiver} got {one.message} of {one.incident} without a key"
            continue
        thing = one.incident if one.key == one.incident else f"{one.incident} {one.message}"
        holder = holders.setdefault((one.receiver, one.key), thing)
        if holder != thing:
            yield f"{one.receiver} got {holder} and {thing} under one key"
