"""Evidence and messages read back as they were written, by older and newer versions too."""

from collections import UserDict
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from nines.storage.codec import (
    facts_from_json,
    facts_to_json,
    mapping_from_json,
    mapping_to_json,
    message_from_json,
    message_to_json,
    state_from_json,
    state_to_json,
)
from nines.storage.errors import StorageError
from slo.alert_state import AlertState, Phase
from slo.severity import Severity
from tests.nines.storage.builders import FACTS, T0, a_message


def test_facts_read_back_as_they_were() -> None:
    assert facts_from_json(facts_to_json(FACTS)) == FACTS


def test_a_message_reads_back_with_its_alerts_and_labels() -> None:
    message = a_message(
        resolved_at=T0 + timedelta(microseconds=1), owner="pets-team", first_severity=Severity.PAGE
    )

    assert message_from_json(message_to_json(message)) == message


def test_labels_may_be_any_mapping() -> None:
    message = a_message(labels=UserDict({"env": "prod"}))

    assert message_from_json(message_to_json(message)).labels == {"env": "prod"}


def test_a_state_reads_back_as_it_was() -> None:
    state = AlertState(Phase.FIRING, T0, T0 + timedelta(seconds=3))

    assert state_from_json(state_to_json(state)) == state


def test_a_handle_reads_back_as_it_was() -> None:
    assert mapping_from_json(mapping_to_json({"ts": "1.2", "é": ""})) == {"ts": "1.2", "é": ""}


def test_times_are_written_with_their_offset() -> None:
    raw = orjson.loads(facts_to_json(FACTS))

    assert datetime.fromisoformat(raw["exhausts_at"]).utcoffset() == timedelta(0)


def test_a_time_of_another_zone_stays_the_same_moment() -> None:
    tokyo = datetime(2026, 11, 21, 18, 0, tzinfo=timezone(timedelta(hours=9)))

    assert facts_from_json(facts_to_json(replace(FACTS, exhausts_at=tokyo))).exhausts_at == tokyo


def test_an_infinite_burn_becomes_not_known() -> None:
    assert facts_from_json(facts_to_json(replace(FACTS, burn_long=float("inf")))).burn_long is None


def test_keys_that_a_newer_version_wrote_are_passed_over() -> None:
    raw = orjson.loads(message_to_json(a_message())) | {"colour": "red"}
    raw["alerts"][0]["facts"]["mood"] = "grim"

    assert message_from_json(orjson.dumps(raw).decode()) == a_message()


def test_keys_that_an_older_version_did_not_write_take_their_default() -> None:
    raw = orjson.loads(facts_to_json(FACTS))
    del raw["top_cause"]

    assert facts_from_json(orjson.dumps(raw).decode()) == replace(FACTS, top_cause=None)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="cut off"),
        pytest.param("[]", id="no object"),
        pytest.param("{}", id="without what is required"),
        pytest.param('{"phase": "asleep"}', id="an unknown phase"),
        pytest.param('{"phase": "firing", "since": "noon"}', id="no time"),
    ],
)
def test_what_cannot_be_read_is_a_storage_error(text: str) -> None:
    read = facts_from_json if text == "{}" else state_from_json
    with pytest.raises(StorageError, match="stored"):
        read(text)


def test_the_microsecond_and_the_zone_survive() -> None:
    at = datetime(2026, 11, 21, 9, 0, 0, 1, tzinfo=UTC)

    assert state_from_json(state_to_json(AlertState(Phase.PENDING, at))).since == at
