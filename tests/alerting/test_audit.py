"""The auditor says what of our own work is overdue, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerting.audit import (
    LEAP,
    LEAP_REMEMBERED,
    LEASE_SLACK,
    Leap,
    Overdue,
    Owed,
    Run,
    Vitals,
    What,
    audit,
    leapt,
)
from alerting.heartbeat import FIRST_RETRY, Heartbeat
from alerting.notification import NotificationKind
from slo.severity import Severity

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
WITHIN = 2 * MINUTE
PAGE = Owed("inc-1", "oncall", NotificationKind.TRIGGER, Severity.PAGE, "shop", NOW - 3 * MINUTE, 4)
WELL = Vitals(
    NOW,
    evaluated=NOW - SECOND,
    stored=NOW - SECOND,
    runs=[Run("shop/front", NOW - 10 * SECOND, 10 * SECOND, 5 * SECOND)],
)


def overdue(**changes: object) -> list[tuple[What, str]]:
    vitals = replace(WELL, **changes)  # type: ignore[arg-type]  # fields of Vitals
    return [(one.what, one.sentence) for one in audit(vitals, WITHIN)]


def test_nothing_is_overdue_while_all_is_well() -> None:
    assert overdue() == []


def test_a_page_without_a_receipt_in_time_is() -> None:
    assert overdue(owed=[PAGE]) == [
        (
            What.DELIVERY,
            (
                "The page about shop to oncall has no receipt 3 min after it was decided "
                "(4 tries): incident inc-1."
            ),
        )
    ]
    assert overdue(owed=[replace(PAGE, decided_at=NOW - WITHIN)]) == []


def test_one_that_was_never_tried_says_so() -> None:
    [(_, sentence)] = overdue(owed=[replace(PAGE, attempts=0)])
    assert "(no try)" in sentence


def test_what_is_no_page_has_more_time() -> None:
    ticket = replace(PAGE, severity=Severity.TICKET)

    assert overdue(owed=[ticket]) == []
    [(what, sentence)] = overdue(owed=[replace(ticket, decided_at=NOW - 16 * MINUTE)])
    assert (what, sentence[:28]) == (What.DELIVERY, "The trigger about shop to on")


def test_a_page_that_was_given_up_and_that_nobody_has_is_overdue_at_once() -> None:
    [(_, sentence)] = overdue(owed=[replace(PAGE, decided_at=NOW, given_up=True)])
    assert "was given up, and nobody else has it" in sentence


def test_of_many_the_loudest_are_named_and_the_rest_counted() -> None:
    tickets = [replace(PAGE, severity=Severity.TICKET, decided_at=NOW - timedelta(hours=1))] * 4
    found = overdue(owed=[*tickets, PAGE])

    assert len(found) == 4
    assert found[0][1].startswith("The page about shop")
    assert found[-1] == (What.DELIVERY, "2 more notifications are overdue.")


def test_a_lease_that_nobody_took_over() -> None:
    fresh = replace(PAGE, decided_at=NOW)

    assert overdue(owed=[replace(fresh, leased_until=NOW - LEASE_SLACK)]) == []
    [(what, sentence)] = overdue(owed=[replace(fresh, leased_until=NOW - 2 * MINUTE)])
    assert what is What.LEASE
    assert "ended 2 min ago, and no other has taken it" in sentence


def test_a_late_evaluation_and_a_storage_that_lags() -> None:
    assert overdue(evaluated=NOW - MINUTE) == [
        (What.EVALUATION, "The last evaluation was 1 min ago.")
    ]
    assert overdue(stored=NOW - MINUTE) == [(What.STORAGE, "Nothing could be stored for 1 min.")]
    assert overdue(unseen="the database is locked") == [
        (What.STORAGE, "The outbox cannot be read: the database is locked.")
    ]
    assert overdue(evaluated=NOW - MINUTE, bucket=30 * SECOND) == []


def test_a_collector_that_does_not_look() -> None:
    due = 2 * 10 * SECOND + 5 * SECOND + 30 * SECOND
    run = WELL.runs[0]

    assert overdue(runs=[replace(run, heard=NOW - due)]) == []
    [(what, sentence)] = overdue(runs=[replace(run, heard=NOW - 2 * MINUTE)])
    assert what is What.COLLECTOR
    assert sentence == ("Collector shop/front has not looked for 2 min; it is due every 10 s.")


@pytest.mark.parametrize(("by", "way"), [(timedelta(hours=1), "forward"), (-MINUTE, "back")])
def test_a_clock_that_leapt_is_remembered_for_a_while(by: timedelta, way: str) -> None:
    leap = leapt(by + 5 * SECOND, 5 * SECOND, NOW)

    assert leap == Leap(NOW, by)
    [(what, sentence)] = overdue(leap=leap)
    assert what is What.CLOCK
    assert f"leapt {way} by" in sentence
    assert overdue(leap=replace(leap, at=NOW - LEAP_REMEMBERED)) == []


def test_a_clock_that_is_adjusted_did_not_leap() -> None:
    assert leapt(5 * SECOND + LEAP - SECOND, 5 * SECOND, NOW) is None


def test_a_clock_that_was_set_back_is_told_until_time_has_caught_up() -> None:
    assert overdue(setback="It was set back.", leap=Leap(NOW, -MINUTE)) == [
        (What.CLOCK, "It was set back.")
    ]


def test_a_heartbeat_is_withheld_from_the_first_thing_that_is_overdue() -> None:
    late = (Overdue(What.STORAGE, "Nothing could be stored for 1 min."),)
    first = Heartbeat(last_success=NOW).audited(late, NOW)
    second = first.audited(late * 2, NOW + MINUTE)

    assert second.withheld_since == NOW
    assert second.problems() == (
        (
            "The heartbeat is withheld since 09:00:00 UTC: Nothing could be stored for 1 min. "
            "(and 1 more)"
        ),
    )
    assert not second.audited((), NOW + MINUTE).withheld


def test_a_beat_that_fails_is_tried_again_sooner_and_then_at_its_pace() -> None:
    beat = Heartbeat(last_success=NOW)
    waits = [beat.next_in(MINUTE)]
    for _ in range(6):
        beat = beat.missed("nobody is there.")
        waits.append(beat.next_in(MINUTE))

    assert waits == [MINUTE, *(FIRST_RETRY * times for times in (1, 2, 4, 8)), MINUTE, MINUTE]
    assert beat.problems() == ("The heartbeat cannot be sent: nobody is there.",)
    assert beat.taken(NOW).problems() == ()
