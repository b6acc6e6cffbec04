"""Signing in and out, the first admin, one's own password and tokens."""

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from dashboards import links
from dashboards.account_page import AccountView, SignInView, token_rows
from dashboards.frame import Visitor
from web.access.decision import (
    READERS,
    Grant,
    Kind,
    Permission,
    Principal,
    Role,
    may,
    may_somewhere,
)
from web.access.guard import asking, cookie_name
from web.access.port import Access, DeniedError, SignedIn
from web.forms import Print, asked_address, clean, see_other
from web.problem import ProblemError

_MOST_FIELDS = 12
_MOST_PASSWORD = 1_000
_NOT_RIGHT = "Name or password is not right."
_LONGEST_TOKEN = timedelta(days=366)
_ELSEWHERE = timedelta(minutes=10)  # that somebody may take to sign in there
_NOTICES = {"password": "Your password was changed; everywhere else you are signed out."}


class AccountPages:
    """What people see of their accounts."""

    def __init__(
        self,
        access: Access,
        now: Callable[[], datetime],
        show: Print,
        error: Callable[[Request, int, str | None], HTMLResponse],
        external_url: str,
    ) -> None:
        self._access = access
        self._now = now
        self._show = show
        self._error = error
        self._is_https = external_url.lower().startswith("https://")
        self._cookie = cookie_name(external_url)

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        reading = ["GET", "HEAD"]
        for path, methods, endpoint in (
            ("/sign-in", reading, self.ask),
            ("/sign-in", ["POST"], self.sign_in),
            ("/sign-in/oidc", ["GET"], self.go_elsewhere),
            ("/sign-in/oidc/callback", ["GET"], self.come_back),
            ("/sign-out", ["POST"], self.sign_out),
            ("/setup", reading, self.ask_setup),
            ("/setup", ["POST"], self.set_up),
            ("/account", reading, self.account),
            ("/account/password", ["POST"], self.change_password),
            ("/account/tokens", ["POST"], self.make_token),
            ("/account/tokens/{token_id}/revoke", ["POST"], self.revoke_token),
        ):
            router.add_api_route(path, endpoint, methods=methods, response_model=None)

    async def ask(self, request: Request) -> Response:
        """The form; without users there is only the way to the first."""
        return await self._form(request, links.safe_return(request.query_params.get("next")))

    async def sign_in(self, request: Request) -> Response:
        """By name and password."""
        sent = await _sent(request)
        name, going = clean(sent.get("name", "")), links.safe_return(sent.get("next"))
        one = asking()
        try:
            signed_in = await self._access.sign_in(
                name, sent.get("password", ""), one.credentials.address, one.credentials.session
            )
        except DeniedError as error:
            return await self._form(request, going, name=name, wrong=str(error), status=429)
        if signed_in is None:
            return await self._form(request, going, name=name, wrong=_NOT_RIGHT, status=401)
        return self.begin(see_other(going), signed_in)

    async def go_elsewhere(self, request: Request) -> Response:
        """To the single sign-on."""
        going = links.safe_return(request.query_params.get("next"))
        try:
            url, kept = await self._access.begin_elsewhere(going)
        except DeniedError as error:
            return await self._form(request, going, wrong=str(error), status=503)
        response = see_other(url)
        self._keep(response, f"{self._cookie}_oidc", kept, _ELSEWHERE)
        return response

    async def come_back(self, request: Request) -> Response:
        """From there: signed in, or not."""
        kept = request.cookies.get(f"{self._cookie}_oidc", "")
        credentials = asking().credentials
        try:
            signed_in, going = await self._access.end_elsewhere(
                dict(request.query_params), kept, credentials.address, credentials.session
            )
        except DeniedError as error:
            response = await self._form(request, error.going, wrong=str(error), status=403)
        else:
            response = self.begin(see_other(going), signed_in)
        self._forget(response, f"{self._cookie}_oidc")
        return response

    async def sign_out(self, request: Request) -> Response:
        """The session ends, in every tab."""
        del request
        session = asking().credentials.session
        if session is not None:
            await self._access.sign_out(session)
        response = see_other("/sign-in")
        self._forget(response, self._cookie)
        return response

    async def ask_setup(self, request: Request) -> Response:
        """The form for the first admin, where there is none yet."""
        if not (await self._access.ways()).needs_setup:
            return see_other("/sign-in")
        return self._setup(request, token=clean(request.query_params.get("token", ""), 200))

    async def set_up(self, request: Request) -> Response:
        """Make the first admin, who is signed in by it."""
        sent = await _sent(request)
        token, name = clean(sent.get("token", ""), 200), clean(sent.get("name", ""))
        try:
            signed_in = await self._access.set_up(
                token, name, sent.get("password", ""), asking().credentials.address
            )
        except DeniedError as error:
            return self._setup(request, token=token, name=name, wrong=str(error), status=400)
        return self.begin(see_other("/"), signed_in)

    async def account(self, request: Request) -> HTMLResponse:
        """One's own."""
        notice = _NOTICES.get(request.query_params.get("notice", ""))
        return await self._account(request, notice=notice)

    async def change_password(self, request: Request) -> Response:
        """A new one, for whoever knows the old one."""
        sent, principal = await _sent(request), await asking().who()
        if sent.get("new", "") != sent.get("again", ""):
            return await self._account(
                request, wrong="The new passwords differ.", field="again", status=400
            )
        try:
            signed_in = await self._access.change_password(
                principal, sent.get("old", ""), sent.get("new", ""), asking().credentials.address
            )
        except DeniedError as error:
            return await self._account(request, wrong=str(error), field="old", status=400)
        return self.begin(see_other("/account?notice=password"), signed_in)

    async def make_token(self, request: Request) -> Response:
        """One that may no more than who makes it."""
        sent, principal = await _sent(request), await asking().who()
        try:
            grant = read_grant(sent.get("role", ""), sent.get("owners", ""))
            lasts = _days(sent.get("days", ""))
            check_gives(principal, grant)
            made = await self._access.make_token(
                principal, clean(sent.get("name", "")), (grant,), lasts
            )
        except (DeniedError, ValueError) as error:
            return await self._account(request, wrong=str(error), field="token", status=400)
        return await self._account(request, made=made)

    async def revoke_token(self, request: Request, token_id: str) -> Response:
        """Nobody can use it any more."""
        if not await self._access.revoke_token(await asking().who(), token_id):
            return self._error(request, 404, "There is no such token of yours.")
        return see_other("/account")

    def begin(self, response: Response, signed_in: SignedIn) -> Response:
        """From now on the browser is that somebody."""
        self._keep(response, self._cookie, signed_in.secret, signed_in.lasts)
        return response

    def _keep(self, response: Response, cookie: str, secret: str, lasts: timedelta) -> None:
        response.set_cookie(
            cookie,
            secret,
            max_age=int(lasts.total_seconds()),
            path="/",
            httponly=True,
            samesite="lax",
            secure=self._is_https,
        )

    def _forget(self, response: Response, cookie: str) -> None:
        response.delete_cookie(
            cookie, path="/", secure=self._is_https, httponly=True, samesite="lax"
        )

    async def _form(
        self, request: Request, going: str, *, name: str = "", wrong: str = "", status: int = 200
    ) -> Response:
        ways = await self._access.ways()
        view = SignInView(
            next=going,
            name=name,
            wrong=wrong,
            by_password=ways.password,
            oidc=ways.oidc,
            oidc_url=links.with_query("/sign-in/oidc", next=going),
            hint=_NO_USERS if ways.needs_setup else "",
        )
        return self._show(
            request, "sign_in.html", "", "Sign in", topics="", view=view, status=status
        )

    def _setup(
        self, request: Request, *, token: str, name: str = "", wrong: str = "", status: int = 200
    ) -> HTMLResponse:
        view = SignInView(next="/", name=name, wrong=wrong, setup=True, token=token)
        return self._show(
            request, "sign_in.html", "", "The first admin", topics="", view=view, status=status
        )

    async def _account(
        self,
        request: Request,
        *,
        made: str | None = None,
        notice: str | None = None,
        wrong: str | None = None,
        field: str = "",
        status: int = 200,
    ) -> HTMLResponse:
        principal = await asking().who()
        tokens = await self._access.tokens(principal)
        owners = {one for grant in principal.grants for one in grant.owners or ()}
        view = AccountView(
            name=principal.name,
            roles=principal.words,
            has_password=(await self._access.ways()).password,
            tokens=token_rows(tokens, self._now()),
            roles_to_give=tuple(role for role in Role if _holds(principal, role)),
            owners=", ".join(sorted(owners)),
            made=made,
            notice=notice,
            wrong=wrong,
            field=field,
        )
        return self._show(
            request, "account.html", "", "Your account", topics="", view=view, status=status
        )


_NO_USERS = (
    "Nobody can sign in yet. Open /setup with the token that Nines printed when it started, or run "
    "`nines user add` on its machine."
)


def to_sign_in(request: Request) -> Response:
    """The way there, and back again."""
    return see_other(f"/sign-in?next={quote(asked_address(request), safe='/')}")


def visitor() -> Visitor:
    """Who looks at the page that is being made."""
    principal = asking().principal
    return Visitor(
        name=principal.name,
        roles=principal.words,
        reads=may_somewhere(principal, Permission.READ),
        is_local=principal.kind is Kind.LOCAL,
        administers=may_somewhere(principal, Permission.ADMINISTER),
        is_user=principal.kind is Kind.USER,
    )


def read_grant(role: str, owners: str) -> Grant:
    """What a form says. Raises ValueError."""
    if role not in tuple(Role):
        raise ValueError(f"A role is one of {', '.join(Role)}.")
    named = frozenset(one.strip() for one in owners.split(",") if one.strip())
    return Grant(Role(role), named or None)


def check_gives(principal: Principal, grant: Grant) -> None:
    """Nobody gives more than they have. Raises ValueError."""
    if not any(_covers(have, grant) for have in principal.grants):
        raise ValueError(f"You are {principal.words}: a token may not be {grant.words}.")


def _covers(have: Grant, wanted: Grant) -> bool:
    order = tuple(Role)
    if order.index(have.role) < order.index(wanted.role):
        return False
    if have.owners is None or wanted.role in READERS:  # everybody with a role reads
        return True
    return wanted.owners is not None and wanted.owners <= have.owners


def _holds(principal: Principal, role: Role) -> bool:
    least = {
        Role.WALL: Permission.WATCH,
        Role.VIEWER: Permission.READ,
        Role.RESPONDER: Permission.SILENCE,
        Role.EDITOR: Permission.EXCLUDE,
        Role.ADMIN: Permission.ADMINISTER,
    }
    return may(principal, least[role], None) or may_somewhere(principal, least[role])


def _days(text: str) -> timedelta:
    if not text.isdecimal() or not text.isascii() or len(text) > 4 or int(text) < 1:
        raise ValueError("A token lasts for a whole number of days.")
    lasts = timedelta(days=int(text))
    if lasts > _LONGEST_TOKEN:
        raise ValueError(f"A token lasts for {_LONGEST_TOKEN.days} days at most.")
    return lasts


async def _sent(request: Request) -> dict[str, str]:
    """The form's fields as they are: a password is no line of text."""
    try:
        form = await request.form(max_files=0, max_fields=_MOST_FIELDS)
    except Exception as error:  # the parsers' own errors are of many kinds
        raise ProblemError(400, "The body is no form.") from error
    return {name: value[:_MOST_PASSWORD] for name, value in form.items() if isinstance(value, str)}
