"""Users, sessions, tokens and the audit log are kept alike on both databases."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alerting.silence import Silence, read_matchers
from dashboards.access_facts import AuditRecord
from nines.storage.accounts import AccountRecords, Doer, Session, Token, User
from nines.storage.audit import AuditRecords
from nines.storage.backup import back_up, restore
from nines.storage.database import Database
from nines.storage.silences import SilenceStore, entry_of
from slo.recurrence import Once
from web.access.decision import Grant, Role

T0 = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROOT = Doer("root", T0, "192.0.2.1")
GRANTS = (Grant(Role.EDITOR, frozenset({"web-team", "pets-team"})), Grant(Role.VIEWER))
ADA = User("ada", "$argon2id$x", GRANTS, T0)
SESSION = Session("hash", "ada", True, (), T0, T0, T0 + HOUR)
TOKEN = Token("1", "hash", "ci", GRANTS, "ada", T0, T0 + HOUR)


def log(database: Database) -> list[AuditRecord]:
    """Newest first."""
    return AuditRecords(database).page(before=None, limit=100, by=None, action=None)[0]


def test_what_is_written_is_read(database: Database) -> None:
    records = AccountRecords(database)
    assert not records.has_users()

    assert records.add_user(ADA, ROOT)
    assert not records.add_user(ADA, ROOT)
    assert not records.add_user(replace(ADA, name="bob"), ROOT, only_first=True)
    records.begin(SESSION, ROOT)
    records.use_session("hash", T0 + HOUR / 2)
    records.add_token(TOKEN, ROOT)
    records.use_token("hash", T0 + HOUR / 2)

    assert records.has_users()
    assert records.users() == [ADA]
    assert records.session("hash") == (replace(SESSION, used_at=T0 + HOUR / 2), ADA)
    assert records.token("hash") == replace(TOKEN, used_at=T0 + HOUR / 2)
    assert (records.user("bob"), records.session("x"), records.token("x")) == (None, None, None)


def test_who_is_disabled_loses_sessions_and_tokens(database: Database) -> None:
    records = AccountRecords(database)
    records.add_user(ADA, ROOT)
    records.begin(SESSION, ROOT)
    records.add_token(TOKEN, ROOT)
    records.add_token(replace(TOKEN, id="2", hash="other", made_by="bob"), ROOT)

    assert records.set_disabled("ada", ROOT, disabled=True)
    assert not records.set_disabled("bob", ROOT, disabled=True)

    assert records.session("hash") is None
    assert {one.id: one.revoked_at for one in records.tokens()} == {"1": T0, "2": None}


def test_each_change_has_its_record_and_no_secret(database: Database) -> None:
    records = AccountRecords(database)
    records.add_user(ADA, ROOT)
    records.set_grants("ada", (Grant(Role.ADMIN),), ROOT)
    records.set_password("ada", "$argon2id$y", ROOT)
    records.begin(SESSION, ROOT)
    records.end_session("hash", ROOT)
    records.add_token(TOKEN, ROOT)
    records.revoke_token("1", ROOT)
    found = log(database)[::-1]

    assert [(one.by, one.address, one.action, one.subject) for one in found] == [
        ("root", "192.0.2.1", action, subject)
        for action, subject in (
            ("user added", "ada"),
            ("roles changed", "ada"),
            ("password changed", "ada"),
            ("signed in", "ada"),
            ("signed out", "root"),
            ("token made", "ci"),
            ("token revoked", "ci"),
        )
    ]
    assert json.loads(found[1].before or "") == {
        "roles": ["editor for pets-team, web-team", "viewer"]
    }
    assert json.loads(found[1].after or "") == {"roles": ["admin"]}
    assert "argon2" not in repr(found)


SILENCE = Silence(
    id="one",
    matchers=read_matchers(['service="shop"']),
    schedule=Once(T0, T0 + HOUR),
    reason="new disks",
    author="ada",
    origin="api",
    created_at=T0,
    until_resolved=True,
)
MADE = (SILENCE, entry_of(None, SILENCE, at=T0, by="ada", action="created"))


def test_a_silence_is_written_down_with_its_change_or_not_at_all(database: Database) -> None:
    store = SilenceStore(database)
    over = replace(SILENCE, ended_at=T0 + HOUR / 2)
    store.write([MADE])
    store.write([(over, entry_of(SILENCE, over, at=T0, by="bob", action="ended"))])
    store.write([(over, entry_of(over, over, at=T0, by="Nines", action="warned"))])
    ended, created = log(database)

    assert (created.by, created.action, created.subject) == ("ada", "silence created", "one")
    assert created.before is None
    assert (ended.by, ended.action) == ("bob", "silence ended")
    assert json.loads(ended.before or "")["ended_at"] is None
    assert json.loads(ended.after or "")["ended_at"] == (T0 + HOUR / 2).isoformat()


def test_what_is_over_is_forgotten(database: Database) -> None:
    records, audit = AccountRecords(database), AuditRecords(database)
    records.begin(SESSION, ROOT)
    records.begin(replace(SESSION, hash="later", expires_at=T0 + 2 * HOUR), ROOT)
    audit.write(T0 + HOUR, "ada", "tried", "shop")

    assert records.prune(T0 + HOUR) == 1
    assert records.session("hash") is None
    assert records.session("later") is not None
    assert audit.prune(T0 + HOUR, timedelta(minutes=30)) == 2
    assert [one.action for one in log(database)] == ["tried"]
    assert audit.prune(T0 + HOUR, timedelta(minutes=30)) == 0


def test_a_restore_signs_everybody_out_and_keeps_who_they_are(
    database: Database, tmp_path: Path
) -> None:
    records = AccountRecords(database)
    records.add_user(ADA, ROOT)
    records.begin(SESSION, ROOT)
    SilenceStore(database).write([MADE])
    back_up(database, tmp_path / "backup.db")
    restore(tmp_path / "backup.db", database, replace=True)

    assert records.users() == [ADA]
    assert records.session("hash") is None
    assert SilenceStore(database).all() == [SILENCE]
    assert len(log(database)) == 3
