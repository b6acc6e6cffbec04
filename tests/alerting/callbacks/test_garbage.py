"""Whatever strangers send, the answer is a value or a refusal with a 4xx."""

import contextlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerting.callbacks import content, link, pagerduty, slack
from alerting.callbacks.refusal import RefusedError

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET = "s3cret"
KEYS = ["type", "user", "id", "name", "actions", "action_id", "value", "event", "data", "summary"]
KEYS += ["event_type", "agent", "incident_key", "occurred_at", "assignees"]
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.just("\ud800")
    | st.just("nines_acknowledge"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


def refused(call: Callable[[], object]) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        call()
    assert 400 <= caught.value.status < 500
    return caught.value


def slack_headers(body: bytes, stamp: str = STAMP, secret: str = SECRET) -> dict[str, str]:
    signed = content.signature(secret, b"v0:%s:%s" % (stamp.encode(), body))
    return {slack.STAMP_HEADER: stamp, slack.SIGNATURE_HEADER: f"v0={signed}"}


@given(stamp=st.text(max_size=20), given_=st.text(max_size=80), body=st.binary(max_size=80))
@example(stamp="soon", given_="v0=0", body=b"")
@example(stamp=STAMP, given_="v0=ä", body=b"\xff")
@example(stamp="١٢٣", given_="", body=b"")
@example(stamp="9" * 5_000, given_="\ud800", body=b"")
def test_no_header_of_a_stranger_is_slacks(stamp: str, given_: str, body: bytes) -> None:
    headers = {slack.STAMP_HEADER: stamp, slack.SIGNATURE_HEADER: given_}
    error = refused(lambda: slack.verify(SECRET, headers, body, NOW))
    assert error.status == 401


@pytest.mark.parametrize("seconds", [-301, 301, 3600])
def test_a_signature_is_good_for_five_minutes(seconds: int) -> None:
    stamp = str(int(STAMP) + seconds)
    refused(lambda: slack.verify(SECRET, slack_headers(b"x", stamp), b"x", NOW))


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_within_them_it_is_taken(seconds: int) -> None:
    headers = slack_headers(b"x", str(int(STAMP) + seconds))
    assert slack.verify(SECRET, headers, b"x", NOW) == headers[slack.SIGNATURE_HEADER]


@pytest.mark.parametrize("change", [{"secret": "other"}, {"stamp": str(int(STAMP) - 1)}])
def test_a_signature_is_of_one_secret_stamp_and_body(change: Mapping[str, str]) -> None:
    headers = {**slack_headers(b"x", **change), slack.STAMP_HEADER: STAMP}
    refused(lambda: slack.verify(SECRET, headers, b"x", NOW))
    refused(lambda: slack.verify(SECRET, slack_headers(b"x"), b"y", NOW))


@given(body=st.binary(max_size=300) | st.text(max_size=100).map(lambda t: f"payload={t}".encode()))
@example(body=b"payload=%ff%fe")
@example(body=b"payload=" + b"[" * 100_000)
@example(body=b"payload=%7B%22type%22%3A" + b"9" * 5_000 + b"%7D")
@example(body=b"a=1&" * 50)
def test_any_body_of_slack_is_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(RefusedError):
        slack.read(body)


@given(said=ANYTHING)
@example(said={"type": "block_actions", "actions": [{"action_id": "nines_acknowledge"}]})
@example(
    said={
        "type": "block_actions",
        "user": {"id": "U1", "name": "\ud800\x00" * 500},
        "actions": [None, {"action_id": "nines_acknowledge", "value": "v1.INC.1"}],
    }
)
def test_any_payload_is_a_press_or_refused(said: object) -> None:
    if isinstance(said, dict):
        said = {"type": "block_actions", **said}
    try:
        press = slack.read(urlencode({"payload": json.dumps(said)}).encode())
    except RefusedError:
        return
    if press is not None:
        assert press.user_name.isprintable()
        assert len(press.user_name) <= 80


def test_a_press_says_who_pressed_what() -> None:
    value = slack.value("01JD3T8Z", 3)
    payload = {
        "type": "block_actions",
        "user": {"id": "U0ANN", "name": "ann"},
        "actions": [
            {"action_id": "somebody elses", "value": "x"},
            {"action_id": "nines_silence_1h", "value": value},
        ],
    }
    press = slack.read(urlencode({"payload": json.dumps(payload)}).encode())
    assert press == slack.Press(slack.Button.SILENCE, "01JD3T8Z", 3, "U0ANN", "ann")


def pagerduty_headers(body: bytes, *secrets: str) -> dict[str, str]:
    signed = [f"v1={content.signature(secret, body)}" for secret in secrets]
    return {pagerduty.SIGNATURE_HEADER: ", ".join(signed)}


def test_one_of_pagerdutys_signatures_is_enough() -> None:
    pagerduty.verify(SECRET, pagerduty_headers(b"x", "older", SECRET), b"x")
    refused(lambda: pagerduty.verify(SECRET, pagerduty_headers(b"x", "older"), b"x"))
    refused(lambda: pagerduty.verify(SECRET, pagerduty_headers(b"x", SECRET), b"y"))
    refused(lambda: pagerduty.verify(SECRET, {}, b"x"))
    refused(lambda: pagerduty.verify(SECRET, pagerduty_headers(b"x", *["no"] * 50, SECRET), b"x"))


@given(given_=st.text(max_size=80), body=st.binary(max_size=80))
@example(given_="v1=ä,v1=\ud800,,", body=b"")
def test_no_header_of_a_stranger_is_pagerdutys(given_: str, body: bytes) -> None:
    headers = {pagerduty.SIGNATURE_HEADER: given_}
    assert refused(lambda: pagerduty.verify(SECRET, headers, body)).status == 401


@given(body=st.binary(max_size=200) | ANYTHING.map(lambda said: json.dumps(said).encode()))
@example(body=b'{"event":{"id":"a","event_type":"x","occurred_at":"0001-01-01T00:00:00+23:59"}}')
@example(body=b'{"event":{"id":"a","event_type":"x","occurred_at":"2026-11-21T12:00:00"}}')
@example(body=b"[" * 100_000)
@example(body=b"\xff")
def test_any_body_of_pagerduty_is_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(RefusedError):
        pagerduty.read(body, NOW)


@given(event=ANYTHING)
def test_any_event_is_read_or_refused(event: object) -> None:
    usual = {"id": "E1", "event_type": "incident.triggered", "occurred_at": NOW.isoformat()}
    merged = {**event, **usual} if isinstance(event, dict) else event
    with contextlib.suppress(RefusedError):
        told = pagerduty.read(json.dumps({"event": merged}).encode(), NOW)
        assert told.who.isprintable()
        assert all(name.isprintable() for name in told.assignees)


def test_an_old_event_is_a_replay() -> None:
    def event(age: timedelta) -> bytes:
        at = (NOW - age).isoformat()
        said = {"id": "E1", "event_type": "incident.resolved", "occurred_at": at}
        return json.dumps({"event": said}).encode()

    assert pagerduty.read(event(timedelta(days=2)), NOW).kind == "incident.resolved"
    refused(lambda: pagerduty.read(event(timedelta(days=4)), NOW))


def test_a_link_is_ours_for_a_day() -> None:
    given_ = link.token("key", "INC1", "N1", NOW)
    found = link.read("key", given_, NOW + link.LIFETIME - timedelta(seconds=1))
    assert (found.incident_id, found.notification_id) == ("INC1", "N1")
    assert refused(lambda: link.read("key", given_, NOW + link.LIFETIME)).status == 410
    assert refused(lambda: link.read("other", given_, NOW)).status == 404


@given(given_=st.text(max_size=200))
@example(given_="INC1.N1.999999999999." + "0" * 64)
def test_no_other_token_leads_anywhere(given_: str) -> None:
    assert refused(lambda: link.read("key", given_, NOW)).status == 404


@given(where=st.integers(0, 5), with_=st.sampled_from("x0."))
def test_a_changed_link_is_not_ours(where: int, with_: str) -> None:
    given_ = link.token("key", "INC1", "N1", NOW)
    changed = given_[:where] + with_ + given_[where + 1 :]
    if changed != given_:
        refused(lambda: link.read("key", changed, NOW))
