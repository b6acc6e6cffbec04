"""The pages of exclusions, and what their forms do."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from dashboards import links
from dashboards.exclusions_page import exclusion_view, exclusions_view, read_form
from dashboards.form import Form
from dashboards.source import ExclusionFile, Source
from slo.exclusion import Exclusion
from slo.planning import PlanError
from web.forms import NAME_COOKIE, Print, clean, fields, remember, remembered, see_other

_NOTICES = {
    "made": "Excluded: the numbers are without it from now on.",
    "ended": "Ended. What it excluded until now stays excluded.",
    "undone": "Undone: the numbers are what they would be without it.",
}


class ExclusionPages:
    """Asks the source, lets `dashboards` arrange it, prints."""

    def __init__(
        self,
        source: Source,
        now: Callable[[], datetime],
        show: Print,
        error: Callable[[Request, int, str | None], HTMLResponse],
    ) -> None:
        self._source = source
        self._now = now
        self._show = show
        self._error = error

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        one = "/exclusions/{exclusion_id}"
        for path, endpoint, methods in (
            ("/exclusions", self.every, ["GET", "HEAD"]),
            (one, self.one, ["GET", "HEAD"]),
            ("/exclusions", self.make, ["POST"]),
            (f"{one}/end", self.end, ["POST"]),
            (f"{one}/undo", self.undo, ["POST"]),
        ):
            router.add_api_route(path, endpoint, methods=methods, response_model=None)

    async def every(self, request: Request) -> HTMLResponse:
        """All, or those for one SLO; and the form."""
        what = request.query_params.get("slo", "")
        return self._list(request, Form({"what": what}), slo=what or None)

    async def one(self, request: Request, exclusion_id: str) -> HTMLResponse:
        """One exclusion."""
        file = await self._source.exclusion(exclusion_id)
        if file is None:
            return self._error(request, 404, f"There is no exclusion “{exclusion_id}”.")
        view = exclusion_view(
            file,
            remembered=remembered(request),
            notice=_NOTICES.get(request.query_params.get("notice", "")),
            now=self._now(),
        )
        title = f"Exclusion of {view.row.what}"
        return self._show(request, "exclusion.html", "exclusions", title, topics="", view=view)

    async def make(self, request: Request) -> Response:
        """Exclude what the form says, or show what that would do."""
        values = await fields(request)
        by = clean(values.pop("name", "")) or remembered(request)
        only_preview = values.pop("action", "") == "preview"
        form = Form(values)
        try:
            plan = read_form(form, by, self._now())
            would_be = self._source.try_exclusion(plan)
            if only_preview:
                file = ExclusionFile(would_be, (), self._source.excluded_slos(would_be))
                return self._list(request, form, preview=file, name=by)
            made = await self._source.exclude(plan)
        except PlanError as error:
            field = {"scope": "what", "service": "what"}.get(error.field, error.field)
            form = Form(values, field, f"This makes no sense yet: {error}.")
            return self._list(request, form, status=400, name=by)
        return self._done(request, made, "made", by)

    async def end(self, request: Request, exclusion_id: str) -> Response:
        """End it now."""
        return await self._change(request, exclusion_id, "ended", self._source.end_exclusion)

    async def undo(self, request: Request, exclusion_id: str) -> Response:
        """As if it had never been."""
        return await self._change(request, exclusion_id, "undone", self._source.undo_exclusion)

    async def _change(
        self,
        request: Request,
        exclusion_id: str,
        notice: str,
        change: Callable[[str, str], Awaitable[Exclusion | None]],
    ) -> Response:
        values = await fields(request)
        by = clean(values.get("name", "")) or remembered(request)
        if not by:
            return self._error(
                request, 400, "Say who you are, so that the others know whom to ask."
            )
        try:
            changed = await change(exclusion_id, by)
        except PlanError as error:
            sentence = str(error)
            return self._error(request, 400, f"{sentence[:1].upper()}{sentence[1:]}.")
        if changed is None:
            return self._error(request, 404, f"There is no exclusion “{exclusion_id}”.")
        return self._done(request, changed, notice, by)

    def _done(self, request: Request, changed: Exclusion, notice: str, by: str) -> Response:
        response = see_other(links.with_query(links.exclusion_url(changed.id), notice=notice))
        remember(request, response, NAME_COOKIE, by)
        return response

    def _list(
        self,
        request: Request,
        form: Form,
        *,
        slo: str | None = None,
        preview: ExclusionFile | None = None,
        name: str = "",
        status: int = 200,
    ) -> HTMLResponse:
        found = [
            one
            for one in self._source.exclusions()
            if slo is None or slo in self._source.excluded_slos(one)
        ]
        view = exclusions_view(
            found,
            known=[
                *(card.name for card in self._source.services()),
                *(slo_id for card in self._source.services() for slo_id in card.slo_ids),
            ],
            form=form,
            preview=preview,
            remembered=name or remembered(request),
            now=self._now(),
        )
        return self._show(
            request,
            "exclusions.html",
            "exclusions",
            "Exclusions",
            topics="",
            view=view,
            status=status,
        )
