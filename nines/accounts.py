"""Who is who: the users, sessions and tokens of a running service."""

import asyncio
import contextlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from dashboards.access_facts import TokenCard
from nines.clock import Clock
from nines.config.access import AccessConfig
from nines.credentials import TOKEN_PREFIX, check_name, hashed, new_token
from nines.passwords import PasswordError, Passwords, check_new
from nines.single_sign_on import SignOnError, SingleSignOn
from nines.storage.accounts import AccountRecords, Doer, Session, Token, User
from nines.storage.audit import AuditRecords
from nines.storage.database import Database
from nines.storage.errors import StorageError
from nines.threads import StorageThreads
from web.access.decision import (
    EVERYWHERE,
    LOCAL,
    Grant,
    Kind,
    Permission,
    Principal,
    Role,
    may,
    nobody,
)
from web.access.port import AuditPage, Credentials, DeniedError, SignedIn, Ways
from web.throttle import Attempts, Throttle

log = structlog.get_logger("nines.accounts")
_KNOWN_FOR = 5.0  # seconds that a session or token is believed without asking storage
# Whoever only reads is who they were up to so long before storage stopped answering: those who
# look at what is wrong are not locked out by it, and a session that ended long ago stays ended.
_BELIEVED_FOR = 900.0
_PATIENCE = 2.0  # seconds, with storage that is slow
_NONE_FOR = 2.0  # seconds that it is believed that there are no users
_USED_EVERY = timedelta(minutes=1)
_LOOK_EVERY = 15.0  # seconds, at what an open stream rests on
_MOST_KNOWN = 10_000
_MOST_TOKENS = 100  # of one maker
_PER_ADDRESS = (1 / 6, 10)  # a second, and at once
_PER_NAME = (1 / 30, 5)
_REFUSALS_KEPT = (1.0, 60)
_TOO_OFTEN = "That was tried too often. Wait a minute, then try again."
_NOT_YET = (
    "Nines has no users yet, so only whoever asks on its own machine may change anything: open "
    "/setup with the token that it printed when it started, or run `nines user add` there."
)
_NOT_YET_BEYOND = (
    "Nines listens beyond this machine and has no users yet, so nothing can be changed: open "
    "/setup with the token that it printed when it started, or run `nines user add` on its machine."
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What storage said of a session or token, by the monotonic clock; `ends`: when it does.

    `used`: when somebody asked by it last, as far as storage could not be told.
    """

    at: float
    principal: Principal | None
    ends: datetime | None
    used: datetime


class Accounts:
    """Implements web.access.port.Access.

    What is looked up in storage is believed for some seconds; a change made here holds at once.
    """

    def __init__(
        self,
        *,
        database: Database,
        threads: StorageThreads,
        config: Callable[[], AccessConfig],
        on_loopback: bool,
        clock: Clock,
        passwords: Passwords,
        external_url: str,
        look_every: float = _LOOK_EVERY,
    ) -> None:
        self._records = AccountRecords(database)
        self._log = AuditRecords(database)
        self._threads = threads
        self._config = config
        self._on_loopback = on_loopback
        self._clock = clock
        self._passwords = passwords
        self._look_every = look_every
        self._sign_on = SingleSignOn(
            lambda: config().oidc, external_url, clock.now, clock.monotonic
        )
        self._has_users = False
        self._looked = float("-inf")
        self._known: dict[str, _Known] = {}
        self._changes = 0  # what was looked up before one is not kept after it
        self._watching: asyncio.Task[None] | None = None
        self._away_since: float | None = None
        self._changed = asyncio.Event()
        self._setup: str | None = None
        self._by_address = Attempts(*_PER_ADDRESS, clock.monotonic)
        self._by_name = Attempts(*_PER_NAME, clock.monotonic)
        self._refusals = Throttle(*_REFUSALS_KEPT, clock.monotonic)
        self._writing: set[asyncio.Task[None]] = set()

    async def open(self) -> str | None:
        """Look whether there are users; gives the setup token where one is needed, else None."""
        self._watching = asyncio.create_task(self._watch())
        if await self._accounts() or self._on_loopback:
            return None
        token = secrets.token_urlsafe(24)
        self._setup = hashed(token)
        return token

    # --- who it is -------------------------------------------------------------------------------

    async def who(self, credentials: Credentials, *, reads: bool = False) -> Principal:
        if credentials.bearer is not None and credentials.bearer.startswith(TOKEN_PREFIX):
            found = await self._find("token", hashed(credentials.bearer), reads=reads)
            if found is None:
                raise DeniedError("This token is not known, or no longer valid.")
            return found
        if credentials.session is not None:
            found = await self._find("session", hashed(credentials.session), reads=reads)
            if found is not None:
                return found
        anonymous = Role.VIEWER if self._config().anonymous == "viewer" else None
        if not await self._accounts():
            if credentials.local:
                return LOCAL
            return nobody(anonymous, _NOT_YET if self._on_loopback else _NOT_YET_BEYOND)
        if credentials.bearer is not None:
            raise DeniedError("This is no token of Nines.")
        return nobody(anonymous)

    def machines(self, permission: Permission, *, local: bool) -> bool:
        config = self._config()
        setting = {
            Permission.HEALTH: config.health,
            Permission.SCRAPE: config.metrics,
            Permission.PROBE: config.probe,
            Permission.SEND: config.alerts,
        }[permission]
        return setting == "anonymous" or (setting == "local" and local)

    async def over(self, principal: Principal) -> None:
        while await self._is_still(principal):
            changed = self._changed
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_every):
                    await changed.wait()

    async def _is_still(self, principal: Principal) -> bool:
        """Whether it may still what it might; storage that does not answer changes nothing."""
        if principal.kind is Kind.LOCAL:
            return not await self._accounts()
        if principal.kind is Kind.NOBODY:
            allowed = self._config().anonymous == "viewer"
            return allowed or not principal.grants
        kind, _, hash_ = principal.session.partition(":")
        try:
            found = await self._find(kind, hash_)
        except StorageError:
            return True
        return found is not None and found.grants == principal.grants

    async def _accounts(self) -> bool:
        """Whether anybody can sign in."""
        return self._config().oidc is not None or await self._users()

    async def _users(self) -> bool:
        """Whether there are users of ours. Once there were some, that is so for good."""
        if self._has_users:
            return True
        now = self._clock.monotonic()
        if now - self._looked >= _NONE_FOR:
            with contextlib.suppress(StorageError):
                self._has_users = await self._threads.read(self._records.has_users)
                self._looked = now
        return self._has_users

    async def _find(self, kind: str, hash_: str, *, reads: bool = False) -> Principal | None:
        key, now = f"{kind}:{hash_}", self._clock.monotonic()
        known = self._known.get(key)
        if known is not None and now - known.at < _KNOWN_FOR:
            return known.principal
        look = self._of_session if kind == "session" else self._of_token
        changes = self._changes
        try:
            async with asyncio.timeout(_PATIENCE if reads and known else None):
                found = await look(hash_, key)
        except (StorageError, TimeoutError):
            if self._away_since is None:
                self._away_since = now
            known = self._known.get(key)  # it may have ended meanwhile
            if reads and known is not None and self._is_believed(known, self._away_since):
                self._known[key] = replace(known, used=self._clock.now())
                return known.principal
            raise
        self._away_since = None
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        principal, ends = found or (None, None)
        if changes == self._changes:
            self._known[key] = _Known(now, principal, ends, self._clock.now())
        return principal

    def _is_believed(self, known: _Known, away_since: float) -> bool:
        """Whether what was known before storage stopped answering is good enough to read by."""
        now = self._clock.now()
        over = known.ends is not None and known.ends <= now
        is_session = known.principal is not None and known.principal.kind is Kind.USER
        idle = is_session and known.used + self._config().session.idle <= now
        return away_since - known.at < _BELIEVED_FOR and not over and not idle

    async def _of_session(self, hash_: str, key: str) -> tuple[Principal, datetime] | None:
        found = await self._threads.read(lambda: self._records.session(hash_))
        if found is None:
            return None
        session, user = found
        now = self._clock.now()
        idle = self._config().session.idle
        if session.expires_at <= now or session.used_at + idle <= now:
            return None
        if session.local and (user is None or user.disabled_at is not None):
            return None
        if not session.local and self._config().oidc is None:
            return None
        if now - session.used_at >= _USED_EVERY:
            self._write_aside(lambda: self._records.use_session(hash_, now))
        grants = user.grants if user is not None else session.grants
        return Principal(Kind.USER, session.user, grants, key), session.expires_at

    async def _of_token(self, hash_: str, key: str) -> tuple[Principal, datetime] | None:
        token = await self._threads.read(lambda: self._records.token(hash_))
        now = self._clock.now()
        if token is None or token.revoked_at is not None or token.expires_at <= now:
            return None
        if token.used_at is None or now - token.used_at >= _USED_EVERY:
            self._write_aside(lambda: self._records.use_token(hash_, now))
        name = f"{token.name} (token of {token.made_by})"
        return Principal(Kind.TOKEN, name, token.grants, key), token.expires_at

    def _write_aside(self, write: Callable[[], None]) -> None:
        """Nobody who asks waits for it, and nothing is lost with it."""

        async def writing() -> None:
            with contextlib.suppress(StorageError):
                await self._threads.write(write)

        task = asyncio.ensure_future(writing())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    def _forget(self, ended: Callable[[Principal], bool]) -> None:
        """These are asked for in storage again, and streams look at what they rest on.

        The others stay known: nobody is locked out of reading by what somebody else did.
        """
        self._known = {
            key: one
            for key, one in self._known.items()
            if one.principal is not None and not ended(one.principal)
        }
        self._changes += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def _watch(self) -> None:
        """Notice what ended on the command line though nobody has asked by it since.

        Else it would be believed once storage is away.
        """
        while True:
            await asyncio.sleep(min(self._look_every, _KNOWN_FOR))
            with contextlib.suppress(StorageError):
                await self._look_at_all()

    async def _look_at_all(self) -> None:
        keys = {key for key, one in self._known.items() if one.principal is not None}
        if not keys:
            return
        gone = keys - await self._threads.read(lambda: self._records.still(keys))
        if gone:
            self._forget(lambda principal: principal.session in gone)

    # --- signing in ------------------------------------------------------------------------------

    async def ways(self) -> Ways:
        oidc = self._config().oidc
        return Ways(
            password=oidc is None or await self._users(),
            oidc=None if oidc is None else oidc.title,
            needs_setup=not await self._accounts(),
        )

    async def sign_in(
        self, name: str, password: str, address: str, instead_of: str | None
    ) -> SignedIn | None:
        name = name.strip().lower()
        self._may_try(name, address)
        user = await self._threads.read(lambda: self._records.user(name))
        usable = user is not None and user.disabled_at is None
        right = await self._passwords.is_right(
            user.password if user is not None and usable else None, password
        )
        if user is None or not right:
            await self._refused(name, address)
            return None
        self._by_name.forget(name)
        return await self._begin(user, address, instead_of)

    def _may_try(self, name: str, address: str) -> None:
        if not self._by_address.take(address) or not self._by_name.take(name):
            raise DeniedError(_TOO_OFTEN)

    async def _refused(self, name: str, address: str) -> None:
        log.warning("sign_in_refused", name=name[:80], address=address)
        if self._refusals.take():
            doer = Doer(name[:80], self._clock.now(), address)
            await self._threads.write(
                lambda: self._records.record(doer, "sign-in refused", name[:80])
            )

    async def _begin(self, user: User, address: str, instead_of: str | None) -> SignedIn:
        return await self.begin(user.name, user.grants, address, local=True, instead_of=instead_of)

    async def begin(
        self,
        name: str,
        grants: tuple[Grant, ...],
        address: str,
        *,
        local: bool,
        instead_of: str | None = None,
    ) -> SignedIn:
        """A new session, whatever the browser had before."""
        now, secret = self._clock.now(), secrets.token_urlsafe(32)
        lasts = self._config().session.absolute
        session = Session(hashed(secret), name, local, grants, now, now, now + lasts)
        before = None if instead_of is None else hashed(instead_of)
        doer = Doer(name, now, address)
        try:
            await self._threads.write(lambda: self._records.begin(session, doer, before))
        finally:
            self._forget(lambda principal: principal.session == f"session:{before}")
        principal = Principal(Kind.USER, name, grants, f"session:{session.hash}")
        return SignedIn(secret, principal, lasts)

    async def begin_elsewhere(self, going: str) -> tuple[str, str]:
        try:
            return await self._sign_on.begin(going)
        except SignOnError as error:
            log.warning("single_sign_on_failed", problem=error.detail)
            raise DeniedError(str(error)) from error

    async def end_elsewhere(
        self, answer: Mapping[str, str], kept: str, address: str, instead_of: str | None
    ) -> tuple[SignedIn, str]:
        if not self._by_address.take(address):
            raise DeniedError(_TOO_OFTEN)
        try:
            person, going = await self._sign_on.finish(answer, kept)
        except SignOnError as error:
            log.warning("single_sign_on_refused", problem=error.detail, address=address)
            if self._refusals.take():
                doer, told = Doer("", self._clock.now(), address), {"why": error.detail}
                await self._threads.write(
                    lambda: self._records.record(doer, "sign-in refused", "", told)
                )
            raise DeniedError(str(error), error.going) from error
        # The log tells people apart by their names.
        if await self._threads.read(lambda: self._records.user(person.name)) is not None:
            raise DeniedError(f"There is a user {person.name} here who signs in with a password.")
        signed_in = await self.begin(
            person.name, person.grants, address, local=False, instead_of=instead_of
        )
        return signed_in, going

    async def sign_out(self, secret: str) -> None:
        hash_ = hashed(secret)
        try:
            found = await self._threads.read(lambda: self._records.session(hash_))
            if found is None:
                return
            doer = Doer(found[0].user, self._clock.now())
            await self._threads.write(lambda: self._records.end_session(hash_, doer))
        finally:  # where storage is away, it is not believed any longer
            self._forget(lambda principal: principal.session == f"session:{hash_}")

    async def set_up(self, token: str, name: str, password: str, address: str) -> SignedIn:
        if not self._by_address.take(address):
            raise DeniedError(_TOO_OFTEN)
        if self._setup is None or await self._accounts():
            raise DeniedError("Nobody is set up here any more: sign in, or run `nines user add`.")
        if not hmac.compare_digest(hashed(token), self._setup):
            raise DeniedError("This is not the token that Nines printed when it started last.")
        user = await self._new_user(name, password, (Grant(Role.ADMIN),))
        doer = Doer(user.name, self._clock.now(), address)
        made = await self._threads.write(
            lambda: self._records.add_user(user, doer, only_first=True)
        )
        if not made:
            raise DeniedError("Somebody was faster: sign in, or ask them.")
        self._setup, self._has_users = None, True
        return await self._begin(user, address, None)

    async def _new_user(self, name: str, password: str, grants: tuple[Grant, ...]) -> User:
        try:
            name = check_name(name)
            check_new(password)
        except ValueError as error:
            raise DeniedError(str(error)) from None
        kept = await self._passwords.hash(password)
        return User(name, kept, grants, self._clock.now())

    async def change_password(
        self, principal: Principal, old: str, new: str, address: str
    ) -> SignedIn:
        self._may_try(principal.name, address)
        user = await self._threads.read(lambda: self._records.user(principal.name))
        if user is None or user.password is None:
            raise DeniedError("You have no password here: you sign in elsewhere.")
        if not await self._passwords.is_right(user.password, old):
            raise DeniedError("The old password is not right.")
        try:
            check_new(new)
        except PasswordError as error:
            raise DeniedError(str(error)) from None
        kept = await self._passwords.hash(new)
        doer = Doer(user.name, self._clock.now(), address)
        try:
            await self._threads.write(lambda: self._records.set_password(user.name, kept, doer))
        finally:
            self._forget(lambda one: one.kind is Kind.USER and one.name == user.name)
        self._by_name.forget(user.name)
        return await self._begin(user, address, None)

    # --- tokens ----------------------------------------------------------------------------------

    async def tokens(self, principal: Principal) -> Sequence[TokenCard]:
        of = self._only_of(principal)
        found = await self._threads.read(lambda: self._records.tokens(of))
        return [_card(one) for one in found]

    async def make_token(
        self, principal: Principal, name: str, grants: tuple[Grant, ...], lasts: timedelta
    ) -> str:
        if not name:
            raise DeniedError("Name the token, so that one knows later what it is for.")
        mine = await self._threads.read(lambda: self._records.tokens_of(principal.name))
        if mine >= _MOST_TOKENS:
            raise DeniedError(f"You have {_MOST_TOKENS} tokens already: revoke some first.")
        secret, token = new_token(name, grants, principal.name, self._clock.now(), lasts)
        doer = Doer(principal.name, token.created_at)
        await self._threads.write(lambda: self._records.add_token(token, doer))
        return secret

    async def revoke_token(self, principal: Principal, token_id: str) -> bool:
        doer, of = Doer(principal.name, self._clock.now()), self._only_of(principal)
        try:
            return await self._threads.write(lambda: self._records.revoke_token(token_id, doer, of))
        finally:
            self._forget(lambda one: one.kind is Kind.TOKEN)

    def _only_of(self, principal: Principal) -> str | None:
        """Whose tokens somebody may see and revoke; None: everybody's."""
        return None if may(principal, Permission.ADMINISTER, EVERYWHERE) else principal.name

    # --- the log ---------------------------------------------------------------------------------

    async def record(
        self,
        principal: Principal,
        action: str,
        subject: str,
        after: Mapping[str, object] | None = None,
    ) -> None:
        by, now = principal.name or "somebody on this machine", self._clock.now()
        await self._threads.write(lambda: self._log.write(now, by, action, subject, after=after))

    async def audit(
        self, *, before: int | None, limit: int, by: str | None, action: str | None
    ) -> AuditPage:
        found, more = await self._threads.read(
            lambda: self._log.page(before=before, limit=limit, by=by, action=action)
        )
        return AuditPage(tuple(found), found[-1].number if more else None)

    async def close(self) -> None:
        """Finish what was begun."""
        if self._watching is not None:
            self._watching.cancel()
        await asyncio.gather(*self._writing, return_exceptions=True)
        self._passwords.close()


def _card(token: Token) -> TokenCard:
    return TokenCard(
        id=token.id,
        name=token.name,
        roles="; ".join(grant.words for grant in token.grants),
        by=token.made_by,
        created_at=token.created_at,
        expires_at=token.expires_at,
        used_at=token.used_at,
        revoked_at=token.revoked_at,
    )
