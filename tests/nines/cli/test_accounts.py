"""`nines user` and `nines token` on a real database, as a person types them."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nines.cli.app import app
from nines.credentials import hashed
from nines.storage.accounts import AccountRecords
from nines.storage.database import open_database
from tests.nines.cli.running import Ran

SECRET = "correct horse battery"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(f'server: {{database: "sqlite:///{tmp_path / "nines.db"}"}}\n')
    return file


def run(config: Path, *arguments: str, typed: str = "") -> Ran:
    words: Sequence[str] = [*arguments, "--config", str(config)]
    result = CliRunner().invoke(app, words, input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def add(config: Path, name: str, *more: str, password: str = SECRET) -> Ran:
    return run(config, "user", "add", name, "--password-stdin", *more, typed=f"{password}\n")


def records(config: Path) -> AccountRecords:
    return AccountRecords(open_database(f"sqlite:///{config.parent / 'nines.db'}"))


def test_a_user_is_made_listed_changed_and_disabled(config: Path) -> None:
    nobody = run(config, "user", "list")
    made = add(config, "Ada", "--role", "editor", "--owner", "web-team")
    twice = add(config, "ada")
    role = run(config, "user", "role", "ada", "--role", "admin")
    password = run(
        config, "user", "password", "ada", "--password-stdin", typed="another long one\n"
    )
    disabled = run(config, "user", "disable", "ada")
    listed = json.loads(run(config, "user", "list", "--output", "json").out)["users"]
    enabled = run(config, "user", "enable", "ada")

    assert "everybody on this machine may change everything" in nobody.out
    assert made.out == "ada may sign in, as editor for web-team.\n"
    assert (twice.code, twice.err) == (1, "nines: there is a user ada already\n")
    assert role.out == "ada is admin now.\n"
    assert password.out == "ada has a new password, and is signed out everywhere.\n"
    assert "may not sign in; their tokens are revoked" in disabled.out
    assert [(one["name"], one["roles"], one["state"]) for one in listed] == [
        ("ada", "admin", "disabled")
    ]
    assert enabled.out == "ada may sign in again.\n"
    assert SECRET not in made.out + made.err
    user = records(config).user("ada")
    assert user is not None
    assert str(user.password).startswith("$argon2id$")


@pytest.mark.parametrize(
    ("name", "more", "password", "said"),
    [
        ("a b", (), SECRET, "A user's name has letters"),
        ("<script>", (), SECRET, "A user's name has letters"),
        ("ada", (), "short", "A password has at least 12 characters."),
        ("ada", ("--owner", "web-team"), SECRET, "a viewer reads everything"),
    ],
)
def test_what_makes_no_sense_is_said_and_makes_nobody(
    config: Path, name: str, more: tuple[str, ...], password: str, said: str
) -> None:
    ran = add(config, name, *more, password=password)

    assert ran.code == 2
    assert said in ran.err
    assert records(config).users() == []


def test_a_token_is_printed_once_and_kept_as_a_hash(config: Path) -> None:
    made = run(config, "token", "create", "ci", "--role", "responder", "--owner", "web-team")
    secret = made.out.strip()
    listed = run(config, "token", "list")
    (token,) = records(config).tokens()
    revoked = run(config, "token", "revoke", token.id)
    again = run(config, "token", "revoke", token.id)

    assert token.hash == hashed(secret)
    assert secret not in listed.out
    assert "responder for web-team" in listed.out
    assert (token.expires_at - token.created_at).days == 90
    assert revoked.code == 0
    assert (again.code, again.err) == (1, f"nines: there is no valid token {token.id}\n")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--expires", "500d"), "at most 366 days"),
        (("--expires", "soon"), "soon"),
        (("--role", "viewer", "--owner", "x"), "a viewer reads everything"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(
    config: Path, more: tuple[str, ...], said: str
) -> None:
    ran = run(config, "token", "create", "ci", *more)

    assert ran.code == 2
    assert said in ran.err
    assert records(config).tokens() == []
