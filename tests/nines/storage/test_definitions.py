"""Versions of definitions: a new one for each edit, and none for a restart."""

from dataclasses import replace
from datetime import timedelta

import pytest

from nines.storage.database import Database
from nines.storage.definitions import DefinitionRecords
from slo.versions import Definition
from tests.nines.storage.builders import T0

DAY = timedelta(days=1)
ONE = Definition("shop/up", 1, '{"objective":["99.9%"]}', "mark", T0)
STRICT = '{"objective":["99.99%"]}'


@pytest.fixture
def records(database: Database) -> DefinitionRecords:
    return DefinitionRecords(database)


def later(days: int, **changes: str) -> Definition:
    return replace(ONE, valid_from=T0 + days * DAY, **changes)  # type: ignore[arg-type]  # any field


def test_the_first_definition_is_version_1(records: DefinitionRecords) -> None:
    records.take_up([ONE, replace(ONE, sli_id="shop/other")])

    assert records.load() == {
        "shop/other": (replace(ONE, sli_id="shop/other"),),
        "shop/up": (ONE,),
    }


def test_taking_up_the_same_again_writes_nothing(records: DefinitionRecords) -> None:
    records.take_up([ONE])
    records.take_up([later(1)])

    assert records.load() == {"shop/up": (ONE,)}


def test_an_edit_is_a_new_version_and_so_is_the_way_back(records: DefinitionRecords) -> None:
    for definition in (ONE, later(1, text=STRICT), later(2, mark="other"), later(3)):
        records.take_up([definition])

    found = records.load()["shop/up"]
    assert [one.number for one in found] == [1, 2, 3, 4]
    assert [one.mark for one in found] == ["mark", "mark", "other", "mark"]
    assert [one.valid_from for one in found] == [T0 + n * DAY for n in range(4)]


def test_a_clock_set_back_leaves_versions_in_their_order(records: DefinitionRecords) -> None:
    records.take_up([ONE])
    records.take_up([later(-1, text=STRICT)])

    first, second = records.load()["shop/up"]
    assert first.valid_from < second.valid_from


def test_what_was_followed_long_ago_is_forgotten(records: DefinitionRecords) -> None:
    for definition in (ONE, later(1, text=STRICT), later(5)):
        records.take_up([definition])

    assert records.prune(T0 + 9 * DAY, 9 * DAY) == 0
    assert records.prune(T0 + 9 * DAY, 5 * DAY) == 1
    assert records.prune(T0 + 99 * DAY, DAY) == 1
    assert [one.number for one in records.load()["shop/up"]] == [3]
