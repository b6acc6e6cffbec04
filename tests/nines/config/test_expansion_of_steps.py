"""`${name}` in a journey: captured on the way, or of the environment."""

from pathlib import Path

import pytest

from collectors.http import HttpConfig
from collectors.step import StepsConfig
from collectors.tcp import TcpConfig
from nines.config import ConfigError
from tests.nines.config.files import load_text

JOURNEY = """
services:
  shop:
    collectors:
      account:
        steps:
          - name: log in
            url: https://shop.example/login
            json: {password: "${PASSWORD}"}
            capture: {token: {json: $.token}}
          - {name: orders, url: "https://shop.example/orders", bearer_token: "${token}"}
    slos:
      account: {objective: 99.9%, sli: {probe: account}}
alerting: {route: {receivers: []}}
"""


def test_what_a_step_captures_is_left_for_the_run(tmp_path: Path) -> None:
    environ = {"PASSWORD": "hush", "token": "of the environment"}
    config = load_text(tmp_path, JOURNEY, environ).services["shop"].collectors["account"]

    assert isinstance(config, StepsConfig)
    first, second = config.steps
    assert first.json_ is not None
    assert first.json_["password"].value == "hush"
    assert second.bearer_token is not None
    assert second.bearer_token.value == "${token}"


def test_what_no_step_captures_is_asked_of_the_environment(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the environment variable tokn is not set"):
        load_text(tmp_path, JOURNEY.replace('"${token}"', '"${tokn}"'), {"PASSWORD": "hush"})


def test_a_password_that_stands_in_a_journey_is_advised_against(tmp_path: Path) -> None:
    plain = JOURNEY.replace("${PASSWORD}", "hush")
    said = [each.sentence for each in load_text(tmp_path, plain).advice]

    assert any("the secret `password` stands in the file" in sentence for sentence in said)
    assert not any("bearer_token" in sentence for sentence in said)


DIALOG = r"""
services:
  mail:
    collectors:
      pop:
        tcp: mail.example:110
        dialog:
          - {expect: '^\+OK (?P<stamp>\S+)$', send: "APOP probe ${stamp}\r\n"}
          - {expect: '^\+OK', send: "PASS ${PASSWORD}\r\n"}
    slos:
      pop: {objective: 99.9%, sli: {probe: pop}}
alerting: {route: {receivers: []}}
"""


def test_what_a_dialog_captures_is_left_for_the_run(tmp_path: Path) -> None:
    environ = {"PASSWORD": "hush", "stamp": "of the environment"}
    config = load_text(tmp_path, DIALOG, environ).services["mail"].collectors["pop"]

    assert isinstance(config, TcpConfig)
    sent = [step.send.value for step in config.dialog if step.send is not None]
    assert sent == ["APOP probe ${stamp}\r\n", "PASS hush\r\n"]


def test_a_password_that_stands_in_a_dialog_is_advised_against(tmp_path: Path) -> None:
    def advice(text: str) -> list[str]:
        return [each.sentence for each in load_text(tmp_path, text, {"PASSWORD": "hush"}).advice]

    plain = DIALOG.replace("${PASSWORD}", "hush")
    assert sum("the secret `send` stands in the file" in said for said in advice(plain)) == 1
    assert not any("the secret" in said for said in advice(DIALOG))


LOGIN = """
services:
  shop:
    collectors:
      account:
        http: https://shop.example/me
        login:
          url: https://shop.example/login
          json: {email: probe@shop.example, password: "${PASSWORD}"}
          token: {json: $.token}
      orders: {grpc: "orders.example:50051", metadata: {tenant: shop, authorization: "${PASSWORD}"}}
    slos:
      account: {objective: 99.9%, sli: {probe: account}}
      orders: {objective: 99.9%, sli: {probe: orders}}
alerting: {route: {receivers: []}}
"""


def test_of_what_a_login_or_a_call_bears_only_what_sounds_secret_is_advised_against(
    tmp_path: Path,
) -> None:
    config = load_text(tmp_path, LOGIN, {"PASSWORD": "hush"})
    account = config.services["shop"].collectors["account"]
    plain = load_text(tmp_path, LOGIN.replace("${PASSWORD}", "hush"))

    assert isinstance(account, HttpConfig)
    assert account.login is not None
    assert account.login.json_ is not None
    assert account.login.json_["password"].value == "hush"
    assert not [each for each in config.advice if "the secret" in each.sentence]
    assert sorted(
        each.sentence.split("`")[1] for each in plain.advice if "the secret" in each.sentence
    ) == [
        "authorization",
        "password",
    ]


def test_a_journey_may_be_called_steps(tmp_path: Path) -> None:
    text = JOURNEY.replace("      account:\n        steps:", "      steps:\n        steps:")
    text = text.replace("{probe: account}", "{probe: steps}")
    config = load_text(tmp_path, text, {"PASSWORD": "hush"}).services["shop"].collectors["steps"]

    assert isinstance(config, StepsConfig)
    assert config.steps[1].bearer_token is not None
    assert config.steps[1].bearer_token.value == "${token}"
