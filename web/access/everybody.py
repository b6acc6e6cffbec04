"""Nobody is kept out: for an application that serves no network, as in tests."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from dashboards.access_facts import TokenCard
from web.access.decision import LOCAL, Grant, Permission, Principal
from web.access.port import AuditPage, Credentials, DeniedError, SignedIn, Ways


@dataclass(frozen=True, slots=True)
class Everybody:
    """Implements web.access.port.Access: whoever asks is an admin on this machine."""

    async def who(self, credentials: Credentials, *, reads: bool = False) -> Principal:
        del credentials, reads
        return LOCAL

    def machines(self, permission: Permission, *, local: bool) -> bool:
        del permission, local
        return True

    async def ways(self) -> Ways:
        return Ways(password=False)

    async def sign_in(
        self, name: str, password: str, address: str, instead_of: str | None
    ) -> SignedIn | None:
        del name, password, address, instead_of
        return None

    async def begin_elsewhere(self, going: str) -> tuple[str, str]:
        del going
        raise DeniedError("There is no single sign-on here.")

    async def end_elsewhere(
        self, answer: Mapping[str, str], kept: str, address: str, instead_of: str | None
    ) -> tuple[SignedIn, str]:
        del answer, kept, address, instead_of
        raise DeniedError("There is no single sign-on here.")

    async def sign_out(self, secret: str) -> None:
        del secret

    async def set_up(self, token: str, name: str, password: str, address: str) -> SignedIn:
        del token, name, password, address
        raise DeniedError("Nobody is set up here.")

    async def change_password(
        self, principal: Principal, old: str, new: str, address: str
    ) -> SignedIn:
        del principal, old, new, address
        raise DeniedError("There are no passwords here.")

    async def tokens(self, principal: Principal) -> Sequence[TokenCard]:
        del principal
        return ()

    async def make_token(
        self, principal: Principal, name: str, grants: tuple[Grant, ...], lasts: timedelta
    ) -> str:
        del principal, name, grants, lasts
        raise DeniedError("There are no tokens here.")

    async def revoke_token(self, principal: Principal, token_id: str) -> bool:
        del principal, token_id
        return False

    async def over(self, principal: Principal) -> None:
        del principal
        await asyncio.Event().wait()

    async def record(
        self,
        principal: Principal,
        action: str,
        subject: str,
        after: Mapping[str, object] | None = None,
    ) -> None:
        del principal, action, subject, after

    async def audit(
        self, *, before: int | None, limit: int, by: str | None, action: str | None
    ) -> AuditPage:
        del before, limit, by, action
        return AuditPage((), None)


EVERYBODY = Everybody()
