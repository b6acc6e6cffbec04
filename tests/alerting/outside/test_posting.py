"""Bodies of POST /api/v2/alerts, read and refused as Debian's Alertmanager 0.25 does."""

import contextlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.origin import Origin, fingerprint
from alerting.outside.posting import Posting, RefusedBodyError, read_posting

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
TIMEOUT = timedelta(minutes=5)


def read(body: object) -> Posting:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_posting(raw, NOW, TIMEOUT)


def test_an_alert_without_times_fires_from_now_until_the_timeout() -> None:
    (one,) = read([{"labels": {"alertname": "A"}, "generatorURL": "http://p/g"}]).alerts

    assert (one.starts_at, one.ends_at, one.open_ended) == (NOW, NOW + TIMEOUT, True)
    assert one.origin == Origin({"alertname": "A"}, {}, "http://p/g")


def test_one_with_an_end_alone_began_then() -> None:
    (one,) = read([{"labels": {"a": "b"}, "endsAt": "2026-11-26T01:00:00.391783019Z"}]).alerts

    assert one.starts_at == one.ends_at == datetime(2026, 11, 26, 1, 0, 0, 391783, tzinfo=UTC)
    assert not one.open_ended


def test_go_s_zero_time_is_no_time() -> None:
    zero = "0001-01-01T00:00:00Z"
    (one,) = read([{"labels": {"a": "b"}, "startsAt": zero, "endsAt": zero}]).alerts

    assert (one.starts_at, one.open_ended) == (NOW, True)


def test_labels_are_told_apart_as_alertmanager_does() -> None:
    # What Debian's Alertmanager 0.25 gave to the same labels.
    labels = {"alertname": "A", "severity": "critical", "service": "s1"}

    assert fingerprint(labels) == "ed175e2c055e38d2"
    assert fingerprint({"alertname": "Good2"}) == "46b546e2429a2539"


def test_a_label_without_a_value_is_none() -> None:
    (one,) = read([{"labels": {"alertname": "A", "empty": "", "null": None}}]).alerts

    assert one.origin.labels == {"alertname": "A"}


@pytest.mark.parametrize(
    ("alert", "problem"),
    [
        ({"labels": {}}, "at least one label pair required"),
        ({"labels": {"a": ""}}, "at least one label pair required"),
        ({"labels": {"": "x"}}, 'invalid label set: invalid name ""'),
        ({"labels": {"a": "x"}, "annotations": {"": "x"}}, 'invalid annotations: invalid name ""'),
        (
            {
                "labels": {"a": "x"},
                "startsAt": "2026-01-02T00:00:00Z",
                "endsAt": "2026-01-01T00:00:00Z",
            },
            "start time must be before end time",
        ),
    ],
)
def test_a_bad_one_is_named_and_the_good_ones_are_taken(
    alert: dict[str, object], problem: str
) -> None:
    posting = read([{"labels": {"alertname": "A"}}, alert, {"labels": {"alertname": "B"}}])

    assert [one.origin.labels["alertname"] for one in posting.alerts] == ["A", "B"]
    assert posting.problems == (problem,)


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        (b"", 422, 602, "alerts in body is required"),
        (b"garbage", 400, 400, 'parsing alerts body from "" failed, because'),
        (b"{}", 400, 400, "a list of alerts was expected, not an object"),
        (b"[1]", 400, 400, "an alert is an object"),
        (b"[null]", 422, 602, "0.labels in body is required"),
        (b'[{"annotations":{}}]', 422, 602, "0.labels in body is required"),
        (b'[{"labels":{"a":1}}]', 400, 400, "0.labels.a is a number, and not text"),
        (b'[{"labels":{"a":"b"},"startsAt":"nonsense"}]', 400, 400, "is no time"),
        (b'[{"labels":{"a":"b"},"startsAt":"2026-01-02"}]', 400, 400, "is no time"),
        (b'[{"labels":{"a":"b"},"endsAt":"9999-12-31T23:59:59-23:00"}]', 400, 400, "is no time"),
        (b'[{"labels":{"a":"b"},"startsAt":5}]', 400, 400, "a time is text"),
        (
            b'[{"labels":{"a":"b"},"generatorURL":"foo"}]',
            422,
            601,
            '0.generatorURL in body must be of type uri: "foo"',
        ),
        (b"[" * 100_000, 400, 400, "failed, because"),
    ],
)
def test_a_body_that_is_no_list_of_alerts_is_refused_whole(
    body: bytes, status: int, code: int, words: str
) -> None:
    with pytest.raises(RefusedBodyError) as caught:
        read(body)

    assert (caught.value.status, caught.value.code) == (status, code)
    assert words in caught.value.message


@pytest.mark.parametrize("body", [b"null", b"[]"])
def test_a_list_of_nothing_is_fine(body: bytes) -> None:
    assert read(body) == Posting((), ())


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'"\xff\xfe"', "\ufffd\ufffd"),
        (b'"\\ud800x"', "\ufffdx"),
        ('"a\\nb\\u0000 😀"'.encode(), "a\nb\0 😀"),
    ],
    ids=["no UTF-8", "half a character", "newline, NUL and emoji"],
)
def test_what_is_no_text_reads_as_replacement_characters(raw: bytes, value: str) -> None:
    (one,) = read(b'[{"labels":{"alertname":' + raw + b"}}]").alerts

    assert one.origin.labels["alertname"] == value


def test_a_hundred_kilobytes_stay_its_identity_and_fit_into_a_message() -> None:
    (one,) = read([{"labels": {"alertname": "x" * 100_000}}]).alerts

    assert len(one.origin.labels["alertname"]) == 100_000
    assert len(one.origin.brief().labels["alertname"]) == 2_000


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(RefusedBodyError):
        read(body)
