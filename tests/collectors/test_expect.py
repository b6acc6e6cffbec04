"""Assertions, judged without a network."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from collectors.certificate import Certificate
from collectors.expect import Answer, Body, Failure, judge
from collectors.expectation import HttpExpect
from collectors.observation import Cause

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def given(
    document: object = None,
    *,
    body: Body | None = None,
    headers: dict[str, str] | None = None,
    status: int = 200,
    duration: timedelta = timedelta(0),
    chain: tuple[Certificate, ...] = (),
) -> Answer:
    read = body if body is not None else Body(json.dumps(document).encode())
    return Answer(status, httpx.Headers(headers or {}), read, duration, chain)


def judged(answer: Answer, **expect: object) -> Failure | None:
    return judge(HttpExpect.model_validate(expect), answer, NOW)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(True, True, id="true"),
        pytest.param(None, None, id="null"),
        pytest.param("up", "up", id="text"),
        pytest.param(1.0, 1, id="a whole number with a point"),
        pytest.param(3, {"above": 2, "below": 4}, id="between bounds"),
        pytest.param("b", {"one_of": ["a", "b"]}, id="one of several"),
        pytest.param(None, {"exists": True}, id="null is there"),
    ],
)
def test_a_json_value_as_expected_passes(document: object, expected: object) -> None:
    assert judged(given({"x": document}), json={"$.x": expected}) is None


@pytest.mark.parametrize(
    ("document", "expected", "said"),
    [
        pytest.param(1, True, "is 1; expected true", id="a number is not true"),
        pytest.param(True, 1, "is true; expected 1", id="true is not a number"),
        pytest.param("1", 1, 'is "1"; expected 1', id="text is not a number"),
        pytest.param(None, False, "is null; expected false", id="null is not false"),
        pytest.param(5, {"above": 5}, "is 5; expected a number above 5", id="not above"),
        pytest.param("9", {"above": 5}, 'is "9"; expected a number above 5', id="no number"),
        pytest.param(
            True, {"above": 0}, "is true; expected a number above 0", id="no number: true"
        ),
        pytest.param("c", {"one_of": ["a"]}, 'is "c"; expected one of "a"', id="none of them"),
        pytest.param(0, {"exists": False}, "is 0; expected nothing there", id="there"),
    ],
)
def test_another_json_value_fails_and_both_are_said(
    document: object, expected: object, said: str
) -> None:
    failure = judged(given({"x": document}), json={"$.x": expected})

    assert failure == Failure(Cause.ASSERTION, f"$.x {said}")


@pytest.mark.parametrize(
    "expected", [True, 1, {"below": 500}, {"above": -1}, {"one_of": [None]}, {"exists": True}]
)
@pytest.mark.parametrize("document", [{}, [], 3, "x", None])
def test_a_path_that_leads_nowhere_fails(document: object, expected: object) -> None:
    failure = judged(given(document), json={"$.x": expected})

    assert failure is not None
    assert failure.sentence.startswith("$.x is not in the answer; expected ")


def test_every_value_that_a_path_selects_must_be_as_expected() -> None:
    shards = {"shards": [{"up": True}, {"up": False}]}
    failure = judged(given(shards), json={"$.shards[*].up": True})

    assert failure == Failure(Cause.ASSERTION, "$.shards[*].up is false; expected true")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"<html>", "no valid JSON", id="another format"),
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param('{"x": "é"}'.encode("latin-1"), "no valid JSON", id="not UTF-8"),
        pytest.param(b"[" * 100_000, "no valid JSON", id="nested without end"),
        pytest.param(b'{"x": NaN}', "no valid JSON", id="NaN"),
    ],
)
def test_what_is_no_json_fails_the_body(body: bytes, said: str) -> None:
    failure = judged(given(body=Body(body)), json={"$.x": True})

    assert failure is not None
    assert failure.cause is Cause.BODY
    assert said in failure.sentence


def test_a_document_nested_too_deeply_for_a_path_fails() -> None:
    deep = b"[" * 900 + b"]" * 900
    failure = judged(given(body=Body(deep)), json={"$..x": True})

    assert failure == Failure(Cause.ASSERTION, "the document is nested too deeply for $..x")


def test_json_that_was_cut_off_names_the_limit() -> None:
    failure = judged(given(body=Body(b"[1, 2", cut_at=1 << 20)), json={"$": True})

    assert failure is not None
    assert "longer than body_limit, 1MiB" in failure.sentence


def test_a_missing_text_shows_the_beginning_of_what_came() -> None:
    failure = judged(given(body=Body(b"down\n" * 100)), body=["down", "up"])

    assert failure is not None
    assert failure.sentence.startswith("the body does not contain 'up'; it begins with 'down\\n")
    assert failure.sentence.endswith("...'")
    assert len(failure.sentence) < 400


def test_a_text_is_looked_for_in_the_character_set_of_the_answer() -> None:
    answer = given(
        body=Body("größer".encode("latin-1")),
        headers={"content-type": "text/plain; charset=iso-8859-1"},
    )

    assert judged(answer, body="größer", body_regex="gr..er$") is None


def test_an_unknown_character_set_fails_the_body() -> None:
    answer = given(body=Body(b"x"), headers={"content-type": "text/plain; charset=klingon"})
    failure = judged(answer, body="x")

    # httpx leaves a character set that Python does not know to us.
    assert failure is None or failure.cause is Cause.BODY


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        pytest.param("b", "the header X-Env is 'a'; expected 'b'", id="other text"),
        pytest.param(
            {"regex": "^b"}, "the header X-Env is 'a'; expected a match of '^b'", id="regex"
        ),
    ],
)
def test_another_header_fails_and_both_are_said(expected: object, said: str) -> None:
    failure = judged(given(headers={"x-env": "a"}), headers={"X-Env": expected})

    assert failure == Failure(Cause.ASSERTION, said)


def test_a_missing_header_fails() -> None:
    failure = judged(given(), headers={"X-Env": {"regex": "."}})

    assert failure == Failure(Cause.ASSERTION, "the header X-Env is missing")


def test_a_latency_as_long_as_allowed_passes() -> None:
    assert judged(given(duration=timedelta(milliseconds=500)), latency="500ms") is None


@pytest.mark.parametrize(
    ("left", "said"),
    [
        pytest.param(timedelta(days=13, hours=23), "in 14.0 days; expected at least 14", id="soon"),
        pytest.param(timedelta(days=-1), "expired at 2026-11-20 12:00 UTC", id="expired"),
    ],
)
def test_a_certificate_that_does_not_last_fails(left: timedelta, said: str) -> None:
    chain = (Certificate("shop", NOW + timedelta(days=90)), Certificate("root", NOW + left))
    failure = judged(given(chain=chain), certificate_days=14)

    assert failure is not None
    assert failure.cause is Cause.CERTIFICATE
    assert failure.sentence.startswith("the certificate of root ")
    assert said in failure.sentence


def test_certificate_days_without_a_certificate_fail() -> None:
    failure = judged(given(), certificate_days=1)

    assert failure is not None
    assert failure.cause is Cause.CERTIFICATE


def test_the_first_failing_assertion_in_judging_order_gives_the_cause() -> None:
    answer = given({"up": False}, status=500, duration=timedelta(seconds=9))
    expect: dict[str, object] = {
        "latency": "1s",
        "certificate_days": 1,
        "json": {"$.up": True},
        "body_regex": "yes",
        "body": "ok",
        "headers": {"x": "y"},
        "status": 200,
    }
    causes = []
    for key in ("status", "headers", "body", "body_regex", "json", "certificate_days", "latency"):
        failure = judged(answer, **expect)
        assert failure is not None
        causes.append(failure.cause)
        expect.pop(key)
        expect.setdefault("status", "5xx")

    assert causes == [
        Cause.STATUS,
        Cause.ASSERTION,
        Cause.BODY,
        Cause.BODY,
        Cause.ASSERTION,
        Cause.CERTIFICATE,
        Cause.LATENCY,
    ]
