"""Why alerts were told or not, as rows: what "why was I (not) paged?" is answered from."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from alerting.grounds import Grounds
from nines.storage.codec import grounds_from_json, grounds_to_json
from nines.storage.schema import grounds
from nines.storage.upsert import add


def write_grounds(connection: Connection, found: Iterable[Grounds]) -> None:
    """Add them; none is ever changed."""
    rows = [
        {
            "incident_id": one.incident_id,
            "alert_id": one.alert_id,
            "at": one.at,
            "grounds": grounds_to_json(one),
        }
        for one in found
    ]
    add(connection, grounds, rows)


def grounds_of_alert(connection: Connection, alert_id: str) -> list[Grounds]:
    """All of one alert, oldest first."""
    query = (
        select(grounds.c.grounds).where(grounds.c.alert_id == alert_id).order_by(grounds.c.number)
    )
    return [grounds_from_json(text) for text in connection.execute(query).scalars()]
