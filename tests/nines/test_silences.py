"""How silences are made, changed, ended and read from the configuration, and who is muted."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.silence import Silence, SilencePlan, SilenceState, read_matchers
from nines.silences import (
    Silences,
    Terms,
    changed,
    configured,
    ended,
    made,
)
from slo.exclusion import CONFIGURATION
from slo.planning import PlanError
from slo.recurrence import Once, Recurring, Schedule

T0 = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (60, 3_600, 86_400))
SHOP = {"service": "shop", "severity": "page"}
NIGHTLY = Recurring(
    "FREQ=DAILY",
    datetime(2026, 3, 1, 2, 30),  # noqa: DTZ001 - local
    ZoneInfo("Europe/Berlin"),
    HOUR,
)


def numbers() -> Callable[[], str]:
    ids = count(1)
    return lambda: f"s{next(ids)}"


def a_plan(schedule: Schedule | None = None, matcher: str = "service=shop") -> SilencePlan:
    return SilencePlan(
        read_matchers([matcher]), schedule or Once(T0, T0 + HOUR), "a new database", "ada"
    )


def at(now: datetime) -> Terms:
    return Terms(now, numbers())


def one(plan: SilencePlan | None = None) -> Silence:
    return made(plan or a_plan(), at(T0), Silences())[0]


def test_one_is_made_with_its_entry() -> None:
    silence, entry = made(a_plan(), at(T0), Silences())

    assert silence.state(T0) is SilenceState.ACTIVE
    assert (entry.subject_id, entry.by, entry.action, entry.before) == (
        silence.id,
        "ada",
        "created",
        None,
    )


def test_nothing_is_muted_before_it_is_said() -> None:
    silence = one(a_plan(Once(T0 - DAY, T0 + HOUR)))

    assert silence.schedule == Once(T0, T0 + HOUR)
    with pytest.raises(PlanError, match="ends before now"):
        made(a_plan(Once(T0 - DAY, T0)), at(T0), Silences())


def test_a_rule_that_is_over_is_refused() -> None:
    over = replace(NIGHTLY, rule="FREQ=DAILY;COUNT=3")

    with pytest.raises(PlanError, match="never occurs again"):
        made(a_plan(over), at(T0), Silences())


@pytest.mark.parametrize(
    ("now", "plan", "kept"),
    [
        # As Alertmanager has it (research 2.9): in place only without rewriting history.
        (T0 + MINUTE, a_plan(Once(T0, T0 + 2 * HOUR)), True),
        (T0 + MINUTE, a_plan(Once(T0, T0 + 2 * MINUTE)), True),
        (T0 + MINUTE, a_plan(Once(T0 + 2 * MINUTE, T0 + HOUR)), False),
        (T0 + MINUTE, a_plan(matcher="service=blog"), False),
        (T0 - HOUR, a_plan(Once(T0 + HOUR, T0 + 2 * HOUR)), True),
        (T0 - HOUR, a_plan(Once(T0 - 2 * HOUR, T0 + 2 * HOUR)), False),
        (T0 + DAY, a_plan(Once(T0, T0 + 2 * DAY)), False),
        (T0 + MINUTE, a_plan(NIGHTLY), False),
    ],
)
def test_it_is_changed_in_place_unless_that_rewrites_history(
    now: datetime, plan: SilencePlan, kept: bool
) -> None:
    before = made(a_plan(), at(T0 - 2 * HOUR), Silences())[0]

    changes = changed(before, replace(plan, reason="other"), Terms(now, lambda: "new"), Silences())

    after, entry = changes[0]
    assert after.reason == "other"
    if kept:
        assert len(changes) == 1
        assert (after.id, after.schedule, entry.action) == (before.id, plan.schedule, "changed")
    else:
        assert after.id == "new"
        was_over = before.state(now) is SilenceState.EXPIRED
        assert len(changes) == (1 if was_over else 2)
        for gone, why in changes[1:]:
            assert (gone.id, gone.state(now), why.action) == (
                before.id,
                SilenceState.EXPIRED,
                "ended",
            )


def test_one_of_the_configuration_is_changed_there() -> None:
    written = replace(one(), origin=CONFIGURATION, author="config.yaml")

    with pytest.raises(PlanError, match=r"written in config\.yaml: it is ended there"):
        ended(written, "ada", T0)
    with pytest.raises(PlanError, match=r"written in config\.yaml: it is changed there"):
        changed(written, a_plan(), at(T0), Silences())


def test_the_configuration_has_exactly_its_own() -> None:
    by_hand = replace(one(), id="mine")
    known, terms = Silences.of([by_hand]), at(T0)
    nightly = replace(a_plan(NIGHTLY), author="config.yaml")

    first = configured(known, [nightly, nightly], terms, 400 * DAY)
    known = known.after(first)
    assert [(c.origin, c.author, e.action) for c, e in first] == [
        (CONFIGURATION, "config.yaml", "created")
    ]
    assert configured(known, [nightly], terms, 400 * DAY) == []
    again = configured(known, [replace(nightly, reason="patches")], terms, 400 * DAY)
    assert [(c.reason, e.action) for c, e in again] == [("patches", "changed")]
    gone = configured(known.after(again), [], terms, 400 * DAY)
    assert [(c.state(T0), e.action) for c, e in gone] == [(SilenceState.EXPIRED, "ended")]
    known = known.after(gone)
    assert known.by_id[by_hand.id] == by_hand
    # What was taken out may come back.
    assert len(configured(known, [nightly], terms, 400 * DAY)) == 1


def test_what_is_long_over_is_not_written_again() -> None:
    old = a_plan(Once(T0 - 500 * DAY, T0 - 499 * DAY))

    assert configured(Silences(), [old], at(T0), 400 * DAY) == []


def test_who_is_muted_is_said_by_id_with_the_end() -> None:
    known = Silences.of([one()])

    (who,) = known.suppressors(T0 + MINUTE)(SHOP)

    assert (who.kind, who.id, who.until) == ("silence", "s1", T0 + HOUR)
    assert "ada" in who.words
    assert known.suppressors(T0 + MINUTE)({"service": "blog"}) == ()
    assert known.suppressors(T0 + HOUR)(SHOP) == ()


_SCHEDULES = st.one_of(
    st.tuples(st.integers(-200, 200), st.integers(1, 200)).map(
        lambda it: Once(T0 + it[0] * MINUTE, T0 + (it[0] + it[1]) * MINUTE)
    ),
    st.integers(1, 26 * 60).map(lambda minutes: replace(NIGHTLY, length=minutes * MINUTE)),
)


@given(
    st.lists(st.tuples(_SCHEDULES, st.none() | st.integers(-300, 300)), max_size=4),
    st.lists(st.integers(-3_000, 3_000), min_size=1, max_size=12),
)
def test_what_is_remembered_of_the_calendar_says_the_same_as_looking(
    wanted: list[tuple[Schedule, int | None]], minutes: list[int]
) -> None:
    """Also when the clock is set back."""
    found = [
        replace(
            one(),
            id=str(number),
            schedule=schedule,
            ended_at=None if over is None else T0 + over * MINUTE,
        )
        for number, (schedule, over) in enumerate(wanted)
    ]
    known = Silences.of(found)

    for minute in minutes:
        now = T0 + minute * MINUTE
        active = {silence.id for silence, _ in known.active(now)}
        assert active == {s.id for s in found if s.state(now) is SilenceState.ACTIVE}
