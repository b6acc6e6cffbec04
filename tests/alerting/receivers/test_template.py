"""Any API by templates: what is sent, and what each answer is taken for."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings

from alerting.notification import AttemptOutcome, Message
from alerting.receivers import door, template
from alerting.receivers.template import TemplateConfig, TemplateReceiver
from tests.alerting.receivers.messages import ACKNOWLEDGE, RESOLVE, horrible, message
from tests.alerting.receivers.outcomes import AMBIGUOUS, OK, PERMANENT, RETRY, deliver
from tests.alerting.receivers.vendor import HANG, RESET, answer, vendor

PATH = (
    "/v2/alerts{% if over %}/{{ incident_id }}/close?identifierType=alias{% elif kind == "
    '"acknowledge" %}/{{ incident_id }}/acknowledge?identifierType=alias{% endif %}'
)
OPSGENIE = {
    "headers": {"Authorization": "GenieKey s3cret"},
    "json": {
        "message": "{{ title | truncate(130, True) }}",
        "alias": "{{ incident_id }}",
        "description": "{{ text }}",
        "details": {"owner": "{{ owner }}", "tags": ["{{ severity }}", 7, None]},
    },
}


def receiver(url: str, **more: object) -> TemplateReceiver:
    config = TemplateConfig.model_validate({"url": url + PATH, **OPSGENIE, **more})
    return template.build(config, external_url="https://n.example")


async def test_opsgenie_is_told_in_its_own_form() -> None:
    async with vendor(answer(202)) as stands:
        sender = receiver(stands.url)
        for kind in (message(), message(ACKNOWLEDGE, 2), message(RESOLVE, 3)):
            assert (await deliver(sender, kind)).outcome is OK

    alias = "01JD3T8ZINCIDENT"
    assert [request.split(b" ")[1].decode() for request in stands.requests] == [
        "/v2/alerts",
        f"/v2/alerts/{alias}/acknowledge?identifierType=alias",
        f"/v2/alerts/{alias}/close?identifierType=alias",
    ]
    assert b"authorization: geniekey s3cret" in stands.requests[0].lower()
    said = json.loads(stands.bodies[0])
    assert said["alias"] == alias
    assert len(said["message"]) <= 130
    assert said["details"] == {"owner": "pets-team", "tags": ["page", 7, None]}


async def test_a_body_may_be_text() -> None:
    async with vendor(answer(200)) as stands:
        address, body = f"{stands.url}/x", "{{ state }}: {{ service }}"
        config = TemplateConfig.model_validate({"url": address, "method": "PUT", "body": body})
        await deliver(TemplateReceiver(config), message())

    assert stands.requests[0].startswith(b"PUT /x ")
    assert stands.bodies == [b"FIRING: shop"]


async def test_a_text_that_fails_is_the_title_and_that_is_told() -> None:
    async with vendor(answer(200)) as stands:
        sender = receiver(stands.url, json={"a": "{{ 1 // 0 }}", "b": "{{ service }}"})
        receipt = await sender.deliver(message(), handle={}, attempt=1)

    assert json.loads(stands.bodies[0]) == {"a": message().title, "b": "shop"}
    assert receipt.problem is not None
    assert "ZeroDivisionError" in receipt.problem


@settings(max_examples=40, deadline=None)
@given(horrible())
def test_no_text_breaks_out_of_the_json(bad: Message) -> None:
    said = json.loads(receiver("https://api.example").rendered(bad).content)

    assert said.keys() == OPSGENIE["json"].keys()  # type: ignore[attr-defined]
    assert all(len(said[key]) <= 10_000 for key in ("message", "description"))


async def test_an_address_that_no_label_fits_into_is_refused() -> None:
    config = TemplateConfig.model_validate(
        {"url": "https://api.example/{{ service }}", "body": "x"}
    )
    for service in ("a b", "x\ny", "é"):
        result = await deliver(TemplateReceiver(config), message(service=service))
        assert (result.outcome, result.status) == (PERMANENT, None)


@pytest.mark.parametrize(
    ("said", "outcome", "status", "retry_after"),
    [
        pytest.param(answer(202), OK, 202, None, id="accepted"),
        pytest.param(answer(307, Location="/"), PERMANENT, 307, None, id="redirect"),
        pytest.param(answer(400), PERMANENT, 400, None, id="bad request"),
        pytest.param(answer(409, Retry_After="9"), RETRY, 409, 9, id="a 409 that is to be retried"),
        pytest.param(answer(501), PERMANENT, 501, None, id="a 501 that is permanent"),
        pytest.param(answer(429, Retry_After="5"), RETRY, 429, 5, id="too many, with a wait"),
        pytest.param(answer(429), RETRY, 429, None, id="too many"),
        pytest.param(answer(500), AMBIGUOUS, 500, None, id="server error"),
        pytest.param(answer(503), RETRY, 503, None, id="unavailable"),
        pytest.param(RESET, AMBIGUOUS, None, None, id="connection lost"),
    ],
)
async def test_each_answer_has_its_outcome(
    said: bytes, outcome: AttemptOutcome, status: int | None, retry_after: int | None
) -> None:
    async with vendor(said) as stands:
        sender = receiver(stands.url, retry=[409], permanent=[501])
        result = await deliver(sender, message())

    assert (result.outcome, result.status) == (outcome, status)
    assert result.retry_after == (None if retry_after is None else timedelta(seconds=retry_after))


async def test_silence_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "TIMEOUT", 0.05)
    async with vendor(HANG) as stands:
        result = await deliver(receiver(stands.url), message())

    assert result.outcome is AMBIGUOUS


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"url": "https://{{ service }}.example", "body": "x"}, "host"),
        ({"url": "https://a{{ service }}/", "body": "x"}, "host of an address is fixed"),
        ({"url": "https://a/"}, "either json or body"),
        ({"url": "https://a/", "body": "x", "json": {}}, "either json or body"),
        ({"url": "https://a/", "body": "x", "retry": [500], "permanent": [500]}, "stands both"),
        ({"url": "https://a/", "body": "x", "retry": [200]}, "greater than"),
    ],
)
def test_a_wrong_configuration_is_refused_in_words(config: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        TemplateConfig.model_validate(config)
