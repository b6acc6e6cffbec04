"""When a delivery is tried again, when it is given up, and what goes first."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting import outbox
from alerting.notification import AttemptOutcome, Notification, NotificationKind
from alerting.outbox import next_attempt
from slo.severity import Severity
from tests.alerting.scene import PAGE, TICKET, Scene
from tests.fakes.chance import Constant
from tests.fakes.clock import START

HOUR = timedelta(hours=1)


def page() -> Notification:
    return Scene().fires("availability", PAGE).notifications[0]


def wait(attempts: int, chance: float, retry_after: timedelta | None = None) -> timedelta:
    again = next_attempt(page(), attempts, START, retry_after, Constant(chance))
    assert again is not None
    return again - START


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (11, 300), (5000, 300)],
)
def test_the_longest_wait_doubles_up_to_five_minutes(attempts: int, seconds: int) -> None:
    assert wait(attempts, chance=1.0) == timedelta(seconds=seconds)


def test_the_shortest_wait_is_none() -> None:
    assert wait(8, chance=0.0) == timedelta(0)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 10_000), st.randoms(use_true_random=False))
def test_every_wait_lies_within_its_bounds(attempts: int, rng: random.Random) -> None:
    again = next_attempt(page(), attempts, START, None, rng)
    longest = min(timedelta(minutes=5), timedelta(seconds=2 ** min(attempts - 1, 20)))

    assert again is not None
    assert timedelta(0) <= again - START <= longest


def test_retry_after_is_the_least_wait() -> None:
    assert wait(1, 1.0, retry_after=timedelta(seconds=90)) == timedelta(seconds=90)
    assert wait(10, 1.0, retry_after=timedelta(seconds=90)) == timedelta(minutes=5)


def test_an_absurd_retry_after_cannot_silence_a_pager() -> None:
    assert wait(1, 1.0, retry_after=timedelta(days=30)) == HOUR


def test_the_last_try_is_not_put_off_beyond_the_deadline() -> None:
    deadline = START + 24 * HOUR
    again = next_attempt(page(), 300, deadline - timedelta(seconds=9), None, Constant(1.0))

    assert again == deadline


@pytest.mark.parametrize("severity", [PAGE, TICKET])
@pytest.mark.parametrize("kind", list(NotificationKind))
def test_everything_is_given_up_after_a_day(severity: Severity, kind: NotificationKind) -> None:
    old = replace(page(), severity=severity, kind=kind)

    assert next_attempt(old, 300, START + 24 * HOUR, None, Constant(0.5)) is None


def test_what_waited_while_we_were_off_still_gets_its_tries() -> None:
    days_later = START + 72 * HOUR
    tries = [next_attempt(page(), n, days_later, None, Constant(1.0)) for n in (1, 9, 10)]

    assert tries == [days_later + timedelta(seconds=1), days_later + timedelta(seconds=256), None]


def test_a_permanent_error_says_that_trying_again_is_of_no_use() -> None:
    reason = outbox.given_up(AttemptOutcome.PERMANENT, 1, "the routing key is unknown")

    assert reason == "the routing key is unknown; another try would end the same way"


def test_giving_up_after_a_day_counts_the_tries() -> None:
    reason = outbox.given_up(AttemptOutcome.RETRY, 301, "no route to host")

    assert reason == "301 tries in 24 h failed; the last one: no route to host"


def test_the_loudest_goes_first_then_the_oldest() -> None:
    early, late = START, START + HOUR
    old_ticket = replace(page(), id="1", severity=TICKET, created_at=early)
    new_page = replace(page(), id="2", created_at=late)
    old_page = replace(page(), id="3", created_at=early)

    assert outbox.first([old_ticket, new_page, old_page]) is old_page
    assert outbox.first([old_ticket, new_page]) is new_page
