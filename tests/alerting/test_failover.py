"""A receiver that cannot be told: who is told instead, who mends it, and when it is tried again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from alerting.destination import BREAKS_AFTER, Destination, DestinationState
from alerting.notification import (
    AttemptOutcome,
    DeliveryError,
    Message,
    NotificationState,
)
from alerting.store import Decision
from tests.alerting.night import Night
from tests.alerting.scene import PAGE
from tests.fakes.clock import START, settle

DOWN = DeliveryError("HTTP 503", status=503)
LOST = DeliveryError("the answer was lost", outcome=AttemptOutcome.AMBIGUOUS)
REFUSED = DeliveryError("HTTP 400", outcome=AttemptOutcome.PERMANENT, status=400)
REVOKED = DeliveryError(
    "the token was revoked", outcome=AttemptOutcome.PERMANENT, status=401, parks=True
)
WAIT = DeliveryError("HTTP 429", status=429, retry_after=timedelta(minutes=10))


class Chained(Night):
    """A night in which what `oncall` cannot be told goes to `mail`."""

    chain: Sequence[str] = ("mail",)

    def keep(self, decision: Decision) -> Decision:
        chained = tuple(
            replace(row, failover=tuple(self.chain)) if row.receiver == "oncall" else row
            for row in decision.notifications
        )
        return super().keep(replace(decision, notifications=chained))

    def stands(self, receiver: str) -> DestinationState:
        known = self.store.standing.get(receiver) or Destination(receiver)
        return known.state


def told(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(str(message.kind), message.what_changed) for message in messages]


async def test_a_message_that_is_refused_goes_to_the_fallback_with_the_reason() -> None:
    async with Chained() as night:
        night.oncall.script = [REFUSED]
        await night.told(night.fires())

        assert night.row("oncall").state is NotificationState.FAILED
        [message] = night.mail.accepted
        assert message.kind == "trigger"
        assert message.receiver == "mail"
        assert "Sent to mail instead of oncall: HTTP 400" in message.what_changed
        assert "routed: To send: trigger to mail, instead of oncall." in night.timeline
        assert night.stands("oncall") is DestinationState.WELL


async def test_a_page_is_with_the_fallback_as_soon_as_the_breaker_opens() -> None:
    async with Chained() as night:
        night.oncall.script = [DOWN] * 100
        await night.told(night.fires())
        await night.passes(1 + 2 + 4 + 8)

        assert len(night.oncall.calls) == BREAKS_AFTER
        assert night.mail.kinds == ["trigger"]
        assert night.stands("oncall") is DestinationState.OPEN

        # What comes next does not even try, until the breaker is half open.
        night.acknowledged()
        await night.told(night.fires("latency"))
        assert len(night.oncall.calls) == BREAKS_AFTER
        assert sorted(night.mail.kinds) == ["acknowledge", "trigger", "trigger"]


async def test_who_stands_in_for_a_receiver_that_is_gone_is_told_once_what_is_over() -> None:
    async with Chained() as night:
        night.oncall.script = [DOWN] * 3
        await night.told(night.fires())
        night.ends()
        without = {name: one for name, one in night.receivers.items() if name != "oncall"}
        await night.delivery.replace(without)
        await night.passes(5)

        rows = [row for row in night.store.notifications.values() if row.receiver == "mail"]
        assert [str(row.kind) for row in rows] == ["missed"]
        assert night.mail.kinds == ["missed"]


async def test_a_half_open_breaker_closes_with_the_first_success() -> None:
    async with Chained() as night:
        night.oncall.script = [DOWN] * BREAKS_AFTER
        await night.told(night.fires())
        await night.passes(90)
        night.acknowledged()
        await night.told(night.fires("latency"))

        assert "trigger" in night.oncall.kinds
        assert night.stands("oncall") is DestinationState.WELL
        assert night.store.standing["oncall"].last_success == START + timedelta(seconds=90)


async def test_without_a_fallback_the_tries_go_on() -> None:
    async with Chained() as night:
        night.chain = ()
        night.oncall.script = [DOWN] * 9
        await night.told(night.fires())
        await night.passes(900)

        assert night.oncall.kinds == ["trigger"]
        assert night.row("oncall").attempts == 10


async def test_who_asks_to_be_left_alone_for_long_is_not_waited_for() -> None:
    async with Chained() as night:
        night.oncall.script = [WAIT]
        await night.told(night.fires())

        assert night.mail.kinds == ["trigger"]
        assert night.stands("oncall") is DestinationState.OPEN
        await night.passes(599)
        night.acknowledged()
        await night.told(night.fires("latency"))
        assert len(night.oncall.calls) == 1


async def test_a_revoked_token_parks_the_receiver_and_somebody_is_told_to_mend_it() -> None:
    async with Chained() as night:
        night.oncall.script = [REVOKED]
        await night.told(night.fires())

        assert night.stands("oncall") is DestinationState.PARKED
        assert sorted(night.mail.kinds) == ["report", "trigger"]
        report = next(m for m in night.mail.accepted if m.kind == "report")
        assert report.title == "Nines cannot reach oncall any more"
        assert report.what_changed.startswith("oncall is parked: the token was revoked. Nothing is")


async def test_a_parked_receiver_is_left_alone_until_it_is_unparked() -> None:
    async with Chained() as night:
        night.chain = ()
        night.oncall.script = [REVOKED]
        await night.told(night.fires())
        await night.passes(3600)
        assert len(night.oncall.calls) == 1
        assert night.row("oncall").state is NotificationState.PENDING
        assert night.sre.kinds.count("report") == 1  # somebody has to mend it

        await night.delivery.unpark("oncall")
        await settle()
        assert night.oncall.kinds == ["trigger"]
        assert night.stands("oncall") is DestinationState.WELL


async def test_an_edit_and_a_restart_try_a_parked_receiver_again() -> None:
    async with Chained() as night:
        night.oncall.script = [REVOKED] * 2
        await night.told(night.fires())
        await night.delivery.replace(night.receivers, ["oncall"])
        night.acknowledged()
        await night.told(night.fires("latency"))
        assert len(night.oncall.calls) == 2
        assert night.stands("oncall") is DestinationState.PARKED

        await night.die()
        night.acknowledged(incident_id=night.incident.id)
        await night.told(night.fires("requests"))
        assert night.stands("oncall") is DestinationState.WELL


async def test_what_waits_for_a_parked_receiver_is_given_up_after_a_day() -> None:
    async with Chained() as night:
        night.chain = ()
        night.oncall.script = [REVOKED] * 500
        await night.told(night.fires())
        await night.passes(timedelta(hours=24, minutes=1).total_seconds())

        assert night.row("oncall").state is NotificationState.FAILED
        assert night.row("oncall").reason == "oncall is parked: the token was revoked"


async def test_who_stood_in_is_told_that_it_is_over() -> None:
    async with Chained() as night:
        night.oncall.script = [REFUSED]
        await night.told(night.fires())
        await night.told(night.ends())

        assert night.mail.kinds == ["trigger", "resolve"]
        assert night.row("oncall", "resolve").state is NotificationState.SKIPPED


async def test_both_are_told_the_end_when_both_may_know_of_the_beginning() -> None:
    async with Chained() as night:
        night.oncall.script = [LOST] * BREAKS_AFTER
        await night.told(night.fires())
        await night.passes(60)
        await night.told(night.ends())

        assert night.mail.kinds == ["trigger", "resolve"]
        assert night.oncall.kinds == ["resolve"]


async def test_an_end_that_cannot_be_told_is_told_to_the_fallback_as_news() -> None:
    async with Chained() as night:
        await night.told(night.fires())
        night.oncall.script = [REFUSED]
        await night.told(night.ends())

        [message] = night.mail.accepted
        assert message.kind == "report"
        assert "Sent to mail instead of oncall: HTTP 400" in message.what_changed


async def test_the_chain_is_gone_through_in_its_order() -> None:
    async with Chained() as night:
        night.chain = ("gone", "sre", "mail")
        night.tree = replace(night.tree, routes=(), receivers=("oncall",))
        night.oncall.script = [REFUSED]
        night.sre.script = [REFUSED]
        await night.told(night.fires("availability", PAGE))

        assert (night.sre.accepted, night.mail.kinds) == ([], ["trigger"])
        texts = [text for text in night.timeline if text.startswith("routed: To send: trigger to")]
        assert texts[1:] == [
            "routed: To send: trigger to sre, instead of oncall.",
            "routed: To send: trigger to mail, instead of oncall.",
        ]
