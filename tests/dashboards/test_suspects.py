"""What may be behind an incident: edits just before it, and trouble elsewhere."""

from dataclasses import replace
from datetime import timedelta

from dashboards.suspects import Suspect, suspects
from slo.versions import Definition, Version
from tests.web.fakes import NOW, FakeSource

MINUTE = timedelta(minutes=1)
INCIDENT = replace(FakeSource().details["INC0001"].incident, opened_at=NOW)


def version(number: int, ago: timedelta) -> Version:
    definition = Definition("shop/checkout", number, "{}", "mark", NOW - ago)
    return Version(definition, None, ("objective: 99.9 % to 99.95 %",), 1)


def found(*versions: Version, ago: timedelta = 5 * MINUTE, service: str = "db") -> list[Suspect]:
    other = replace(INCIDENT, id="OTHER", service=service, opened_at=NOW - ago)
    return list(
        suspects(
            INCIDENT,
            versions={"shop/checkout": versions},
            open_then=[INCIDENT, other],
            slos={"OTHER": ("replies",)},
        )
    )


def test_what_was_open_elsewhere_and_edited_before_is_named_nearest_first() -> None:
    lines = found(version(1, timedelta(days=9)), version(2, 20 * MINUTE))

    assert [(one.word, one.what, one.url) for one in lines] == [
        ("Open already", "db: replies", "/incidents/OTHER"),
        (
            "Edited",
            "shop/checkout: objective: 99.9 % to 99.95 %",
            "/slos/shop/checkout#versions",
        ),
    ]
    assert [one.before.replace("\u00a0", " ") for one in lines] == ["for 5 min", "20 min before"]


def test_the_first_definition_is_no_edit_and_older_or_later_ones_are_no_suspects() -> None:
    edits = (version(1, MINUTE), version(2, 61 * MINUTE), version(3, -MINUTE))

    assert [one.word for one in found(*edits)] == ["Open already"]


def test_the_incident_itself_and_its_own_service_are_not_beside_it() -> None:
    assert found(service="shop") == []
