"""A secret that does not tell itself."""

import pytest
from pydantic import BaseModel

from slo.secret import Secret, SecretFile, SecretText, secret_file, to_secret


class Login(BaseModel):
    token: SecretText


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{:>9}".format, "%s".__mod__])
def test_every_way_of_printing_hides_it(show: object) -> None:
    assert callable(show)
    assert "hush" not in show(Secret("hush"))


def test_only_its_value_tells() -> None:
    assert Secret("hush").value == "hush"
    assert Secret("hush") == Secret("hush")
    assert Secret("hush") != Secret("other")


def test_a_model_writes_it_hidden() -> None:
    login = Login.model_validate({"token": "hush"})

    assert login.token.value == "hush"
    assert login.model_dump_json() == '{"token":"***"}'


@pytest.mark.parametrize("given", ["", 42, None, {"file": "/run/token"}, SecretFile("/run/token")])
def test_what_is_no_secret_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match=r"secret"):
        to_secret(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"file": "/run/token"}, SecretFile("/run/token")),
        ({"file": "/run/token", "mode": 1}, None),
        ({"file": 3}, None),
        ("file", None),
    ],
)
def test_a_file_is_known_by_its_key(given: object, expected: SecretFile | None) -> None:
    assert secret_file(given) == expected
