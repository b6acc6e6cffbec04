"""Put pages, and their ends, straight into the outbox of workers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from alerting.notification import Notification, NotificationKind
from alerting.store import Decision
from nines.storage.alerts import AlertRecords
from nines.storage.database import open_database
from tests.alerting.receivers.messages import message
from tests.chaos.judge import Broke, Event, Healed
from tests.nines.storage.builders import a_notification, an_incident


def written(incident: str, kind: NotificationKind, names: Sequence[str]) -> Iterator[Notification]:
    """What a decision puts into the outbox."""
    now = datetime.now(UTC)
    revision = 1 if kind is NotificationKind.TRIGGER else 2
    for name in names:
        id_ = f"{incident}N{revision}{name}"
        said = message(kind, revision, receiver=name, incident_id=incident, notification_id=id_)
        said = replace(said, incident_url=f"https://nines.example/incidents/{incident}")
        yield a_notification(
            id_,
            incident_id=incident,
            receiver=name,
            kind=kind,
            revision=revision,
            message=said,
            created_at=now,
            next_attempt_at=now,
        )


def decide(
    events: list[Event], url: str, kind: NotificationKind, count: int, names: Sequence[str]
) -> None:
    """So many incidents begin, or end."""
    database = open_database(url)
    try:
        for number in range(count):
            incident = f"I{number:03}"
            events.append(Broke() if kind is NotificationKind.TRIGGER else Healed())
            rows = tuple(written(incident, kind, names))
            decision = Decision(incidents=(an_incident(incident),), notifications=rows)
            AlertRecords(database).apply(decision, {})
    finally:
        database.close()
