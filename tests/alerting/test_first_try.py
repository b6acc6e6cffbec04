"""The first try of a page is begun with the decision, where nothing stands before it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.bucket import Rate
from alerting.first_try import Offer, begin_first_tries
from alerting.notification import DeliveryError, NotificationKind
from alerting.routes import Route
from alerting.store import Decision
from slo.severity import Severity
from tests.alerting.night import Night
from tests.alerting.scene import PAGE, TICKET
from tests.fakes.clock import settle
from tests.nines.storage.builders import T0, a_notification, an_incident

OFFER = Offer("me", ("oncall", "sre"))
FIRST = a_notification("one", receiver="oncall", kind=NotificationKind.TRIGGER)
OPENS = Decision(incidents=(an_incident(),), notifications=(FIRST,))


def test_it_is_leased_and_written_down() -> None:
    begun = begin_first_tries(OPENS, OFFER, T0)

    (row,), (attempt,) = begun.notifications, begun.attempts
    assert (row.attempts, row.lease and row.lease.by) == (1, "me")
    assert (attempt.notification_id, attempt.number, attempt.by) == ("one", 1, "me")
    assert (attempt.started_at, attempt.ended_at) == (T0, None)


def others() -> Iterator[Decision]:
    row, incident = FIRST, an_incident()
    yield replace(OPENS, incidents=(replace(incident, revision=2),))
    yield replace(OPENS, incidents=())
    for changed in (
        {"receiver": "mail"},
        {"kind": NotificationKind.UPDATE},
        {"kind": NotificationKind.CANARY},
        {"instead_of": "mail"},
        {"next_attempt_at": T0 + timedelta(seconds=1)},
    ):
        yield replace(OPENS, notifications=(replace(row, **changed),))


@pytest.mark.parametrize("decision", list(others()))
def test_what_has_something_before_it_waits_its_turn(decision: Decision) -> None:
    assert begin_first_tries(decision, OFFER, T0) is decision


def test_of_several_for_one_the_loudest_is_begun() -> None:
    quiet = replace(FIRST, id="quiet", severity=Severity.TICKET, incident_id="inc-2")
    both = Decision(incidents=(an_incident(), an_incident("inc-2")), notifications=(quiet, FIRST))

    begun = begin_first_tries(both, OFFER, T0)

    assert [one.notification_id for one in begun.attempts] == ["one"]
    assert [row.attempts for row in begun.notifications] == [0, 1]


async def test_whoever_is_free_is_called_without_the_outbox_being_read() -> None:
    async with Night() as night:
        read: list[str] = []
        night.store.before = read.append
        night.fires()
        await settle()

        assert night.oncall.kinds == night.sre.kinds == ["trigger"]
        assert read[:1] == ["apply"]
        before = read[: read.index("finish_attempt")]
        assert not {"due_notifications", "begin_attempt"} & set(before)


async def test_whoever_rests_is_busy_or_has_had_enough_is_not_offered() -> None:
    async with Night(Route(receivers=("oncall", "sre", "mail"))) as night:
        assert night.delivery.offer().receivers == ("oncall", "sre", "mail")
        assert night.delivery.offer().receivers == ()  # kept for the decision that is being stored
        night.delivery.begin(Offer("nines", ("oncall", "sre", "mail")), ())

        night.oncall.script = [DeliveryError("HTTP 410", status=410, parks=True)]
        night.delivery._lanes.use({"sre": Rate(1, timedelta(hours=1), burst=1)}, {})
        await night.told(night.fires("availability", PAGE))
        await night.passes(1)

        offer = night.delivery.offer()
        assert offer.receivers == ("mail",)
        night.delivery.begin(offer, ())


async def test_nobody_is_called_before_what_waits_has_been_read() -> None:
    async with Night() as night:
        night.delivery.notify()

        assert night.delivery.offer().receivers == ()
        await settle()
        await night.delivery.stop()
        assert night.delivery.offer().receivers == ()


async def test_a_decision_that_was_not_stored_calls_nobody() -> None:
    async with Night() as night:

        def fail(name: str) -> None:
            if name == "apply":
                raise OSError("disk full")

        night.store.before = fail
        with pytest.raises(OSError, match="disk full"):
            night.fires()
        night.store.before = lambda _: None
        await settle()
        assert night.oncall.calls == []

        await night.told(night.fires("latency", TICKET))
        assert night.sre.kinds == ["trigger"]
