"""`nines user` and `nines token`: who may what, in the database of the configuration.

They ask no server: whoever may read the configuration and its database is trusted with both.
"""

import getpass
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from nines.cli.planned import print_table
from nines.cli.problems import FINE, NO, WRONG_USE, fail, load_or_none
from nines.credentials import check_name, new_token
from nines.passwords import Passwords, check_new
from nines.storage.accounts import AccountRecords, Doer, Token, User
from nines.storage.database import migrate, open_database
from nines.storage.errors import StorageError
from slo.units import parse_duration
from web.access.decision import Grant, Role

_LONGEST = timedelta(days=366)


def add_user(path: Path, name: str, role: str, owners: Sequence[str], *, from_stdin: bool) -> int:
    """Make a user who signs in with a password."""

    def act(records: AccountRecords) -> int:
        kept, grant = check_name(name), _grant(role, owners)
        user = User(kept, _new_password(from_stdin=from_stdin), (grant,), _now())
        if not records.add_user(user, _doer()):
            return fail(f"there is a user {kept} already", NO)
        typer.echo(f"{kept} may sign in, as {grant.words}.")
        return FINE

    return _with(path, act)


def list_users(path: Path, *, as_json: bool) -> int:
    """Print all users."""

    def act(records: AccountRecords) -> int:
        found = records.users()
        if as_json:
            typer.echo(json.dumps({"users": [_user_facts(one) for one in found]}, indent=2))
        elif not found:
            typer.echo("There are no users: everybody on this machine may change everything.")
        else:
            rows = (tuple(map(str, _user_facts(one).values())) for one in found)
            print_table(("name", "may", "state", "made"), rows)
        return FINE

    return _with(path, act)


def set_disabled(path: Path, name: str, *, disabled: bool) -> int:
    """Sign somebody out for good, or let them sign in again."""

    def act(records: AccountRecords) -> int:
        if not records.set_disabled(check_name(name), _doer(), disabled=disabled):
            return fail(f"there is no user {name}", NO)
        typer.echo(
            f"{name} is signed out and may not sign in; their tokens are revoked."
            if disabled
            else f"{name} may sign in again."
        )
        return FINE

    return _with(path, act)


def set_password(path: Path, name: str, *, from_stdin: bool) -> int:
    """Give somebody a new password; wherever they are signed in, they are no longer."""

    def act(records: AccountRecords) -> int:
        kept = check_name(name)
        if records.user(kept) is None:
            return fail(f"there is no user {kept}", NO)
        records.set_password(kept, _new_password(from_stdin=from_stdin), _doer())
        typer.echo(f"{kept} has a new password, and is signed out everywhere.")
        return FINE

    return _with(path, act)


def set_role(path: Path, name: str, role: str, owners: Sequence[str]) -> int:
    """What somebody may from now on."""

    def act(records: AccountRecords) -> int:
        grant = _grant(role, owners)
        if not records.set_grants(check_name(name), (grant,), _doer()):
            return fail(f"there is no user {name}", NO)
        typer.echo(f"{name} is {grant.words} now.")
        return FINE

    return _with(path, act)


def create_token(
    path: Path, name: str, role: str, owners: Sequence[str], expires: str, *, as_json: bool
) -> int:
    """Make a token, and print it this once."""

    def act(records: AccountRecords) -> int:
        lasts = parse_duration(expires)
        if not timedelta(0) < lasts <= _LONGEST:
            raise ValueError(f"a token lasts for at most {_LONGEST.days} days")
        if not name.strip().isprintable() or not 1 <= len(name.strip()) <= 80:
            raise ValueError("a token's name is one line of at most 80 characters")
        grant, doer = _grant(role, owners), _doer()
        secret, token = new_token(name.strip(), (grant,), doer.by, doer.at, lasts)
        records.add_token(token, doer)
        if as_json:
            typer.echo(json.dumps(_token_facts(token) | {"token": secret}, indent=2))
        else:
            typer.echo(secret)
            until = f"{token.expires_at:%Y-%m-%d}"
            typer.echo(
                f"Shown this once. {token.id}: {grant.words}, until {until}. "
                "Programs send it as `Authorization: Bearer ...`.",
                err=True,
            )
        return FINE

    return _with(path, act)


def list_tokens(path: Path, *, as_json: bool) -> int:
    """Print all tokens, never themselves."""

    def act(records: AccountRecords) -> int:
        found = [_token_facts(one) for one in records.tokens()]
        if as_json:
            typer.echo(json.dumps({"tokens": found}, indent=2))
        elif not found:
            typer.echo("There are no tokens.")
        else:
            head = ("id", "name", "may", "state", "made by", "ends", "last used")
            print_table(head, (tuple(map(str, one.values())) for one in found))
        return FINE

    return _with(path, act)


def revoke_token(path: Path, token_id: str) -> int:
    """Nobody can use it any more."""

    def act(records: AccountRecords) -> int:
        if not records.revoke_token(token_id, _doer()):
            return fail(f"there is no valid token {token_id}", NO)
        typer.echo(f"{token_id} is revoked; a running Nines knows it within 5 s.")
        return FINE

    return _with(path, act)


def _with(path: Path, act: Callable[[AccountRecords], int]) -> int:
    """Do it on the configured database; a ValueError is wrong use, in a sentence."""
    config = load_or_none(path)
    if config is None:
        return WRONG_USE
    try:
        with _records(config.server.database.value) as records:
            return act(records)
    except ValueError as error:
        return fail(str(error), WRONG_USE)
    except StorageError as error:
        return fail(str(error), NO)


@contextmanager
def _records(url: str) -> Iterator[AccountRecords]:
    database = open_database(url)
    try:
        migrate(database)
        yield AccountRecords(database)
    finally:
        database.close()


def _grant(role: str, owners: Sequence[str]) -> Grant:
    return Grant(Role(role), frozenset(owners) or None)


def _new_password(*, from_stdin: bool) -> str:
    """Raises ValueError. Never an argument: those stand in the list of processes."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass("New password: ")
        if getpass.getpass("Again: ") != password:
            raise ValueError("the two differ")
    check_new(password)
    passwords = Passwords()
    try:
        return passwords.hash_now(password)
    finally:
        passwords.close()


def _doer() -> Doer:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "somebody"
    return Doer(f"{name} (command line)", _now())


def _now() -> datetime:
    return datetime.now(UTC)


def _user_facts(user: User) -> dict[str, str]:
    return {
        "name": user.name,
        "roles": "; ".join(grant.words for grant in user.grants),
        "state": "enabled" if user.disabled_at is None else "disabled",
        "created_at": f"{user.created_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def _token_facts(token: Token) -> dict[str, str | None]:
    state = "expired" if token.expires_at <= _now() else "valid"
    used = None if token.used_at is None else f"{token.used_at:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "id": token.id,
        "name": token.name,
        "roles": "; ".join(grant.words for grant in token.grants),
        "state": state if token.revoked_at is None else "revoked",
        "made_by": token.made_by,
        "expires_at": f"{token.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "used_at": used,
    }
