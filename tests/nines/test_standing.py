"""An Alertmanager is told again what stands, whoever told it first, and what ended lately."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pytest

from alerting.notification import NotificationKind, NotificationState
from alerting.receivers import worded
from alerting.receivers.alertmanager import AlertmanagerConfig
from alerting.store import Decision
from nines.standing import OVER_FOR, remind
from nines.storage.alerts import AlertRecords
from nines.storage.database import Database
from nines.storage.recorded import standing
from tests.alerting.receivers.vendor import answer, vendor
from tests.nines.storage.builders import T0, a_message, a_notification, an_incident

T = TypeVar("T")
SECOND = timedelta(seconds=1)


async def run(call: Callable[[], T]) -> T:
    return call()


def tell(database: Database, incident: str, *, over: bool, delivered: bool = True) -> None:
    kinds = [NotificationKind.TRIGGER, *([NotificationKind.RESOLVE] if over else [])]
    state = NotificationState.DELIVERED if delivered else NotificationState.PENDING
    told = tuple(
        a_notification(
            f"{incident}-{revision}",
            incident_id=incident,
            kind=kind,
            revision=revision,
            state=state,
            finished_at=T0 if delivered else None,
            message=a_message(incident_id=incident, kind=kind, revision=revision),
        )
        for revision, kind in enumerate(kinds, start=1)
    )
    opened = an_incident(incident, service=incident)
    opened = replace(opened, resolved_at=T0) if over else opened
    AlertRecords(database).apply(Decision(incidents=(opened,), notifications=told), {})


def test_what_stands_is_the_last_word_of_each_incident(database: Database) -> None:
    tell(database, "open", over=False)
    tell(database, "over", over=True)
    tell(database, "untold", over=False, delivered=False)

    lately = standing(database, "oncall", T0 - SECOND)
    later = standing(database, "oncall", T0 + SECOND)

    assert {(one.incident_id, one.kind) for one in lately} == {
        ("open", NotificationKind.TRIGGER),
        ("over", NotificationKind.RESOLVE),
    }
    assert [one.incident_id for one in later] == ["open"]
    assert standing(database, "other", T0 - SECOND) == []


@pytest.mark.parametrize("kind", ["notice", "report", "canary", "digest"])
def test_what_is_not_about_the_incident_does_not_stand(database: Database, kind: str) -> None:
    tell(database, "open", over=False)
    later = a_notification(
        "later",
        incident_id="open",
        kind=NotificationKind(kind),
        revision=2,
        state=NotificationState.DELIVERED,
        finished_at=T0,
        message=a_message(incident_id="open", kind=NotificationKind(kind)),
    )
    AlertRecords(database).apply(Decision(notifications=(later,)), {})

    (word,) = standing(database, "oncall", T0)
    (file,) = AlertRecords(database).open_incidents()
    assert word.kind is NotificationKind.TRIGGER
    assert file.told == {"oncall": "firing"}


def test_what_a_digest_told_stands_once_that_has_arrived(database: Database) -> None:
    tell(database, "open", over=False, delivered=False)
    (row,) = AlertRecords(database).due_notifications(T0)

    for finished, count in ((None, 0), (T0, 1)):
        told = replace(row, state=NotificationState.DIGESTED, finished_at=finished)
        AlertRecords(database).apply(Decision(notifications=(told,)), {})
        assert len(standing(database, "oncall", T0)) == count


async def test_each_round_says_it_again_and_a_failure_ends_nothing(database: Database) -> None:
    tell(database, "open", over=False)
    told = partial(standing, database)
    async with vendor(answer(503), answer(200)) as stands:
        config = AlertmanagerConfig.model_validate({"url": stands.url})
        made = worded("alertmanager", config, {"external_url": ""}, lambda _: None)
        for _ in range(2):
            await remind({"oncall": made}, told, run, T0 + OVER_FOR)

    assert len(stands.requests) == 2
    assert len(json.loads(stands.bodies[1])) == len(a_message().alerts)
