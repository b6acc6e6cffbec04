"""Who stands in for another and is told in its own right, too: it is over once all of it is."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from alerting.notification import (
    AttemptOutcome,
    DeliveryError,
    NotificationKind,
)
from alerting.routes import Route, Terms
from slo.selector import parse_matchers
from tests.alerting import scene
from tests.alerting.night import Night
from tests.alerting.scene import PAGE, TICKET

GONE = DeliveryError("HTTP 404", outcome=AttemptOutcome.PERMANENT, status=404, parks=True)
REFUSED = DeliveryError("HTTP 400", outcome=AttemptOutcome.PERMANENT, status=400)
DOWN = DeliveryError("HTTP 503", status=503)
LOST = DeliveryError("the answer was lost", outcome=AttemptOutcome.AMBIGUOUS)
TREE = Route(
    receivers=("mail",),
    routes=(
        Route(parse_matchers('slo="latency"'), ("sre",), terms=Terms(failover=("mail",))),
        Route(parse_matchers('severity="page"'), ("oncall",), terms=Terms(failover=("mail",))),
    ),
)


def mixed() -> Night:
    """`mail` has what is no page, and stands in for `oncall` and `sre`, which are gone."""
    night = Night(TREE)
    night.oncall.script = [GONE] * 99
    night.sre.script = [GONE] * 99
    return night


def heard(night: Night) -> list[str]:
    return [kind for kind in night.mail.kinds if kind != "report"]


async def test_the_end_for_another_closes_nothing_while_its_own_fires() -> None:
    async with mixed() as night:
        await night.told(night.fires("requests", TICKET))
        await night.told(night.fires("availability", PAGE))
        assert heard(night) == ["trigger", "trigger"]

        await night.told(night.ends("availability", PAGE))
        assert heard(night)[2:] == ["update"]
        update = night.mail.accepted[-1]
        assert "You were told of it instead of oncall" in update.what_changed
        assert update.what_changed.endswith("What is routed to mail itself still fires.")
        assert [(line.slo, line.ended_at is None) for line in update.alerts] == [
            ("requests", True),
            ("availability", False),
        ]
        assert update.severity is TICKET

        await night.told(night.acknowledged())
        await night.told(night.ends("requests", TICKET))
        assert heard(night)[3:] == ["acknowledge", "resolve"]
        assert night.files == []


async def test_its_own_end_closes_nothing_while_it_stands_in_for_what_fires() -> None:
    async with mixed() as night:
        await night.told(night.fires("availability", PAGE))
        await night.told(night.fires("requests", TICKET))
        await night.told(night.ends("requests", TICKET))

        assert heard(night)[2:] == ["update"]
        update = night.mail.accepted[-1]
        told = "What you were told of instead of oncall still fires."
        assert update.what_changed.endswith(told)
        assert update.severity is PAGE
        # What it was told is decided: it is not told again that nothing of its own fires.
        await night.told(night.reviewed())
        await night.told(night.fires("requests", TICKET))
        await night.told(night.ends("requests", TICKET))
        assert heard(night)[3:] == ["trigger", "update"]

        await night.told(night.ends("availability", PAGE))
        assert heard(night)[5:] == ["resolve"]


async def test_who_stands_in_for_two_is_told_the_end_with_the_last() -> None:
    async with mixed() as night:
        await night.told(night.fires("availability", PAGE))
        await night.told(night.fires("latency", PAGE))
        await night.told(night.acknowledged())
        assert heard(night) == ["trigger", "trigger", "acknowledge"]

        await night.told(night.ends("latency", PAGE))
        await night.told(night.ends("availability", PAGE))
        assert heard(night)[3:] == ["update", "resolve"]


async def test_an_end_of_everything_at_once_is_told_once() -> None:
    async with mixed() as night:
        await night.told(night.fires("availability", PAGE))
        await night.told(night.fires("requests", TICKET))
        await night.told(
            night.changes(
                [
                    night.change("availability", PAGE, firing=False),
                    night.change("requests", TICKET, firing=False),
                ]
            )
        )

        assert heard(night) == ["trigger", "trigger", "resolve"]


async def test_an_acknowledgement_is_told_once() -> None:
    async with mixed() as night:
        await night.told(night.fires("availability", PAGE))
        await night.told(night.fires("requests", TICKET))
        await night.told(night.acknowledged())

        assert heard(night) == ["trigger", "trigger", "acknowledge"]


async def test_who_takes_the_place_that_it_filled_is_told_of_no_end() -> None:
    async with mixed() as night:
        await night.told(night.fires("availability", PAGE))
        tree = Route(receivers=("mail",))
        await night.delivery.replace({"mail": night.mail, "sre": night.sre})
        await night.told(night.reconfigured({scene.rule("availability")}, tree))

        assert "resolve" not in heard(night)
        await night.told(night.ends("availability", PAGE))
        assert heard(night)[-1] == "resolve"
        assert heard(night).count("resolve") == 1


async def test_what_waits_in_its_own_right_is_not_told_over_by_the_end_for_another() -> None:
    async with mixed() as night:
        night.mail.hangs = True
        await night.told(night.fires("availability", PAGE))
        await night.told(night.fires("requests", TICKET))
        await night.told(night.ends("availability", PAGE))
        night.mail.free()
        await night.passes(1)

        assert "resolve" not in heard(night)
        assert "requests" in {line.slo for one in night.mail.accepted for line in one.alerts}
        await night.told(night.ends("requests", TICKET))
        assert heard(night)[-1] == "resolve"


async def test_a_crash_before_the_update_and_a_lost_answer_change_nothing() -> None:
    async with mixed() as night:
        await night.told(night.fires("requests", TICKET))
        await night.told(night.fires("availability", PAGE))
        night.mail.hangs = True
        await night.told(night.ends("availability", PAGE))
        await night.die()
        night.mail.free()
        night.mail.script = [LOST]
        await night.passes(60)
        assert "resolve" not in heard(night)

        await night.told(night.ends("requests", TICKET))
        assert heard(night)[-1] == "resolve"
        assert heard(night).count("resolve") == 1


async def test_whoever_stands_in_for_the_stand_in_hears_of_its_end_alone() -> None:
    async with Night(replace(TREE, routes=TREE.routes[1:])) as night:
        night.tree = replace(
            night.tree,
            terms=Terms(failover=("sre",)),
        )
        night.oncall.script = [GONE] * 9
        night.mail.script = [REFUSED]
        await night.told(night.fires("requests", TICKET))
        assert night.sre.kinds == ["trigger"]
        await night.told(night.fires("availability", PAGE))
        await night.told(night.ends("availability", PAGE))
        assert night.sre.kinds.count("resolve") == 0
        await night.told(night.ends("requests", TICKET))
        assert night.sre.kinds[-1] == "resolve"


@pytest.mark.parametrize("seed", range(60))
async def test_no_end_while_something_routed_there_fires_whatever_happens(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a night by chance, no secret
    async with Night(TREE) as night:
        kinds = [("availability", PAGE), ("latency", PAGE), ("requests", TICKET)]
        for _ in range(30):
            slo, severity = rng.choice(kinds)
            match rng.randrange(8):
                case 0 | 1 | 2:
                    night.fires(slo, severity)
                case 3 | 4:
                    night.ends(slo, severity)
                case 5:
                    receiver = rng.choice([night.oncall, night.sre])
                    receiver.script.append(rng.choice([REFUSED, GONE, DOWN, LOST]))
                case 6 if night.store.incidents:
                    night.acknowledged()
                case _:
                    name = rng.choice(["oncall", "sre"])
                    await night.delivery.unpark(name)
            await night.told(night.reviewed())
            if rng.randrange(3):
                continue
            await night.passes(400)
            _judge(night)
        for slo, severity in kinds:
            night.ends(slo, severity)
        for name in ("oncall", "sre"):
            await night.delivery.unpark(name)
        await night.passes(4000)
        _judge(night)
        assert night.files == []
        for incident in night.store.incidents:
            last = _standing(night, "mail", incident)
            assert not last or last[-1].over, last
            twice = (NotificationKind.RESOLVE, NotificationKind.RESOLVE)
            assert twice not in pairwise(last), last


def _judge(night: Night) -> None:
    for file in night.files:
        kinds = _standing(night, "mail", file.incident.id)
        if file.told.get("mail") == "firing":
            assert kinds[-1] is not NotificationKind.RESOLVE, kinds


def _standing(night: Night, receiver: str, incident: str) -> list[NotificationKind]:
    return [
        message.kind
        for message in night.receivers[receiver].accepted
        if message.incident_id == incident and message.kind.stands
    ]
