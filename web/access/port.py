"""What the web asks of whoever keeps users, sessions and tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from dashboards.access_facts import AuditRecord, TokenCard
from web.access.decision import Grant, Permission, Principal


class DeniedError(Exception):
    """What was asked of the keeper of accounts cannot be done; in a sentence.

    `going` is where somebody who signs in elsewhere goes on, trying again.
    """

    def __init__(self, sentence: str, going: str = "/") -> None:
        super().__init__(sentence)
        self.going = going


@dataclass(frozen=True, slots=True)
class Credentials:
    """What came with a request. `local`: from this machine, and not by way of a proxy."""

    session: str | None = None
    bearer: str | None = None
    local: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: the secret that its cookie bears, whose it is, and until when at most."""

    secret: str
    principal: Principal
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of the audit log, newest first; `before` goes on after it."""

    records: tuple[AuditRecord, ...]
    before: int | None


@dataclass(frozen=True, slots=True)
class Ways:
    """How people can sign in. `needs_setup`: nobody can yet, and somebody has to begin."""

    password: bool = True
    oidc: str | None = None  # what the button says
    needs_setup: bool = False


class Access(Protocol):
    """Users, sessions and tokens; and what is written down of changes."""

    async def who(self, credentials: Credentials, *, reads: bool = False) -> Principal:
        """Who asks. Raises DeniedError for a token that is none of ours, or no longer valid.

        Of somebody who only `reads` it may be what was so before storage stopped answering.
        """

    def machines(self, permission: Permission, *, local: bool) -> bool:
        """Whether a scrape, a probe, a look at health or an alert is taken from anybody."""

    async def ways(self) -> Ways: ...

    async def sign_in(
        self, name: str, password: str, address: str, instead_of: str | None
    ) -> SignedIn | None:
        """None: that name and password are not right. `instead_of`: the session that ends by it.

        Raises DeniedError when it was tried too often.
        """

    async def begin_elsewhere(self, going: str) -> tuple[str, str]:
        """Where to send the browser to sign in, and a secret that it keeps until it is back.

        Raises DeniedError.
        """

    async def end_elsewhere(
        self, answer: Mapping[str, str], kept: str, address: str, instead_of: str | None
    ) -> tuple[SignedIn, str]:
        """Whoever came back, and where they were going. Raises DeniedError."""

    async def sign_out(self, secret: str) -> None: ...

    async def set_up(self, token: str, name: str, password: str, address: str) -> SignedIn:
        """Make the first admin. Raises DeniedError."""

    async def change_password(
        self, principal: Principal, old: str, new: str, address: str
    ) -> SignedIn:
        """All other sessions of theirs end. Raises DeniedError."""

    async def tokens(self, principal: Principal) -> Sequence[TokenCard]:
        """Those that somebody made; of an admin, all."""

    async def make_token(
        self, principal: Principal, name: str, grants: tuple[Grant, ...], lasts: timedelta
    ) -> str:
        """Gives what is shown once. Raises DeniedError."""

    async def revoke_token(self, principal: Principal, token_id: str) -> bool:
        """False: there is none of theirs. Nobody can use it any more."""

    async def over(self, principal: Principal) -> None:
        """Return when a session or token ends, or what it may has changed."""

    async def record(
        self,
        principal: Principal,
        action: str,
        subject: str,
        after: Mapping[str, object] | None = None,
    ) -> None:
        """Write down a change that is kept nowhere else."""

    async def audit(
        self, *, before: int | None, limit: int, by: str | None, action: str | None
    ) -> AuditPage: ...
