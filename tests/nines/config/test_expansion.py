"""Environment variables and secrets from files."""

from pathlib import Path

import pytest

from collectors.http import HttpConfig
from nines.config import Config, ConfigError, load
from tests.nines.config.files import SHOP, load_text, mistakes


def home(config: Config) -> HttpConfig:
    collector = config.services["shop"].collectors["home"]
    assert isinstance(collector, HttpConfig)
    return collector


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("${TITLE}", "The shop"),
        ("x ${TITLE} y", "x The shop y"),
        ("${UNSET:-a default}", "a default"),
        ("${EMPTY:-a default}", "a default"),
        ("$${TITLE}", "${TITLE}"),
        ("costs 5$ or $$5", "costs 5$ or $5"),
        ("$TITLE", "$TITLE"),
    ],
)
def test_a_variable_is_filled_in(tmp_path: Path, written: str, read: str) -> None:
    text = SHOP.replace("  shop:\n", f"  shop:\n    title: '{written}'\n")

    config = load_text(tmp_path, text, {"TITLE": "The shop", "EMPTY": ""})

    assert config.services["shop"].title == read


def test_a_variable_can_become_no_structure(tmp_path: Path) -> None:
    text = SHOP.replace("  shop:\n", "  shop:\n    title: ${TITLE}\n")

    config = load_text(tmp_path, text, {"TITLE": "x\n    owner: mallory\n    y: ${HOME}"})

    assert config.services["shop"].title == "x\n    owner: mallory\n    y: ${HOME}"
    assert config.services["shop"].owner is None


def test_a_variable_in_a_key_stays_text(tmp_path: Path) -> None:
    text = SHOP.replace("  shop:\n", "  shop:\n    ${TITLE}: x\n")

    said = mistakes(tmp_path, text, {"TITLE": "owner"})

    assert said[0].startswith("3:5: unknown key `${TITLE}`")


def test_a_variable_can_be_a_number_or_a_truth(tmp_path: Path) -> None:
    text = SHOP.replace(
        "https://shop.example/}", "https://shop.example/, follow_redirects: '${R}'}"
    )

    assert home(load_text(tmp_path, text, {"R": "false"})).follow_redirects is False


def test_the_value_of_a_variable_is_never_printed(tmp_path: Path) -> None:
    text = SHOP.replace("https://shop.example/}", "'${ADDRESS}', interval: '${SHORT}'}")

    said = "\n".join(mistakes(tmp_path, text, {"ADDRESS": "ftp://user:hunter2@x", "SHORT": "7"}))

    assert "hunter2" not in said
    assert "'${SHORT}' is not a duration" in said


def test_a_secret_is_read_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    text = SHOP.replace(
        "https://shop.example/}", "https://shop.example/, bearer_token: {file: token}}"
    )

    config = load_text(tmp_path, text)

    token = home(config).bearer_token
    assert token is not None
    assert token.value == "s3cret"
    assert "s3cret" not in repr(config)


def test_the_name_of_a_secret_file_may_come_from_a_variable(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    text = SHOP.replace(
        "https://shop.example/}", "https://shop.example/, headers: {X-Key: {file: '${F}'}}}"
    )

    assert home(load_text(tmp_path, text, {"F": "token"})).headers["X-Key"].value == "s3cret"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cannot be used: it is empty"),
        (b"\n", "cannot be used: it is empty"),
        (b"\xff", "is not UTF-8 text"),
        (b"x" * 70_000, "cannot be used: it is larger than 64 KiB"),
    ],
    ids=["empty", "a line break", "not text", "large"],
)
def test_a_secret_that_cannot_be_used_is_one_problem(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "token").write_bytes(content)
    text = SHOP.replace(
        "https://shop.example/}", "https://shop.example/, bearer_token: {file: token}}"
    )

    assert mistakes(tmp_path, text) == [f"4:64: the secret in token {sentence}"]


def test_a_label_called_file_is_no_secret(tmp_path: Path) -> None:
    text = SHOP.replace("  shop:\n", "  shop:\n    labels: {file: /etc/passwd}\n")

    assert load_text(tmp_path, text).services["shop"].labels == {"file": "/etc/passwd"}


def test_a_faulty_database_address_is_not_printed(tmp_path: Path) -> None:
    said = mistakes(tmp_path, "server: {database: 'mysql://nines:hunter2@db/nines'}\n" + SHOP)

    assert len(said) == 1
    assert "hunter2" not in said[0]


def test_secrets_of_a_directory_are_looked_for_in_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    (tmp_path / "a.yaml").write_text(
        SHOP.replace(
            "https://shop.example/}", "https://shop.example/, bearer_token: {file: token}}"
        )
    )

    token = home(load(tmp_path, {})).bearer_token
    assert token is not None
    assert token.value == "s3cret"


def test_an_unset_variable_is_named_and_nothing_else_is_said_of_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, SHOP.replace("https://shop.example/}", "'${SHOP_URL}'}"))

    assert [problem.sentence for problem in caught.value.problems] == [
        "the environment variable SHOP_URL is not set"
    ]
