"""An Alertmanager is told again what stands, whoever told it first, and what ended lately."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

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
