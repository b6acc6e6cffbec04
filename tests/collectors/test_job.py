"""What becomes of a job's runs, by what it told and by the clocks of its zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.job import Ping, PingKind, State, Terms, judge, taken_up
from collectors.observation import Cause, Outcome, ToldRun
from collectors.timetable import Cron, Every

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTLY = Cron.of("30 2 * * *", BERLIN)
TERMS = Terms(NIGHTLY, timedelta(minutes=30))
MIDNIGHT = datetime(2026, 11, 20, 0, 0, tzinfo=BERLIN)
S, F, B = PingKind.SUCCESS, PingKind.FAIL, PingKind.START


def at(clock: str, day: int = 20) -> datetime:
    """A moment by Berlin's clocks in November 2026."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def pings(*told: tuple[datetime, PingKind] | tuple[datetime, PingKind, str]) -> list[Ping]:
    return [
        Ping(number, one[0], one[1], one[2] if len(one) == 3 else None)
        for number, one in enumerate(told, 1)
    ]


def came_to(
    told: list[Ping],
    until: datetime,
    terms: Terms = TERMS,
    *,
    since: datetime = MIDNIGHT,
    away: tuple[datetime, datetime] | None = None,
) -> tuple[State, list[ToldRun]]:
    begun = taken_up(None, terms, since)
    return judge(taken_up(begun, terms, until, away), told, terms, until)


def labels(runs: list[ToldRun]) -> list[str]:
    return [run.label or str(run.outcome) for run in runs]


def test_no_run_counts_before_it_is_due() -> None:
    state, runs = came_to([], at("02:59"))
    assert runs == []
    assert state.due == at("02:30")


def test_a_success_in_time_is_one_good_event_at_the_moment_it_was_told() -> None:
    state, runs = came_to(pings((at("02:50"), S)), at("03:00"))
    assert [(run.at, run.outcome) for run in runs] == [(at("02:50"), Outcome.PASSED)]
    assert state.due == at("02:30", 21)


def test_a_run_that_is_not_heard_of_is_missed_once_its_grace_is_over() -> None:
    state, runs = came_to([], at("03:01"))
    assert [(run.at, run.label) for run in runs] == [(at("03:00"), "missed")]
    assert runs[0].detail == (
        "the run due Fri 2026-11-20 02:30 Europe/Berlin was not heard of by "
        "Fri 2026-11-20 03:00 Europe/Berlin"
    )
    assert state.cause is Cause.MISSED


def test_a_run_that_started_and_did_not_end_in_time_is_late() -> None:
    _, runs = came_to(pings((at("02:31"), B)), at("03:01"))
    assert labels(runs) == ["late"]


def test_a_success_after_the_grace_recovers_and_takes_nothing_back() -> None:
    state, runs = came_to(pings((at("03:05"), S)), at("03:06"))
    assert labels(runs) == ["missed"]
    assert state.cause is None


def test_a_run_that_takes_longer_than_it_may_is_too_long() -> None:
    terms = Terms(NIGHTLY, timedelta(minutes=10), timedelta(minutes=30))
    _, runs = came_to(pings((at("02:35"), B), (at("03:04"), S)), at("03:30"), terms)
    assert labels(runs) == ["passed"]
    _, runs = came_to(pings((at("02:35"), B), (at("03:06"), S)), at("03:30"), terms)
    assert [(run.at, run.label) for run in runs] == [(at("03:05"), "too long")]


def test_a_failure_tells_its_exit_code_and_what_was_said_last() -> None:
    told = [Ping(1, at("02:40"), F, None, 3, "disk full\n")]
    state, runs = came_to(told, at("02:41"))
    assert labels(runs) == ["failed exit 3"]
    assert runs[0].detail.endswith("failed with exit 3; it said: 'disk full'")
    state, runs = judge(state, [*told, Ping(2, at("02:45"), S)], TERMS, at("02:46"))
    assert runs == []  # the run has its event; that it works again is no other
    assert state.cause is None


def test_what_is_told_twice_counts_once() -> None:
    _, runs = came_to(pings((at("02:40"), S), (at("02:41"), S)), at("03:30"))
    assert labels(runs) == ["passed"]


def test_a_success_of_yesterdays_run_is_not_todays() -> None:
    told = pings((at("02:31"), B, "a"), (at("02:35", 21), S, "a"))
    _, runs = came_to(told, at("03:01", 21))
    assert labels(runs) == ["late", "missed"]


def test_a_ping_from_a_clock_that_is_ahead_is_of_the_run_it_is_ahead_of() -> None:
    told = pings((at("02:30") - timedelta(seconds=20), S))
    assert labels(came_to(told, at("03:01"))[1]) == ["passed"]
    told = pings((at("02:20"), S))  # and a run by hand is none of the expected
    assert labels(came_to(told, at("03:01"))[1]) == ["missed"]


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (datetime(2026, 3, 29, tzinfo=BERLIN), "2026-03-29T01:00:00+00:00"),  # clocks leap 2 to 3
        (datetime(2026, 10, 25, tzinfo=BERLIN), "2026-10-25T00:30:00+00:00"),  # the first 02:30
    ],
)
def test_a_night_on_which_clocks_are_set_has_one_run(day: datetime, due: str) -> None:
    state, runs = came_to([], day + timedelta(hours=23), since=day)
    assert [run.at.isoformat() for run in runs] == [
        (datetime.fromisoformat(due) + TERMS.grace).isoformat()
    ]
    assert state.due - datetime.fromisoformat(due) > timedelta(hours=22)


def test_a_job_of_every_half_hour_runs_in_both_hours_that_clocks_show_twice() -> None:
    terms = Terms(Cron.of("*/30 * * * *", BERLIN), timedelta(minutes=5))
    start = datetime(2026, 10, 24, 23, 50, tzinfo=UTC)  # 01:50
    _, runs = came_to([], start + timedelta(hours=2), terms, since=start)
    assert len(runs) == 4


def test_a_run_that_was_due_while_we_were_away_is_unknown_and_not_the_jobs_failure() -> None:
    away = (at("02:00"), at("02:45"))
    assert came_to([], at("03:14"), away=away)[1] == []  # whoever repeats has its grace again
    state, runs = came_to([], at("03:16"), away=away)
    assert [run.outcome for run in runs] == [Outcome.UNKNOWN]
    assert state.cause is None
    _, runs = came_to(pings((at("03:10"), S)), at("03:16"), away=away)
    assert labels(runs) == ["passed"]
    _, runs = came_to(pings((at("03:10"), F)), at("03:16"), away=away)
    assert labels(runs) == ["failed"]


def test_an_absence_that_touches_no_run_excuses_none() -> None:
    _, runs = came_to([], at("03:01"), away=(at("01:00"), at("02:00")))
    assert labels(runs) == ["missed"]


def test_each_run_of_a_long_absence_is_unknown() -> None:
    away = (at("00:30"), at("12:00", 23))
    _, runs = came_to([], at("12:31", 23), away=away)
    assert [run.outcome for run in runs] == [Outcome.UNKNOWN] * 4


def test_another_timetable_expects_nothing_of_the_past() -> None:
    state, _ = came_to([], at("02:40"))
    hourly = Terms(Cron.of("0 * * * *", BERLIN), timedelta(minutes=5))
    state, runs = judge(taken_up(state, hourly, at("09:30")), [], hourly, at("09:30"))
    assert (runs, state.due) == ([], at("10:00"))


def test_a_run_that_the_new_timetable_has_too_is_still_waited_for() -> None:
    state, _ = came_to([], at("02:40"))
    twice = Terms(Cron.of("30 2,14 * * *", BERLIN), timedelta(minutes=30))
    _, runs = judge(taken_up(state, twice, at("03:01")), [], twice, at("03:01"))
    assert labels(runs) == ["missed"]


def test_a_job_without_a_timetable_is_due_so_long_after_it_was_heard_of() -> None:
    terms = Terms(Every(timedelta(hours=1)), timedelta(minutes=5))
    told = pings((at("00:10"), S), (at("01:12"), S), (at("01:13"), S))
    state, runs = came_to(told, at("02:17"), terms)
    assert labels(runs) == ["passed"]  # the first begins it, and the third is the second again
    assert state.due == at("02:13")
    state, runs = judge(state, told, terms, at("04:20"))
    assert [(run.at, run.label) for run in runs] == [
        (at("02:18"), "missed"),
        (at("03:18"), "missed"),
        (at("04:18"), "missed"),
    ]


def test_a_state_is_read_back_as_it_was_written() -> None:
    told = pings((at("02:31"), B, "a"), (at("02:40"), F, "a"), (at("02:31", 21), B, "b"))
    state, _ = came_to(told, at("02:40", 21), away=(at("00:30"), at("00:40")))
    assert State.of(state.to_text()) == state
    assert State.of("{}") is None


@given(
    st.lists(
        st.tuples(st.integers(0, 4 * 24 * 60), st.sampled_from(PingKind), st.sampled_from("abc")),
        max_size=30,
    ),
    st.lists(st.integers(0, 4 * 24 * 60), max_size=12),
)
def test_when_it_is_looked_at_changes_nothing(
    told: list[tuple[int, PingKind, str]], looks: list[int]
) -> None:
    start = MIDNIGHT.astimezone(UTC)
    minutes = sorted(told, key=lambda one: one[0])
    all_ = [
        Ping(n, start + timedelta(minutes=minute), kind, run_id)
        for n, (minute, kind, run_id) in enumerate(minutes, 1)
    ]
    end = start + timedelta(days=4)
    whole_state, whole = judge(taken_up(None, TERMS, start), all_, TERMS, end)
    state, runs = taken_up(None, TERMS, start), []
    for minute in [*sorted(looks), 4 * 24 * 60]:
        now = start + timedelta(minutes=minute)
        # As after a restart: what was counted is all that is known.
        state = State.of(state.to_text()) or state
        state, more = judge(state, [one for one in all_ if one.at <= now], TERMS, now)
        runs += more
    assert (state, runs) == (whole_state, whole)
    assert len(runs) == 4  # one event for each run that was due


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("30 2 * *", "it has five fields, such as 30 2 * * *"),
        ("61 2 * * *", "is no cron expression: bad minute"),
        ("30 2 30 2 *", "is no cron expression: bad day-of-month"),
        ("0 30 2 * * *", "it has five fields"),
    ],
)
def test_what_is_no_cron_expression_is_said(expression: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Cron.of(expression, BERLIN)
