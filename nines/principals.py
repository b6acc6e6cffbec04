"""Who asks: what storage said of sessions and tokens, believed for some seconds."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nines.clock import Clock
from nines.config.access import AccessConfig
from nines.credentials import TOKEN_PREFIX, hashed
from nines.storage.accounts import AccountRecords
from nines.storage.errors import StorageError
from nines.threads import StorageThreads
from web.access.decision import LOCAL, Kind, Permission, Principal, Role, nobody
from web.access.port import Credentials, DeniedError

LOOK_EVERY = 15.0  # seconds, at what an open stream rests on
_KNOWN_FOR = 5.0  # seconds that a session or token is believed without asking storage
# Whoever only reads is who they were up to so long before storage stopped answering: those who
# look at what is wrong are not locked out by it, and a session that ended long ago stays ended.
_BELIEVED_FOR = 900.0
_PATIENCE = 2.0  # seconds, with storage that is slow
_NONE_FOR = 2.0  # seconds that it is believed that there are no users
_USED_EVERY = timedelta(minutes=1)
_MOST_KNOWN = 10_000
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


class Principals:
    """Answers as web.access.port.Access says; a change made here holds at once."""

    def __init__(
        self,
        records: AccountRecords,
        threads: StorageThreads,
        config: Callable[[], AccessConfig],
        clock: Clock,
        *,
        on_loopback: bool,
        look_every: float = LOOK_EVERY,
    ) -> None:
        self._records = records
        self._threads = threads
        self._config = config
        self._clock = clock
        self._on_loopback = on_loopback
        self._look_every = look_every
        self._has_users = False
        self._looked = float("-inf")
        self._known: dict[str, _Known] = {}
        self._changes = 0  # what was looked up before one is not kept after it
        self._watching: asyncio.Task[None] | None = None
        self._away_since: float | None = None
        self._changed = asyncio.Event()
        self._writing: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Watch for what ends elsewhere, until `close`."""
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Finish what was begun."""
        if self._watching is not None:
            self._watching.cancel()
        await asyncio.gather(*self._writing, return_exceptions=True)

    def begin(self) -> None:
        """The first user was made just now."""
        self._has_users = True

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
        if not await self.has_anybody():
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
            return not await self.has_anybody()
        if principal.kind is Kind.NOBODY:
            allowed = self._config().anonymous == "viewer"
            return allowed or not principal.grants
        kind, _, hash_ = principal.session.partition(":")
        try:
            found = await self._find(kind, hash_)
        except StorageError:
            return True
        return found is not None and found.grants == principal.grants

    async def has_anybody(self) -> bool:
        """Whether anybody can sign in."""
        return self._config().oidc is not None or await self.has_users()

    async def has_users(self) -> bool:
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

    def forget(self, ended: Callable[[Principal], bool]) -> None:
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
            self.forget(lambda principal: principal.session in gone)
