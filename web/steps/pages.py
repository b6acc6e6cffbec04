"""`/start`: three doors to the first promise, and what their forms do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from dashboards import format as write
from dashboards import links
from dashboards.form import Form
from dashboards.hindsight import sentence, week_rows
from dashboards.proposal import choices
from dashboards.start_page import JobRow, Offer, PastWeeks, StartView, WayRow, windows
from dashboards.try_facts import tried_view
from slo.hindsight import suggest
from slo.units import format_percent
from web.access.decision import EVERYWHERE, Permission, may, may_somewhere
from web.access.guard import asking
from web.access.guarded import signed
from web.book import NAMELESS, Book
from web.forms import NAME_COOKIE, clean, fields, remember, remembered, see_other
from web.steps.choosing import choose
from web.steps.port import StepError, Steps, sentence_of
from web.steps.wanted import (
    Address,
    Counted,
    Wanted,
    WantedError,
    holds_secrets,
    host_and_port,
    read_address,
    read_prometheus,
    read_promise,
)

_NOT_FOR_A_FILE = (
    "the address holds what sounds like a secret, which is not written into a file from here: copy "
    "the lines, and put a variable such as ${TOKEN} in its place"
)
Values = Mapping[str, str]


@dataclass(frozen=True)
class StartPages(Book):
    """What a newcomer sees first."""

    steps: Steps

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        router.add_api_route("/start", self.page, methods=["GET", "HEAD"], response_model=None)
        for path, endpoint in (
            ("/start/url", self.look),
            ("/start/prometheus", self.ask),
            ("/start/save", self.save),
        ):
            router.add_api_route(path, endpoint, methods=["POST"], response_model=None)

    async def page(self, request: Request) -> HTMLResponse:
        """The doors; an address in the query is filled in, and nothing is done with it."""
        asked = clean(request.query_params.get("url", ""), 500)
        return self._show(request, self._view(request, Form({"url": asked})))

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
            return self._shut(request, view, error)
        return self._show(request, replace(view, tried=tried_view(address.url, seen, self.now())))

    async def ask(self, request: Request) -> HTMLResponse:
        """The jobs of a Prometheus; of one of them what could be counted, and its past weeks."""
        values = await fields(request)
        view = replace(self._view(request, Form(values)), door="prometheus")
        try:
            url = read_prometheus(values.get("prometheus", ""))
            job = values.get("job", "")
            jobs = await self.steps.jobs(url)
            view = replace(view, jobs=_job_rows(jobs, job))
            if not job:
                return self._show(request, view)
            found = await self.steps.candidates(url, job)
            chosen = choose(found, values.get("way", ""), job)
            view = replace(view, ways=[WayRow(o.key, o.title, o == chosen) for o in found])
            weeks = await self.steps.look_back(url, chosen)
            first = suggest(weeks)
            suggested = format_percent(first.share) if first is not None else ""
            promise = read_promise(
                job,
                values.get("service", ""),
                values.get("objective", "") or suggested,
                values.get("window", ""),
                self._taken(),
            )
        except WantedError as error:
            return self._refuse(request, view, values, error)
        except StepError as error:
            return self._shut(request, view, error)
        past = PastWeeks(
            sentence(weeks, promise.objective), suggested, week_rows(weeks, promise.objective)
        )
        offer = _offer(Counted(url, chosen, promise), job)
        return self._show(request, replace(view, past=past, offer=offer))

    async def save(self, request: Request) -> Response:
        """Write what was proposed into the configuration, and show its first numbers."""
        values = await fields(request)
        by = clean(values.get("name", "")) or remembered(request)
        door = "prometheus" if values.get("prometheus") else "url"
        view = replace(self._view(request, Form(values)), door=door, remembered=by)
        if not by:
            return self.error(request, 400, NAMELESS)
        try:
            wanted = await self._wanted(values)
            view = replace(view, offer=_offer(wanted, values.get("job", "")))
            await self._write(wanted)
        except WantedError as error:
            return self._refuse(request, view, values, error)
        except StepError as error:
            said = f"It was not saved: {error}."
            return self._show(request, replace(view, refusal=said), error.status)
        await _record(wanted, signed(by))
        target = links.slo_url(f"{wanted.promise.service}/{wanted.proposal.slo}")
        # A browser would go on to the fragment of the form's own address.
        response = see_other(f"{target}#main")
        remember(request, response, NAME_COOKIE, by)
        return response

    async def _write(self, wanted: Wanted) -> None:
        if holds_secrets(wanted.url):
            raise StepError(409, _NOT_FOR_A_FILE)
        await self.steps.save(wanted.promise.service, wanted.lines, *host_and_port(wanted.url))

    async def _wanted(self, values: Values) -> Wanted:
        """What a form would have saved. Raises WantedError and StepError."""
        if not values.get("prometheus"):
            return self._address(values)
        url, job = read_prometheus(values["prometheus"]), values.get("job", "")
        # Asked anew: what is written is made here, and not taken from a form.
        chosen = choose(await self.steps.candidates(url, job), values.get("way", ""), job)
        promise = read_promise(
            job,
            values.get("service", ""),
            values.get("objective", ""),
            values.get("window", ""),
            self._taken(),
        )
        return Counted(url, chosen, promise)

    def _address(self, values: Values) -> Address:
        return read_address(
            values.get("url", ""),
            service=values.get("service", ""),
            objective=values.get("objective", ""),
            window=values.get("window", ""),
            taken=self._taken(),
        )

    def _taken(self) -> set[str]:
        return {card.name for card in self.source.services()}

    def _shut(self, request: Request, view: StartView, error: StepError) -> HTMLResponse:
        offer = replace(view.offer, is_open=error.status != 403) if view.offer else None
        view = replace(view, refusal=sentence_of(error), offer=offer)
        return self._show(request, view, error.status)

    def _refuse(
        self, request: Request, view: StartView, values: dict[str, str], error: WantedError
    ) -> HTMLResponse:
        form = Form(values, error.field, f"This makes no sense yet: {error}.")
        # What is wrong with a proposal stands in its form.
        if view.offer is None and view.door == "url" and error.field != "url":
            view = replace(view, offer=_offer(self._address({"url": values["url"]})))
        if view.offer is None and error.field not in ("url", "prometheus"):
            view = replace(view, refusal=form.why)
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


def _offer(wanted: Wanted, job: str = "") -> Offer:
    proposal, promise = wanted.proposal, wanted.promise
    hidden: tuple[tuple[str, str], ...] = (("url", wanted.url),)
    if isinstance(wanted, Counted):
        hidden = (("prometheus", wanted.url), ("job", job), ("way", wanted.candidate.key))
    return Offer(
        proposal=proposal,
        choices=choices(promise.objective, promise.window),
        windows=windows(proposal.window),
        again="/start/prometheus" if isinstance(wanted, Counted) else "/start/url",
        hidden=hidden,
    )


def _job_rows(jobs: Sequence[tuple[str, int]], chosen: str) -> list[JobRow]:
    return [
        JobRow(name, f"{name} ({write.plural(targets, 'target')})", name == chosen)
        for name, targets in jobs
    ]


async def _record(wanted: Wanted, by: str) -> None:
    one = asking()
    after = {
        "address": wanted.url,
        "objective": wanted.proposal.objective,
        "window": wanted.proposal.window,
    }
    who = replace(one.principal, name=by)
    await one.access.record(who, "service added", wanted.promise.service, after)
