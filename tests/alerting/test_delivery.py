"""Send what waits in the outbox: every try written down first, nothing lost, nobody delayed."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from alerting.bucket import Rate
from alerting.notification import (
    Attempt,
    AttemptOutcome,
    DeliveryError,
    Message,
    NotificationState,
    Receipt,
)
from alerting.routes import Route
from tests.alerting.night import Night, broken
from tests.alerting.scene import PAGE, TICKET, rule
from tests.fakes.chance import Constant
from tests.fakes.clock import START, settle

T = TypeVar("T")
BUSY = DeliveryError("HTTP 429: slow down", status=429, retry_after=timedelta(seconds=31))
DOWN = DeliveryError("HTTP 503", status=503)
WRONG_KEY = DeliveryError("HTTP 400: no such key", outcome=AttemptOutcome.PERMANENT, status=400)
LOST = DeliveryError("the answer was lost", outcome=AttemptOutcome.AMBIGUOUS)


async def test_a_decision_is_delivered_at_once() -> None:
    async with Night() as night:
        await night.told(night.fires())

        assert night.oncall.kinds == night.sre.kinds == ["trigger"]
        row = night.row("oncall")
        assert row.state is NotificationState.DELIVERED
        assert (row.attempts, row.finished_at) == (1, START)
        assert "delivered: Try 1 to oncall: trigger delivered. accepted." in night.timeline
        assert ("oncall", AttemptOutcome.OK) in night.outcomes


async def test_the_try_is_written_down_before_the_call() -> None:
    night = Night()
    seen: list[Attempt] = []

    def look(message: Message) -> None:
        seen.extend(a for a in night.store.attempts if a.notification_id == message.notification_id)

    night.oncall.script = [look]
    async with night:
        await night.told(night.fires())

    assert [(a.number, a.ended_at) for a in seen] == [(1, None)]


async def test_the_end_of_a_try_is_written_down() -> None:
    async with Night() as night:
        night.oncall.script = [Receipt("HTTP 202: Event processed", status=202)]
        await night.told(night.fires())

        attempt = next(a for a in night.store.attempts if a.status)
        assert attempt.outcome is AttemptOutcome.OK
        assert attempt.detail == "HTTP 202: Event processed"
        assert attempt.ended_at == START


async def test_a_receiver_gets_back_the_handle_that_it_gave() -> None:
    async with Night() as night:
        night.sre.script = [Receipt("posted", handle={"channel": "C1", "ts": "17.5"})]
        await night.told(night.fires())
        await night.told(night.ends())

        assert [handle for _, _, handle in night.sre.calls] == [
            {},
            {"channel": "C1", "ts": "17.5"},
        ]


async def test_a_busy_receiver_is_tried_again_when_it_asked_for_it() -> None:
    async with Night() as night:
        night.oncall.script = [BUSY]
        await night.told(night.fires())
        assert "attempt: Try 1 to oncall: HTTP 429: slow down, again in 31 s." in night.timeline

        await night.passes(30.9)
        assert night.oncall.accepted == []
        await night.passes(0.2)
        assert night.oncall.kinds == ["trigger"]
        assert [attempt for _, attempt, _ in night.oncall.calls] == [1, 2]


async def test_a_busy_receiver_is_left_alone_with_everything() -> None:
    async with Night() as night:
        night.sre.script = [BUSY]
        await night.told(night.fires("availability", PAGE))
        night.acknowledged()
        await night.told(night.fires("latency", TICKET))
        assert len(night.sre.calls) == 1

        await night.passes(31)
        assert night.sre.kinds == ["trigger", "trigger", "acknowledge"]


async def test_a_clock_that_is_set_back_puts_no_page_off() -> None:
    async with Night() as night:
        night.oncall.script = [BUSY]
        await night.told(night.fires())
        night.clock.set(night.clock.now() - timedelta(hours=1))

        await night.passes(35)
        assert night.oncall.kinds == ["trigger"]


async def test_it_is_retried_until_it_is_accepted() -> None:
    async with Night() as night:
        night.oncall.script = [DOWN] * 9
        await night.told(night.fires())
        await night.passes(600)

        assert night.row("oncall").state is NotificationState.DELIVERED
        assert night.row("oncall").attempts == 10
        assert night.outcomes.count(("oncall", AttemptOutcome.RETRY)) == 9


async def test_an_end_that_was_not_accepted_is_told_again() -> None:
    async with Night() as night:
        await night.told(night.fires())
        night.oncall.script = [DOWN] * 5
        await night.told(night.ends())
        assert night.oncall.kinds == ["trigger"]
        await night.passes(600)

        assert night.oncall.kinds == ["trigger", "resolve"]
        assert night.outcomes.count(("oncall", AttemptOutcome.RETRY)) == 5


async def test_it_is_given_up_after_a_day_and_says_so() -> None:
    async with Night() as night:
        night.oncall.script = [DOWN] * 2000
        await night.told(night.fires())
        await night.passes(timedelta(hours=24, minutes=1).total_seconds())

        row = night.row("oncall")
        assert row.state is NotificationState.FAILED
        assert row.reason.endswith("tries in 24 h failed; the last one: HTTP 503")
        assert night.timeline[-1].startswith("gave_up: Gave up the trigger to oncall: ")


async def test_a_permanent_error_is_given_up_at_once() -> None:
    async with Night() as night:
        night.oncall.script = [WRONG_KEY]
        await night.told(night.fires())

        assert night.row("oncall").state is NotificationState.FAILED
        assert night.timeline[-3:-1] == [
            "attempt: Try 1 to oncall: HTTP 400: no such key.",
            (
                "gave_up: Gave up the trigger to oncall: HTTP 400: no such key; another try would "
                "end the same way."
            ),
        ]


async def test_a_resolve_waits_for_its_trigger() -> None:
    async with Night() as night:
        night.oncall.hangs = True
        await night.told(night.fires())
        await night.told(night.ends())
        assert len(night.oncall.calls) == 1

        night.oncall.free()
        await settle()
        assert night.oncall.kinds == ["trigger", "resolve"]


async def test_an_outage_that_came_and_went_while_delivery_failed_is_told_in_one_message() -> None:
    async with Night() as night:
        night.oncall.script = [DOWN] * 8
        await night.told(night.fires())
        await night.passes(60)
        await night.told(night.fires("latency"))
        night.changes([night.change(slo, firing=False) for slo in ("availability", "latency")])
        await night.passes(600)

        assert night.oncall.kinds == ["missed"]
        assert night.oncall.accepted[0].what_changed == (
            "Fired 2026-11-20 14:00 UTC, resolved 2026-11-20 14:01 UTC; "
            "delivery to oncall had been failing."
        )
        assert night.row("oncall").state is NotificationState.SKIPPED
        assert (
            "note: The trigger to oncall is not sent: the outage is over, and told in one message."
            in night.timeline
        )


async def test_who_is_no_longer_routed_to_is_not_told_that_it_is_resolved() -> None:
    async with Night() as night:
        night.oncall.script = [DOWN]
        await night.told(night.fires())
        await night.told(night.reconfigured({rule("availability")}, Route(receivers=("sre",))))
        await night.passes(60)

        assert night.oncall.kinds == ["missed"]
        assert night.oncall.accepted[0].what_changed == (
            "Fired 2026-11-20 14:00 UTC, not routed here since 2026-11-20 14:00 UTC; "
            "delivery to oncall had been failing."
        )
        assert (
            "note: The trigger to oncall is not sent: it is no longer routed here, and told in one "
            "message." in night.timeline
        )


async def test_what_a_lost_answer_may_have_opened_is_closed_by_the_one_message() -> None:
    async with Night() as night:
        night.oncall.script = [LOST, DOWN]
        await night.told(night.fires())
        await night.told(night.ends())
        await night.passes(60)

        assert night.oncall.kinds == ["missed"]


async def test_the_newest_revision_wins_and_says_why_the_older_is_not_sent() -> None:
    async with Night() as night:
        night.oncall.script = [DOWN]
        await night.told(night.fires("availability"))
        await night.told(night.fires("latency"))
        await night.passes(60)

        assert [message.revision for message in night.oncall.accepted] == [2]
        assert night.oncall.kinds == ["trigger"]  # nothing had opened it yet
        assert (
            "note: The trigger to oncall is not sent: revision 2 says what is true now."
            in night.timeline
        )


async def test_an_acknowledgement_is_not_swallowed_by_what_is_newer() -> None:
    async with Night() as night:
        night.oncall.hangs = True
        await night.told(night.fires("availability"))
        night.acknowledged()
        await night.told(night.changes([night.change("availability", TICKET, firing=True)]))
        night.oncall.free()
        await settle()

        assert night.oncall.kinds[:2] == ["trigger", "acknowledge"]


async def test_a_resolve_is_not_needed_when_no_trigger_ever_arrived() -> None:
    async with Night() as night:
        night.oncall.script = [WRONG_KEY]
        await night.told(night.fires())
        await night.told(night.ends())

        assert len(night.oncall.calls) == 1
        assert night.row("oncall", "resolve").state is NotificationState.SKIPPED
        assert (
            "note: The resolve to oncall is not sent: there is nothing to resolve: no message "
            "about this incident ever arrived there." in night.timeline
        )


async def test_a_resolve_is_sent_when_a_given_up_trigger_may_have_arrived() -> None:
    async with Night() as night:
        night.oncall.script = [LOST, WRONG_KEY]
        await night.told(night.fires())
        await night.passes(1)
        assert night.row("oncall").state is NotificationState.FAILED
        await night.told(night.ends())

        assert night.oncall.kinds == ["resolve"]


async def test_a_resolve_is_sent_when_an_update_arrived_after_a_lost_trigger() -> None:
    async with Night() as night:
        night.oncall.script = [WRONG_KEY]
        await night.told(night.fires("availability"))
        await night.told(night.fires("latency"))
        night.changes([night.change(slo, firing=False) for slo in ("availability", "latency")])
        night.delivery.notify()
        await settle()

        assert night.oncall.kinds == ["update", "resolve"]


async def test_a_hanging_receiver_delays_nobody() -> None:
    async with Night() as night:
        night.oncall.hangs = True
        await night.told(night.fires("availability"))
        await night.told(night.fires("latency"))

        assert night.sre.kinds == ["trigger", "update"]
        assert night.oncall.accepted == []


async def test_hundreds_that_wait_for_one_receiver_hide_nothing_of_another() -> None:
    night = Night(Route(receivers=("oncall",)))
    night.oncall.hangs = True
    for _ in range(450):
        night.fires("availability")
        night.ends("availability")
    async with night:
        night.tree = Route(receivers=("sre",))
        await night.told(night.fires("latency"))

        assert night.sre.kinds == ["trigger"]


async def test_a_try_that_hangs_is_cut_off_and_may_have_arrived() -> None:
    async with Night() as night:
        night.oncall.hangs = True
        await night.told(night.fires())
        await night.passes(29)
        assert night.outcomes == [("sre", AttemptOutcome.OK)]

        night.oncall.hangs = False
        await night.passes(2)
        assert ("oncall", AttemptOutcome.AMBIGUOUS) in night.outcomes
        assert night.oncall.kinds == ["trigger"]
        assert any(
            text.startswith("attempt: Try 1 to oncall: no answer within 30 s; it may have arrived")
            for text in night.timeline
        )


async def test_a_receiver_that_breaks_is_tried_again() -> None:
    async with Night() as night:
        night.oncall.script = [KeyError("ts")]
        await night.told(night.fires())
        await night.passes(1)

        assert night.oncall.kinds == ["trigger"]
        assert night.outcomes[0] == ("oncall", AttemptOutcome.AMBIGUOUS)
        assert any("our receiver broke with KeyError: 'ts'" in text for text in night.timeline)


async def test_a_receiver_that_cancels_itself_is_tried_again() -> None:
    async with Night() as night:
        night.oncall.script = [asyncio.CancelledError()]
        await night.told(night.fires())
        await night.passes(1)

        assert night.oncall.kinds == ["trigger"]
        assert night.outcomes[0] == ("oncall", AttemptOutcome.AMBIGUOUS)


async def test_a_receiver_that_left_the_configuration_is_given_up_with_that_reason() -> None:
    async with Night() as night:
        del night.receivers["oncall"]
        await night.told(night.fires())

        assert night.row("oncall").state is NotificationState.FAILED
        assert (
            "gave_up: Gave up the trigger to oncall: the configuration has no receiver oncall any "
            "more." in night.timeline
        )
        assert night.store.attempts == [a for a in night.store.attempts if a.outcome]


async def test_a_receiver_that_leaves_while_something_fires_is_told_of_the_end() -> None:
    async with Night() as night:
        await night.told(night.fires())
        others = {name: one for name, one in night.receivers.items() if name != "oncall"}
        await night.delivery.replace(others, leaving={"oncall": night.oncall})
        await night.told(night.ends())

        assert night.oncall.kinds == ["trigger", "resolve"]


async def test_where_nobody_can_close_what_is_left_open_another_receiver_hears_of_it() -> None:
    async with Night() as night:
        await night.told(night.fires())
        others = {name: one for name, one in night.receivers.items() if name != "oncall"}
        await night.delivery.replace(others)
        await night.told(night.ends())

        assert night.oncall.kinds == ["trigger"]
        assert sorted(night.sre.kinds) == ["report", "resolve", "trigger"]
        report = next(one for one in night.sre.accepted if one.kind == "report")
        assert report.title == "An incident is left open at oncall"
        assert "close it there by hand" in report.what_changed


async def test_who_leaves_is_told_nothing_of_what_it_was_never_told() -> None:
    async with Night() as night:
        night.oncall.script = [DOWN]
        await night.told(night.fires())
        night.ends()
        others = {name: one for name, one in night.receivers.items() if name != "oncall"}
        await night.delivery.replace(others, leaving={"oncall": night.oncall})
        await night.passes(5)

        assert night.oncall.accepted == []
        assert "the configuration has no receiver oncall any more" in str(night.timeline)


async def test_a_page_overtakes_tickets_to_the_same_receiver() -> None:
    night = Night()
    first = night.fires("availability", TICKET)
    night.acknowledged()
    second = night.fires("latency", PAGE)
    async with night:
        order = [message.incident_id for message in night.sre.accepted]

    assert order[0] == second.incidents[0].id
    assert set(order[1:]) == {first.incidents[0].id}


async def test_a_page_that_failed_does_not_wait_for_all_the_tickets() -> None:
    def fails_and_is_slow_from_now_on(_: Message) -> None:
        night.sre.hangs = True
        raise DOWN

    night = Night(Route(receivers=("sre",)))
    first = night.fires("availability", TICKET).incidents[0].id
    night.acknowledged()
    page = night.fires("latency", PAGE).incidents[0].id
    night.acknowledged()
    last = night.fires("requests", TICKET).incidents[0].id
    night.sre.script = [fails_and_is_slow_from_now_on]
    async with night:
        await night.passes(2)
        night.sre.free()
        await settle()

        assert [m.incident_id for m in night.sre.accepted][:3] == [first, page, last]


async def test_others_go_as_soon_as_the_pause_is_over() -> None:
    night = Night()
    night.rng = Constant(1.0)
    night._start()
    brief = DeliveryError("HTTP 429", status=429, retry_after=timedelta(seconds=3))
    night.sre.script = [*([DOWN] * 6), brief]
    async with night:
        await night.told(night.fires("availability", PAGE))
        await night.passes(1 + 2 + 4 + 8 + 16 + 32)
        night.acknowledged()
        await night.told(night.fires("latency", TICKET))
        assert len(night.sre.calls) == 7

        await night.passes(3)
        assert night.sre.kinds == ["trigger"]
        assert night.sre.accepted[0].incident_id == night.incident.id


async def test_what_another_process_put_into_the_outbox_is_found() -> None:
    async with Night() as night:
        night.fires()
        assert night.oncall.calls == []

        await night.passes(30)
        assert night.oncall.kinds == ["trigger"]


async def test_other_receivers_can_take_over_while_a_try_is_under_way() -> None:
    async with Night() as night:
        night.oncall.hangs = True
        await night.told(night.fires("availability"))
        old, new = night.oncall, type(night.oncall)()
        replaced = asyncio.ensure_future(night.delivery.replace({**night.receivers, "oncall": new}))
        await settle()
        assert not replaced.done()

        await night.passes(31)
        assert replaced.done()
        assert (len(old.calls), new.kinds) == (1, ["trigger"])


async def test_stopping_lets_a_try_finish() -> None:
    async with Night() as night:
        night.sre.hangs = True
        await night.told(night.fires())
        stopping = asyncio.ensure_future(night.delivery.stop())
        await settle()
        assert not stopping.done()

        night.sre.free()
        await settle()
        assert stopping.done()
        assert night.row("sre").state is NotificationState.DELIVERED


async def test_after_a_stop_nothing_is_begun() -> None:
    async with Night() as night:
        night.sre.hangs = True
        await night.told(night.fires("availability"))
        night.acknowledged()
        await night.told(night.fires("latency"))
        stopping = asyncio.ensure_future(night.delivery.stop())
        night.sre.free()
        await settle()

        assert stopping.done()
        assert len(night.sre.calls) == 1
        assert night.row("sre").state is NotificationState.PENDING


async def test_stopping_cuts_a_hanging_try_off_and_the_next_start_makes_it_again() -> None:
    night = Night()
    night.oncall.hangs = True
    async with night:
        await night.told(night.fires())
    assert night.clock.now() == START + timedelta(seconds=5)
    assert [a.outcome for a in night.store.attempts if not a.ended_at] == [None]

    night.oncall.hangs = False
    night._start()
    async with night:
        assert night.oncall.kinds == ["trigger"]
        outcomes = [a.outcome for a in night.store.attempts if a.number == 1]
        assert AttemptOutcome.AMBIGUOUS in outcomes


@pytest.mark.parametrize(
    "call",
    ["close_open_attempts", "due_notifications", "begin_attempt", "finish_attempt"],
)
@pytest.mark.parametrize("after", [False, True], ids=["before its work", "after its work"])
async def test_a_store_that_fails_is_waited_for(call: str, *, after: bool) -> None:
    night = Night()
    with broken(night.store, call, after=after):
        async with night:
            await night.told(night.fires())
            await night.passes(60)
            night.store.before = night.store.after = lambda _: None
            await night.passes(10)

            assert night.row("oncall").state is NotificationState.DELIVERED
            assert night.row("sre").state is NotificationState.DELIVERED


async def test_a_result_that_cannot_be_stored_is_not_sent_again() -> None:
    async with Night() as night:
        with broken(night.store, "finish_attempt"):
            await night.told(night.fires())
            await night.passes(300)
        assert night.oncall.kinds == ["trigger"]

        await night.passes(5)
        assert night.row("oncall").state is NotificationState.DELIVERED
        assert night.oncall.kinds == ["trigger"]


async def test_one_row_that_cannot_be_handled_stops_no_other_and_is_not_hammered() -> None:
    night = Night()
    tries = []

    def refuse_pages(call: str) -> None:
        if call == "begin_attempt" and not night.sre.calls:
            tries.append(call)
            raise OSError("this row is damaged")

    night.store.before = refuse_pages
    night.fires("availability", PAGE)
    async with night:
        await night.passes(60)

    assert 2 * 11 <= len(tries) <= 2 * 13  # two receivers, every five seconds


async def test_what_was_read_while_it_was_being_sent_is_not_sent_again() -> None:
    night = Night()
    read_late = asyncio.Event()
    slow = False

    async def run(call: Callable[[], T], /) -> T:
        result = call()
        if slow and isinstance(result, list):
            await read_late.wait()
        return result

    night.run = run
    night._start()
    async with night:
        night.oncall.hangs = True
        await night.told(night.fires())
        slow = True
        night.delivery.notify()
        await settle()
        night.oncall.free()
        await settle()
        read_late.set()
        await settle()

        assert night.oncall.kinds == ["trigger"]


async def test_what_another_process_sent_meanwhile_is_not_sent_again() -> None:
    async with Night() as night:
        night.sre.hangs = True
        await night.told(night.fires("availability"))
        night.acknowledged()
        await night.told(night.fires("latency"))
        waiting = night.row("sre")
        night.store.notifications[waiting.id] = replace(waiting, state=NotificationState.DELIVERED)
        night.delivery.notify()
        await settle()
        night.sre.free()
        await settle()

        assert waiting.id not in [id_ for id_, _, _ in night.sre.calls]


async def test_the_end_of_a_try_is_stored_once_however_slow_the_store_is() -> None:
    night = Night(Route(receivers=("oncall",)))
    ended: list[str] = []
    stored = asyncio.Event()

    async def run(call: Callable[[], T], /) -> T:
        result = call()
        if ended:
            await stored.wait()
        return result

    night.store.before = lambda call: ended.append(call) if call == "finish_attempt" else None
    night.run = run
    night._start()
    async with night:
        await night.told(night.fires())
        night.delivery.notify()
        await settle()
        stored.set()
        await settle()

    assert len(ended) == 1
    assert night.row("oncall").state is NotificationState.DELIVERED


async def test_no_more_is_sent_than_a_receiver_takes_and_pages_go_first() -> None:
    night = Night(Route(receivers=("sre",)))
    night.delivery._lanes.use({"sre": Rate(60, timedelta(minutes=1), burst=1)}, {})
    for slo in ("a", "b", "c"):
        night.fires(slo, TICKET)
        night.acknowledged()
    night.fires("d", PAGE)
    async with night:
        assert [message.severity for message in night.sre.accepted] == [PAGE]
        assert list(night.delivery.paced()) == ["sre"]
        await night.passes(1)
        assert len(night.sre.accepted) == 2
        await night.passes(10)
        assert len(night.sre.accepted) == 7
