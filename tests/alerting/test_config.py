"""The `alerting` section of config.yaml."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from alerting.bucket import Rate
from alerting.config import AlertingConfig
from alerting.receivers import RECEIVERS

WEBHOOK = {"webhook": {"url": "https://hooks.example/nines"}}


def read(**section: Any) -> AlertingConfig:  # noqa: ANN401 - what YAML gives
    return AlertingConfig.model_validate(section)


def fault(**section: Any) -> tuple[tuple[str | int, ...], str]:  # noqa: ANN401 - what YAML gives
    """The place and the words of the only error."""
    with pytest.raises(ValidationError) as caught:
        read(**section)
    (error,) = caught.value.errors()
    return error["loc"], error["msg"].removeprefix("Value error, ")


def test_a_receiver_is_told_as_fast_as_its_kind_takes_it_or_as_is_said() -> None:
    webhook = {"webhook": {"url": "https://hooks.example/x"}}
    read = AlertingConfig.model_validate(
        {"receivers": {"usual": webhook, "slow": {**webhook, "rate": "2/1s"}}}
    ).receivers

    assert read["usual"].rate == Rate(600, timedelta(minutes=1), 100, 200)
    assert read["slow"].rate == Rate(2, timedelta(seconds=1), 2, 200)


@pytest.mark.parametrize("rate", ["60", "0/1m", "x/1m", "-1/1m", "60/0s", "60/soon"])
def test_a_rate_that_is_none_is_refused(rate: str) -> None:
    webhook = {"webhook": {"url": "https://hooks.example/x"}, "rate": rate}
    with pytest.raises(ValueError, match=r"rate|duration"):
        AlertingConfig.model_validate({"receivers": {"hook": webhook}})


def test_without_a_section_nobody_is_told() -> None:
    assert str(read().route.explain({"severity": "page"})).startswith("Nobody is told")


def test_the_tree_routes_as_written() -> None:
    config = read(
        route={
            "receivers": ["mail"],
            "routes": [
                {"match": 'severity="page"', "receivers": ["oncall"], "continue": True},
                {
                    "match": ['severity=~"page|ticket"', 'env!="dev"'],
                    "routes": [{"match": 'owner="pets"', "receivers": ["pets"]}],
                },
            ],
        }
    )

    def explained(**labels: str) -> tuple[str, ...]:
        return config.route.explain(labels).receivers

    assert explained(severity="page") == ("oncall", "mail")
    assert explained(severity="page", env="dev") == ("oncall",)
    assert explained(severity="ticket", owner="pets") == ("pets",)
    assert explained(severity="info") == ("mail",)


def test_a_receiver_is_of_the_kind_that_its_key_names() -> None:
    receiver = read(receivers={"hook": WEBHOOK}).receivers["hook"]

    assert receiver.kind == "webhook"
    assert isinstance(receiver.config, RECEIVERS["webhook"].config)


def test_a_secret_is_not_printed() -> None:
    key = "0123456789abcdef" * 2
    config = read(receivers={"oncall": {"pagerduty": {"routing_key": key}}})

    assert key not in repr(config)
    assert key not in config.model_dump_json()


@pytest.mark.parametrize(
    ("section", "place", "words"),
    [
        pytest.param(
            {"receivers": {"oncall": {}}},
            ("receivers", "oncall"),
            f"a receiver has one kind, one of {', '.join(RECEIVERS)}",
            id="no kind",
        ),
        pytest.param(
            {"receivers": {"x": {**WEBHOOK, "pagerduty": {"routing_key": "a" * 32}}}},
            ("receivers", "x"),
            "a receiver has one kind, not pagerduty and webhook",
            id="two kinds",
        ),
        pytest.param(
            {"receivers": {"oncall": {"pagerduty": {"routing_key": "short"}}}},
            ("receivers", "oncall", "pagerduty", "routing_key"),
            "a routing key has 32 letters and digits; this has 5 characters",
            id="the kind's own mistake",
        ),
        pytest.param(
            {"receivers": {"On Call": WEBHOOK}},
            ("receivers", "On Call", "[key]"),
            "'On Call' is not a name for a receiver: use small letters, digits, - and _, beginning "
            "with a letter or a digit, at most 100",
            id="a name with a space",
        ),
        pytest.param(
            {"route": {"match": 'severity="page"'}},
            ("route", "match"),
            "Extra inputs are not permitted",
            id="the root matches everything",
        ),
        pytest.param(
            {"route": {"routes": [{"match": "severity=page"}]}},
            ("route", "routes", 0, "match"),
            "column 10: expected a quoted value",
            id="a value without quotes",
        ),
        pytest.param(
            {"route": {"routes": [{"match": 'a=~"("'}]}},
            ("route", "routes", 0, "match"),
            "column 4: the regular expression '(' is not valid: missing ): (",
            id="no regular expression",
        ),
        pytest.param(
            {"route": {"routes": [{"match": []}]}},
            ("route", "routes", 0, "match"),
            "write at least one matcher, such as 'severity=\"page\"'",
            id="no matcher",
        ),
        pytest.param(
            {"route": {"routes": [{"match": [7]}]}},
            ("route", "routes", 0, "match"),
            "7 is not a matcher: write it such as 'severity=\"page\"'",
            id="a number",
        ),
    ],
)
def test_a_mistake_is_named_at_its_place(
    section: Mapping[str, Any], place: tuple[str | int, ...], words: str
) -> None:
    assert fault(**section) == (place, words)


def test_the_schema_names_every_kind() -> None:
    receiver = AlertingConfig.model_json_schema()["$defs"]["ReceiverConfig"]

    assert list(receiver["properties"]) == ["rate", *RECEIVERS]
    assert receiver["additionalProperties"] is False
