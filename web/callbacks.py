"""Where vendors and people send back what became of a notification."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from alerting.callbacks.refusal import PutOffError, RefusedError
from dashboards.mail_link_page import mail_link_view
from dashboards.source import MailLink
from web.access.guard import GuardedRoute
from web.access.guarded import signed
from web.forms import NAME_COOKIE, Print, clean, remember, remembered
from web.problem import ProblemError
from web.refusals import Refusals, put_off


class Callbacks(Protocol):
    """Each raises RefusedError for what is not acted on, PutOffError when it is to come again."""

    async def slack(self, receiver: str, headers: Mapping[str, str], body: bytes) -> None: ...

    async def pagerduty(self, receiver: str, headers: Mapping[str, str], body: bytes) -> None: ...

    async def mail_link(self, token: str) -> MailLink:
        """What the link in a mail leads to."""

    async def use_mail_link(self, token: str, by: str) -> MailLink:
        """Acknowledge by it; a link that was used says so."""


class _NoCallbacks:
    """Nobody is configured to send any."""

    async def slack(self, receiver: str, headers: Mapping[str, str], body: bytes) -> None:
        del headers, body
        raise RefusedError(404, f"No receiver {receiver} takes callbacks from Slack.")

    async def pagerduty(self, receiver: str, headers: Mapping[str, str], body: bytes) -> None:
        del headers, body
        raise RefusedError(404, f"No receiver {receiver} takes webhooks from PagerDuty.")

    async def mail_link(self, token: str) -> MailLink:
        del token
        raise RefusedError(404, "This link is not one of ours.")

    async def use_mail_link(self, token: str, by: str) -> MailLink:
        del by
        return await self.mail_link(token)


NO_CALLBACKS = _NoCallbacks()


class VendorCallbacks:
    """What programs send."""

    def __init__(self, callbacks: Callbacks, clock: Callable[[], float]) -> None:
        self._callbacks = callbacks
        self._refusals = Refusals(clock)

    async def slack(self, request: Request, receiver: str) -> Response:
        """A press of a button."""
        return await self._take(request, receiver, self._callbacks.slack)

    async def pagerduty(self, request: Request, receiver: str) -> Response:
        """A webhook of version 3."""
        return await self._take(request, receiver, self._callbacks.pagerduty)

    async def _take(
        self,
        request: Request,
        receiver: str,
        take: Callable[[str, Mapping[str, str], bytes], Awaitable[None]],
    ) -> Response:
        body = await request.body()
        with self._refusals.told():
            await take(receiver, request.headers, body)
        return Response(status_code=200)


class MailLinkPages:
    """The page behind the link in a mail: looking at it does nothing, its button acknowledges."""

    def __init__(
        self,
        callbacks: Callbacks,
        show: Print,
        error: Callable[[Request, int, str | None], HTMLResponse],
        clock: Callable[[], float],
    ) -> None:
        self._callbacks = callbacks
        self._show = show
        self._error = error
        self._refusals = Refusals(clock)

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        path = "/callbacks/mail/{token}"
        router.add_api_route(path, self.ask, methods=["GET", "HEAD"], response_model=None)
        router.add_api_route(path, self.use, methods=["POST"], response_model=None)

    async def ask(self, request: Request, token: str) -> Response:
        """What the link is for. Programs that open every link in a mail do nothing by it."""
        return await self._answer(request, self._callbacks.mail_link(token))

    async def use(self, request: Request, token: str) -> Response:
        """Acknowledge."""
        try:
            form = await request.form(max_files=0, max_fields=5)
            name = form.get("name", "")
        except Exception as error:  # the parsers' own errors are of many kinds
            raise ProblemError(400, "The body is no form.") from error
        by = clean(name) if isinstance(name, str) else ""
        by = signed(by or remembered(request))
        if not by:
            return await self._answer(request, self._callbacks.mail_link(token), missing=True)
        using = self._callbacks.use_mail_link(token, by)
        response = await self._answer(request, using, done=by)
        if response.status_code < 400:
            remember(request, response, NAME_COOKIE, by)
        return response

    async def _answer(
        self,
        request: Request,
        asking: Awaitable[MailLink],
        *,
        missing: bool = False,
        done: str | None = None,
    ) -> Response:
        try:
            found = await asking
        except RefusedError as error:
            self._refusals.count(error)
            return self._refuse(request, error.status, error.text)
        except PutOffError as error:
            raise put_off(error) from error
        view = mail_link_view(
            found,
            address=request.url.path,
            remembered=remembered(request),
            name_missing=missing,
            by=done,
        )
        return self._show(
            request,
            "mail_link.html",
            "incidents",
            view.title,
            topics="",
            view=view,
            status=400 if missing and view.can_acknowledge else 200,
        )

    def _refuse(self, request: Request, status: int, text: str) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            raise ProblemError(status, text)
        return self._error(request, status, f"{text} Open the incident in Nines instead.")


def callbacks_router(callbacks: Callbacks, clock: Callable[[], float]) -> APIRouter:
    """`/callbacks/slack/...` and `/callbacks/pagerduty/...`: for vendors, no part of the API."""
    vendors = VendorCallbacks(callbacks, clock)
    router = APIRouter(prefix="/callbacks", include_in_schema=False, route_class=GuardedRoute)
    for path, endpoint in (
        ("/slack/{receiver}", vendors.slack),
        ("/pagerduty/{receiver}", vendors.pagerduty),
    ):
        router.add_api_route(path, endpoint, methods=["POST"], response_model=None)
    return router
