"""Users, sessions and tokens of a running service: how each begins and ends."""

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from dashboards.access_facts import TokenCard
from nines.clock import Clock
from nines.config.access import AccessConfig
from nines.credentials import check_name, hashed, new_token
from nines.passwords import PasswordError, Passwords, check_new
from nines.principals import LOOK_EVERY, Principals
from nines.single_sign_on import SignOnError, SingleSignOn
from nines.storage.accounts import AccountRecords, Doer, Session, Token, User
from nines.storage.audit import AuditRecords
from nines.storage.database import Database
from nines.threads import StorageThreads
from web.access.decision import EVERYWHERE, Grant, Kind, Permission, Principal, Role, may
from web.access.port import AuditPage, Credentials, DeniedError, SignedIn, Ways
from web.throttle import Attempts, Throttle

log = structlog.get_logger("nines.accounts")
_MOST_TOKENS = 100  # of one maker
_PER_ADDRESS = (1 / 6, 10)  # a second, and at once
_PER_NAME = (1 / 30, 5)
_REFUSALS_KEPT = (1.0, 60)
_TOO_OFTEN = "That was tried too often. Wait a minute, then try again."


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
        look_every: float = LOOK_EVERY,
    ) -> None:
        self._records = AccountRecords(database)
        self._log = AuditRecords(database)
        self._threads = threads
        self._config = config
        self._on_loopback = on_loopback
        self._clock = clock
        self._passwords = passwords
        self._principals = Principals(
            self._records, threads, config, clock, on_loopback=on_loopback, look_every=look_every
        )
        self._sign_on = SingleSignOn(
            lambda: config().oidc, external_url, clock.now, clock.monotonic
        )
        self._setup: str | None = None
        self._by_address = Attempts(*_PER_ADDRESS, clock.monotonic)
        self._by_name = Attempts(*_PER_NAME, clock.monotonic)
        self._refusals = Throttle(*_REFUSALS_KEPT, clock.monotonic)

    async def open(self) -> str | None:
        """Look whether there are users; gives the setup token where one is needed, else None."""
        self._principals.open()
        if await self._principals.has_anybody() or self._on_loopback:
            return None
        token = secrets.token_urlsafe(24)
        self._setup = hashed(token)
        return token

    # --- who it is -------------------------------------------------------------------------------

    async def who(self, credentials: Credentials, *, reads: bool = False) -> Principal:
        return await self._principals.who(credentials, reads=reads)

    def machines(self, permission: Permission, *, local: bool) -> bool:
        return self._principals.machines(permission, local=local)

    async def over(self, principal: Principal) -> None:
        await self._principals.over(principal)

    # --- signing in ------------------------------------------------------------------------------

    async def ways(self) -> Ways:
        oidc = self._config().oidc
        return Ways(
            password=oidc is None or await self._principals.has_users(),
            oidc=None if oidc is None else oidc.title,
            needs_setup=not await self._principals.has_anybody(),
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
            self._principals.forget(lambda principal: principal.session == f"session:{before}")
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
            self._principals.forget(lambda principal: principal.session == f"session:{hash_}")

    async def set_up(self, token: str, name: str, password: str, address: str) -> SignedIn:
        if not self._by_address.take(address):
            raise DeniedError(_TOO_OFTEN)
        if self._setup is None or await self._principals.has_anybody():
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
        self._setup = None
        self._principals.begin()
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
            self._principals.forget(lambda one: one.kind is Kind.USER and one.name == user.name)
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
            self._principals.forget(lambda one: one.kind is Kind.TOKEN)

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
        await self._principals.close()
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
