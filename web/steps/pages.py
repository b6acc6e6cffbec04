"""`/start`: three doors to the first promise, and what their forms do."""

from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from dashboards import links
from dashboards.form import Form
from dashboards.proposal import choices
from dashboards.start_page import Offer, StartView, windows
from dashboards.try_facts import tried_view
from web.access.decision import EVERYWHERE, Permission, may, may_somewhere
from web.access.guard import asking
from web.access.guarded import signed
from web.book import NAMELESS, Book
from web.forms import NAME_COOKIE, clean, fields, remember, remembered, see_other
from web.problem import ProblemError
from web.steps.port import StepError, Steps
from web.steps.wanted import Address, WantedError, read_address

_NOT_FOR_A_FILE = (
    "the address holds what sounds like a secret, which is not written into a file from here: copy "
    "the lines, and put a variable such as ${TOKEN} in its place"
)


@dataclass(frozen=True)
class StartPages(Book):
    """What a newcomer sees first."""

    steps: Steps

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        router.add_api_route("/start", self.page, methods=["GET", "HEAD"], response_model=None)
        for path, endpoint in (("/start/url", self.look), ("/start/save", self.save)):
            router.add_api_route(path, endpoint, methods=["POST"], response_model=None)

    async def page(self, request: Request) -> HTMLResponse:
        """The doors; an address in the query is filled in, and nothing is done with it."""
        return self._show(request, self._view(request, Form({"url": _asked(request)})))

    async def look(self, request: Request) -> HTMLResponse:
        """One look at an address, and what to promise of it."""
        values = await fields(request)
        view = replace(self._view(request, Form(values)), door="url")
        try:
            address = self._address(values)
        except WantedError as error:
            return self._refuse(request, view, values, error)
        view = replace(view, offer=_offer(address))
        try:
            seen = await self.steps.look(address.config)
        except StepError as error:
            offer = replace(_offer(address), is_open=error.status != 403)
            view = replace(view, refusal=_sentence(str(error)), offer=offer)
            return self._show(request, view, error.status)
        return self._show(request, replace(view, tried=tried_view(address.url, seen, self.now())))

    async def save(self, request: Request) -> Response:
        """Write what was proposed into the configuration, and show its first numbers."""
        values = await fields(request)
        by = clean(values.get("name", "")) or remembered(request)
        view = replace(self._view(request, Form(values)), door="url", remembered=by)
        if not by:
            return self.error(request, 400, NAMELESS)
        try:
            address = self._address(values)
        except WantedError as error:
            return self._refuse(request, view, values, error)
        view = replace(view, offer=_offer(address))
        try:
            await self._write(address)
        except StepError as error:
            said = f"It was not saved: {error}."
            return self._show(request, replace(view, refusal=said), error.status)
        await _record(address, signed(by))
        target = links.slo_url(f"{address.promise.service}/{address.proposal.slo}")
        # A browser would go on to the fragment of the form's own address.
        response = see_other(f"{target}#main")
        remember(request, response, NAME_COOKIE, by)
        return response

    async def _write(self, address: Address) -> None:
        if address.holds_secrets:
            raise StepError(409, _NOT_FOR_A_FILE)
        service = address.promise.service
        await self.steps.save(service, address.lines, address.host, address.port)

    def _address(self, values: dict[str, str]) -> Address:
        taken = {card.name for card in self.source.services()}
        return read_address(
            values.get("url", ""),
            service=values.get("service", ""),
            objective=values.get("objective", ""),
            window=values.get("window", ""),
            taken=taken,
        )

    def _refuse(
        self, request: Request, view: StartView, values: dict[str, str], error: WantedError
    ) -> HTMLResponse:
        form = Form(values, error.field, f"This makes no sense yet: {error}.")
        if error.field != "url":  # what is wrong stands in the proposal's form
            view = replace(view, offer=_offer(self._address({"url": values["url"]})))
        return self._show(request, replace(view, form=form), 400)

    def _view(self, request: Request, form: Form) -> StartView:
        principal = asking().principal
        return StartView(
            form=form,
            remembered=remembered(request),
            is_empty=not self.source.slo_ids(),
            may_try=may_somewhere(principal, Permission.PROPOSE),
            may_save=may(principal, Permission.ADMINISTER, EVERYWHERE),
            why_not_saved=self.steps.why_not_saved(),
        )

    def _show(self, request: Request, view: StartView, status: int = 200) -> HTMLResponse:
        title = "First steps"
        return self.show(request, "start.html", "start", title, topics="", view=view, status=status)


def _offer(address: Address) -> Offer:
    proposal, promise = address.proposal, address.promise
    return Offer(
        proposal=proposal,
        choices=choices(promise.objective, promise.window),
        windows=windows(proposal.window),
        again="/start/url",
        hidden=(("url", address.url),),
    )


async def _record(address: Address, by: str) -> None:
    one, promise = asking(), address.promise
    after = {
        "address": address.url,
        "objective": address.proposal.objective,
        "window": address.proposal.window,
    }
    await one.access.record(
        replace(one.principal, name=by), "service added", promise.service, after
    )


def _asked(request: Request) -> str:
    return clean(request.query_params.get("url", ""), 500)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def as_problem(error: StepError) -> ProblemError:
    """For programs."""
    return ProblemError(error.status, _sentence(str(error)))
