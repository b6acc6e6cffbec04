"""Silences: which alerts they take, when they are active, and what a preview says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.alert import Alert, AlertKind, Facts
from alerting.silence import (
    Labelled,
    Silence,
    SilencePlan,
    SilenceState,
    is_resolved,
    muted,
    read_matchers,
    wants_warning,
    would_have_muted,
)
from slo.recurrence import Interval, Once, Recurring, Schedule
from slo.severity import Severity

T0 = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (60, 3_600, 86_400))
ONCE = Once(T0, T0 + HOUR)


def a_silence(schedule: Schedule = ONCE, *matchers: str) -> Silence:
    return Silence(
        id="s1",
        matchers=read_matchers(matchers or ['service="shop"']),
        schedule=schedule,
        reason="a new database",
        author="ada",
        origin="api",
        created_at=T0,
    )


def an_alert(
    begins: datetime = T0, ends: datetime | None = None, service: str = "shop"
) -> Labelled:
    alert = Alert(
        id=f"{service}-{begins}",
        rule=f"{service}/up#page:1h:5m",
        service=service,
        slo="up",
        kind=AlertKind.BURN,
        severity=Severity.PAGE,
        started_at=begins,
        facts=Facts("it burns", "it burns"),
        incident_id="i1",
        ended_at=ends,
    )
    return Labelled(alert, {"service": service, "severity": "page"})


_NAMES = ("a", "b", "c")
_LABELS = st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(["", "x", "y", "xy"]))
_MATCHERS = st.lists(
    st.tuples(
        st.sampled_from(_NAMES),
        st.sampled_from(["=", "!=", "=~", "!~"]),
        st.sampled_from(["", "x", "xy"]),
    ),
    min_size=1,
    max_size=4,
)


@given(_MATCHERS, _LABELS)
def test_it_takes_what_meets_every_matcher_and_a_missing_label_is_empty(
    wanted: list[tuple[str, str, str]], labels: dict[str, str]
) -> None:
    silence = a_silence(ONCE, ", ".join(f'{name}{how}"{value}"' for name, how, value in wanted))

    # Without special characters an anchored pattern is the text itself.
    expected = all(
        (labels.get(name, "") == value) == (how in ("=", "=~")) for name, how, value in wanted
    )
    assert silence.matches(labels) is expected


@given(_MATCHERS)
def test_a_plan_that_may_take_everything_is_refused(wanted: list[tuple[str, str, str]]) -> None:
    matchers = read_matchers(f'{name}{how}"{value}"' for name, how, value in wanted)

    if all((value == "") == (how in ("=", "=~")) for _, how, value in wanted):
        with pytest.raises(ValueError, match="at least one matcher"):
            SilencePlan(matchers, ONCE, "why", "ada")
    else:
        assert SilencePlan(matchers, ONCE, "why", "ada").matchers == matchers


def test_no_matcher_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one matcher"):
        SilencePlan((), ONCE, "why", "ada")


@pytest.mark.parametrize("text", ["severity=page", 'severity="page"', " severity = page "])
def test_a_shell_need_not_keep_the_quotes(text: str) -> None:
    assert [str(one) for one in read_matchers([text])] == ['severity="page"']


def test_several_matchers_may_stand_in_one_text() -> None:
    found = read_matchers(['a="x", b!~"y|z"', "c=~w.*"])

    assert [str(one) for one in found] == ['a="x"', 'b!~"y|z"', 'c=~"w.*"']


@pytest.mark.parametrize("text", ["", "severity", 'a="x" b', "a=~(", "{}"])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"column|not valid"):
        read_matchers([text])


@given(
    st.integers(-10_000, 10_000),
    st.integers(1, 9_000),
    st.none() | st.integers(-10_000, 10_000),
    st.integers(-12_000, 12_000),
)
def test_its_state_follows_from_its_times(
    start: int, length: int, ended: int | None, at: int
) -> None:
    second = timedelta(seconds=1)
    silence = replace(
        a_silence(Once(T0 + start * second, T0 + (start + length) * second)),
        ended_at=None if ended is None else T0 + ended * second,
    )

    over = start + length if ended is None else min(start + length, ended)
    if at >= over or over <= start:
        expected = SilenceState.EXPIRED
    else:
        expected = SilenceState.ACTIVE if at >= start else SilenceState.PENDING
    assert silence.state(T0 + at * second) is expected
    stretch = silence.stretch(T0 + at * second)
    assert (stretch is not None) is (expected is SilenceState.ACTIVE)
    if stretch is not None:
        assert stretch == Interval(T0 + start * second, T0 + over * second)


NIGHTLY = Recurring(
    "FREQ=DAILY",
    datetime(2026, 3, 1, 2, 30),  # noqa: DTZ001 - local
    ZoneInfo("Europe/Berlin"),
    HOUR,
)


@given(st.integers(0, 60 * 24))
def test_one_that_recurs_is_active_as_the_clocks_of_its_zone_say(minute: int) -> None:
    """The night of 29 March has no 02:30 in Berlin: it is taken as 03:30."""
    at = datetime(2026, 3, 28, 12, 0, tzinfo=UTC) + minute * MINUTE
    start = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)

    assert (a_silence(NIGHTLY).stretch(at) is not None) is (start <= at < start + HOUR)
    assert a_silence(NIGHTLY).state(at) is not SilenceState.EXPIRED


def test_its_next_times_go_through_a_change_of_clocks() -> None:
    times = a_silence(NIGHTLY).next(datetime(2026, 3, 27, 12, 0, tzinfo=UTC), 3)

    assert [f"{one.start:%d %H:%M}" for one in times] == ["28 01:30", "29 01:30", "30 00:30"]


def test_times_that_touch_are_one_stretch() -> None:
    whole_days = replace(NIGHTLY, length=25 * HOUR)

    stretch = a_silence(whole_days).stretch(T0)

    assert stretch is not None
    assert stretch.end > T0 + 3 * DAY


def test_one_that_is_over_cannot_be_ended() -> None:
    with pytest.raises(ValueError, match="expired already"):
        a_silence().ended(T0 + HOUR)
    assert a_silence().ended(T0 + MINUTE).state(T0 + MINUTE) is SilenceState.EXPIRED


def test_a_preview_tells_those_of_last_week_at_its_times() -> None:
    at_night = an_alert(datetime(2026, 3, 27, 1, 45, tzinfo=UTC), T0)
    by_day = an_alert(datetime(2026, 3, 27, 11, 45, tzinfo=UTC), T0)
    other = an_alert(at_night.alert.started_at, T0, "blog")
    # It is to begin tomorrow: last week counts by its times of the week.
    planned = a_silence(replace(NIGHTLY, first=datetime(2026, 3, 29, 2, 30)))  # noqa: DTZ001

    assert would_have_muted(a_silence(NIGHTLY), [at_night, by_day, other]) == (at_night.alert,)
    assert would_have_muted(planned, [at_night, by_day, other]) == (at_night.alert,)
    assert would_have_muted(a_silence(), [at_night, by_day, other]) == (
        at_night.alert,
        by_day.alert,
    )


def test_it_is_resolved_once_all_that_it_muted_has_ended() -> None:
    silence = a_silence()
    before, ended = an_alert(T0 - DAY, T0 - HOUR), an_alert(T0 - HOUR, T0 + MINUTE)
    firing = an_alert(T0 + MINUTE)

    assert not is_resolved(silence, T0, [])  # it waits for what is still to come
    assert not is_resolved(silence, T0, [before])
    assert not is_resolved(silence, T0, [before, ended, firing])
    assert is_resolved(silence, T0, [before, ended])
    assert is_resolved(silence, T0, [ended, an_alert(service="blog")])
    assert muted(silence, [firing, an_alert(service="blog")]) == (firing.alert,)


def test_one_that_recurs_does_not_end_with_an_alert() -> None:
    with pytest.raises(ValueError, match="recurs"):
        SilencePlan(read_matchers(["a=b"]), NIGHTLY, "why", "ada", until_resolved=True)


def test_its_end_is_told_half_an_hour_before_and_once() -> None:
    silence = a_silence()
    stretch = Interval(T0, T0 + HOUR)

    assert not wants_warning(silence, stretch, T0 + 29 * MINUTE)
    assert wants_warning(silence, stretch, T0 + 30 * MINUTE)
    assert not wants_warning(replace(silence, warned_of=stretch.end), stretch, T0 + 31 * MINUTE)
    # Who asks for half an hour knows when it ends.
    assert not wants_warning(silence, Interval(T0, T0 + 30 * MINUTE), T0 + MINUTE)
