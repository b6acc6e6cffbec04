"""The judge of the stories with kills: a good story passes, and every mutant of it is caught."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.chaos.judge import Broke, Event, Healed, Heard, Killed, Repeat, Said, faults

NAMES = ("oncall", "desk")


def heard(receiver: str, said: Said, number: int = 1, **more: object) -> Heard:
    """A message of incident I1; those of `oncall` bear a key, those of `desk` a mark."""
    by_key = receiver == "oncall"
    one = Heard(
        receiver=receiver,
        incident="I1",
        said=said,
        message=f"message {number}",
        repeat=Repeat.KEY if by_key else Repeat.MARK,
        key=f"K{number}" if by_key else "",
    )
    return replace(one, **more)  # type: ignore[arg-type]


ONCALL, DESK = heard("oncall", Said.FIRING), heard("desk", Said.FIRING)
ONCALL_END, DESK_END = heard("oncall", Said.RESOLVED, 2), heard("desk", Said.RESOLVED, 2)
AGAIN = replace(DESK, again=True)
STORY: list[Event] = [
    Broke(),
    ONCALL,
    DESK,
    Killed(),
    ONCALL,
    AGAIN,
    Healed(),
    ONCALL_END,
    DESK_END,
]
OF_ANOTHER = replace(ONCALL, incident="I2", key="K9")


def without(*events: Event) -> list[Event]:
    return [event for event in STORY if event not in events]


def put(event: Event, after: Event) -> list[Event]:
    number = max(place for place, one in enumerate(STORY) if one == after)
    return [*STORY[: number + 1], event, *STORY[number + 1 :]]


def test_a_story_as_it_should_be_has_no_fault() -> None:
    assert faults(STORY, NAMES) == []


def test_an_outage_too_short_to_be_seen_need_not_be_told() -> None:
    assert faults([*STORY, Broke(sure=False), Healed()], NAMES) == []


def test_what_nobody_said_yes_to_may_come_again() -> None:
    lost = replace(ONCALL, answered=False)

    assert faults([Broke(), lost, ONCALL, DESK, ONCALL_END, DESK_END], NAMES) == []


def test_what_came_and_went_may_be_told_in_one_message() -> None:
    missed = [heard(name, Said.MISSED) for name in NAMES]

    assert faults([Broke(), Healed(), *missed], NAMES) == []


MUTANTS: dict[str, tuple[list[Event], str]] = {
    "a page is lost": (without(DESK, AGAIN), "desk was told the end of I1 before its beginning"),
    "a receiver hears nothing": (without(DESK, AGAIN, DESK_END), "desk was never told of I1"),
    "an outage is lost": ([*STORY, Broke(), Healed()], "2 outages, 2 of them long, became 1"),
    "a resolve is lost": (without(ONCALL_END), "oncall was not told the end of I1"),
    "a resolve comes first": (
        [Broke(), ONCALL_END, DESK, ONCALL, DESK_END, ONCALL_END],
        "oncall was told the end of I1 before its beginning",
    ),
    "a page comes after its end": (
        [*put(replace(ONCALL, message="message 3", key="K3"), ONCALL_END), ONCALL_END],
        "oncall was told that I1 fires after it had been told its end",
    ),
    "a page without an outage": (
        [*STORY, OF_ANOTHER, replace(OF_ANOTHER, said=Said.RESOLVED, key="K8", message="m")],
        "became 2 incidents",
    ),
    "a copy without a reason": (put(AGAIN, AGAIN), "twice, and nothing was the reason"),
    "a copy that hides it": (put(DESK, Killed()), "twice, and the second does not say so"),
    "a copy under another key": (
        put(replace(ONCALL, key="K7"), Killed()),
        "oncall got message 1 of I1 twice, under another key",
    ),
    "news under a key that is known": (
        [one if one != ONCALL_END else replace(ONCALL_END, key="K1") for one in STORY],
        "under one key",
    ),
    "no key at all": (
        [one if one != ONCALL_END else replace(ONCALL_END, key="") for one in STORY],
        "without a key",
    ),
    "a stranger is told": (
        put(replace(DESK, receiver="stranger"), DESK),
        "stranger was told of I1, though no route names it",
    ),
    "a message of nothing": (put(replace(DESK, incident=""), DESK), "names no incident"),
}


@pytest.mark.parametrize(("events", "text"), MUTANTS.values(), ids=MUTANTS.keys())
def test_a_mutant_is_caught(events: Sequence[Event], text: str) -> None:
    assert text in "\n".join(faults(events, NAMES))


RULES: list[Callable[[list[Event]], list[Event]]] = [
    lambda story: [event for event in story if not isinstance(event, Killed)],
    lambda story: [event for event in story if not isinstance(event, Broke)],
    lambda story: list(reversed(story)),
]


@pytest.mark.parametrize("change", RULES, ids=["nobody was killed", "nothing broke", "backwards"])
def test_a_story_that_does_not_fit_what_happened_is_caught(
    change: Callable[[list[Event]], list[Event]],
) -> None:
    assert faults(change(STORY), NAMES)
