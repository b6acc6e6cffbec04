"""Users, sessions and tokens. Secrets are here as hashes alone."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from nines.storage.audit import told, write_audit
from nines.storage.database import Database
from nines.storage.schema import sessions, tokens, users
from web.access.decision import Grant, Role

_PRUNE = 500
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in. `password` is a hash; None: there is none."""

    name: str
    password: str | None
    grants: tuple[Grant, ...]
    created_at: datetime
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. `local`: a user of ours, whose grants are those of now."""

    hash: str
    user: str
    local: bool
    grants: tuple[Grant, ...]
    created_at: datetime
    used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """What a program shows. `made_by`: whose it is."""

    id: str
    hash: str
    name: str
    grants: tuple[Grant, ...]
    made_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Doer:
    """Who does it, when, and from where: for the audit log."""

    by: str
    at: datetime
    address: str = ""


class AccountRecords:
    """Each change is written with its record in the audit log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- users -----------------------------------------------------------------------------------

    def has_users(self) -> bool:
        """Whether anybody was ever made: those who are disabled count."""
        with self._database.read() as connection:
            return connection.execute(select(users.c.name).limit(1)).first() is not None

    def users(self) -> list[User]:
        """All, by name."""
        with self._database.read() as connection:
            return [_user(row) for row in connection.execute(select(users).order_by(users.c.name))]

    def user(self, name: str) -> User | None:
        with self._database.read() as connection:
            row = connection.execute(select(users).where(users.c.name == name)).first()
        return None if row is None else _user(row)

    def add_user(self, user: User, doer: Doer, *, only_first: bool = False) -> bool:
        """False: the name is taken; with `only_first`, somebody was made already."""
        with self._database.write() as connection:
            taken = select(users.c.name)
            if not only_first:
                taken = taken.where(users.c.name == user.name)
            if connection.execute(taken.limit(1)).first() is not None:
                return False
            row = {
                "name": user.name,
                "password": user.password,
                "grants": grants_to_json(user.grants),
                "created_at": user.created_at,
                "disabled_at": user.disabled_at,
            }
            connection.execute(insert(users), row)
            facts = {"roles": [grant.words for grant in user.grants]}
            _record(connection, doer, "user added", user.name, after=facts)
        return True

    def set_password(self, name: str, password: str, doer: Doer) -> bool:
        """Their sessions end. False: there is no such user."""
        with self._database.write() as connection:
            done = connection.execute(
                update(users).where(users.c.name == name).values(password=password)
            ).rowcount
            if done:
                _end_sessions(connection, name)
                _record(connection, doer, "password changed", name)
        return bool(done)

    def set_disabled(self, name: str, doer: Doer, *, disabled: bool) -> bool:
        """Whoever is disabled is signed out, and their tokens are revoked."""
        with self._database.write() as connection:
            at = doer.at if disabled else None
            done = connection.execute(
                update(users).where(users.c.name == name).values(disabled_at=at)
            ).rowcount
            if done and disabled:
                _end_sessions(connection, name)
                connection.execute(
                    update(tokens)
                    .where(tokens.c.made_by == name, tokens.c.revoked_at.is_(None))
                    .values(revoked_at=doer.at)
                )
            if done:
                action = "user disabled" if disabled else "user enabled"
                _record(connection, doer, action, name)
        return bool(done)

    def set_grants(self, name: str, grants: Sequence[Grant], doer: Doer) -> bool:
        """What they may from now on. False: there is no such user."""
        with self._database.write() as connection:
            row = connection.execute(select(users).where(users.c.name == name)).first()
            if row is None:
                return False
            connection.execute(
                update(users).where(users.c.name == name).values(grants=grants_to_json(grants))
            )
            before = {"roles": [grant.words for grant in _user(row).grants]}
            after = {"roles": [grant.words for grant in grants]}
            _record(connection, doer, "roles changed", name, before=before, after=after)
        return True

    # --- sessions --------------------------------------------------------------------------------

    def begin(self, session: Session, doer: Doer, instead_of: str | None = None) -> None:
        """Somebody signed in; the session `instead_of` ends by it."""
        with self._database.write() as connection:
            if instead_of is not None:
                connection.execute(delete(sessions).where(sessions.c.hash == instead_of))
            row = {
                "hash": session.hash,
                "user": session.user,
                "local": session.local,
                "grants": grants_to_json(session.grants),
                "created_at": session.created_at,
                "used_at": session.used_at,
                "expires_at": session.expires_at,
            }
            connection.execute(insert(sessions), row)
            _record(connection, doer, "signed in", session.user)

    def session(self, hash_: str) -> tuple[Session, User | None] | None:
        """The session, with its user where that is one of ours."""
        with self._database.read() as connection:
            row = connection.execute(select(sessions).where(sessions.c.hash == hash_)).first()
            if row is None:
                return None
            user = connection.execute(select(users).where(users.c.name == row.user)).first()
        session = Session(
            hash=row.hash,
            user=row.user,
            local=row.local,
            grants=grants_from_json(row.grants),
            created_at=row.created_at,
            used_at=row.used_at,
            expires_at=row.expires_at,
        )
        return session, _user(user) if user is not None and session.local else None

    def use_session(self, hash_: str, at: datetime) -> None:
        with self._database.write() as connection:
            connection.execute(update(sessions).where(sessions.c.hash == hash_).values(used_at=at))

    def end_session(self, hash_: str, doer: Doer) -> None:
        with self._database.write() as connection:
            if connection.execute(delete(sessions).where(sessions.c.hash == hash_)).rowcount:
                _record(connection, doer, "signed out", doer.by)

    def still(self, keys: Collection[str]) -> set[str]:
        """Which of these, `session:HASH` and `token:HASH`, nobody has ended or revoked."""
        found: set[str] = set()
        with self._database.read() as connection:
            valid = select(tokens.c.hash).where(tokens.c.revoked_at.is_(None))
            for kind, query, column in (
                ("session:", select(sessions.c.hash), sessions.c.hash),
                ("token:", valid, tokens.c.hash),
            ):
                hashes = [key.removeprefix(kind) for key in keys if key.startswith(kind)]
                for start in range(0, len(hashes), _AT_ONCE):
                    some = query.where(column.in_(hashes[start : start + _AT_ONCE]))
                    found.update(kind + row.hash for row in connection.execute(some))
        return found

    def prune(self, now: datetime) -> int:
        """Forget sessions that are over; gives how many."""
        some = select(sessions.c.hash).where(sessions.c.expires_at <= now).limit(_PRUNE)
        with self._database.write() as connection:
            return connection.execute(delete(sessions).where(sessions.c.hash.in_(some))).rowcount

    # --- tokens ----------------------------------------------------------------------------------

    def add_token(self, token: Token, doer: Doer) -> None:
        with self._database.write() as connection:
            row = {
                "id": token.id,
                "hash": token.hash,
                "name": token.name,
                "grants": grants_to_json(token.grants),
                "made_by": token.made_by,
                "created_at": token.created_at,
                "expires_at": token.expires_at,
                "used_at": token.used_at,
                "revoked_at": token.revoked_at,
            }
            connection.execute(insert(tokens), row)
            facts = {
                "id": token.id,
                "roles": [grant.words for grant in token.grants],
                "expires_at": token.expires_at.isoformat(),
            }
            _record(connection, doer, "token made", token.name, after=facts)

    def tokens(self, made_by: str | None = None) -> list[Token]:
        """All, or somebody's, newest first."""
        query = select(tokens).order_by(tokens.c.created_at.desc(), tokens.c.id)
        if made_by is not None:
            query = query.where(tokens.c.made_by == made_by)
        with self._database.read() as connection:
            return [_token(row) for row in connection.execute(query)]

    def tokens_of(self, made_by: str) -> int:
        """How many of somebody's are not revoked."""
        query = select(func.count()).select_from(tokens)
        query = query.where(tokens.c.made_by == made_by, tokens.c.revoked_at.is_(None))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def token(self, hash_: str) -> Token | None:
        with self._database.read() as connection:
            row = connection.execute(select(tokens).where(tokens.c.hash == hash_)).first()
        return None if row is None else _token(row)

    def use_token(self, hash_: str, at: datetime) -> None:
        with self._database.write() as connection:
            connection.execute(update(tokens).where(tokens.c.hash == hash_).values(used_at=at))

    def revoke_token(self, id_: str, doer: Doer, made_by: str | None = None) -> bool:
        """False: there is none that is valid, or none of that maker's."""
        query = update(tokens).where(tokens.c.id == id_, tokens.c.revoked_at.is_(None))
        if made_by is not None:
            query = query.where(tokens.c.made_by == made_by)
        with self._database.write() as connection:
            done = connection.execute(query.values(revoked_at=doer.at)).rowcount
            if done:
                name = connection.execute(
                    select(tokens.c.name).where(tokens.c.id == id_)
                ).scalar_one()
                _record(connection, doer, "token revoked", name, after={"id": id_})
        return bool(done)

    def record(
        self, doer: Doer, action: str, subject: str, after: Mapping[str, object] | None = None
    ) -> None:
        """What changes nothing here, such as a sign-in that was refused."""
        with self._database.write() as connection:
            _record(connection, doer, action, subject, after=after)


def grants_to_json(grants: Sequence[Grant]) -> str:
    """As a column holds them."""
    return json.dumps(
        [[one.role, None if one.owners is None else sorted(one.owners)] for one in grants]
    )


def grants_from_json(text: str) -> tuple[Grant, ...]:
    """The same, read."""
    return tuple(
        Grant(Role(role), None if owners is None else frozenset(owners))
        for role, owners in json.loads(text)
    )


def _user(row: Row[Any]) -> User:
    return User(
        row.name, row.password, grants_from_json(row.grants), row.created_at, row.disabled_at
    )


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        hash=row.hash,
        name=row.name,
        grants=grants_from_json(row.grants),
        made_by=row.made_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )


def _end_sessions(connection: Connection, user: str) -> None:
    connection.execute(delete(sessions).where(sessions.c.user == user))


def _record(
    connection: Connection,
    doer: Doer,
    action: str,
    subject: str,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    write_audit(
        connection,
        at=doer.at,
        by=doer.by,
        address=doer.address,
        action=action,
        subject=subject,
        before=told(before),
        after=told(after),
    )
