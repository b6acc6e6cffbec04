"""The pages of silences, and what their forms do."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from alerting.silence import Silence
from dashboards import links
from dashboards.form import Form
from dashboards.silences_page import read_form, silence_view, silences_view
from dashboards.source import SilenceFile, Source
from slo.planning import PlanError
from web.forms import NAME_COOKIE, Print, clean, fields, remember, remembered, see_other

_NOTICES = {
    "made": "Silenced. Everything is counted and recorded as before.",
    "ended": "Ended. Who was not told of what still fires is told now.",
}
_FILLED = ("matchers", "duration", "reason", "until_resolved")  # by whoever links to the form


class SilencePages:
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
        one = "/silences/{silence_id}"
        for path, endpoint, methods in (
            ("/silences", self.every, ["GET", "HEAD"]),
            (one, self.one, ["GET", "HEAD"]),
            ("/silences", self.make, ["POST"]),
            (f"{one}/end", self.end, ["POST"]),
        ):
            router.add_api_route(path, endpoint, methods=methods, response_model=None)

    async def every(self, request: Request) -> HTMLResponse:
        """All, and the form, as the address fills it in."""
        asked = request.query_params
        return self._list(
            request, Form({name: clean(asked.get(name, ""), 500) for name in _FILLED})
        )

    async def one(self, request: Request, silence_id: str) -> HTMLResponse:
        """One silence."""
        file = await self._source.silence(silence_id)
        if file is None:
            return self._error(request, 404, f"There is no silence “{silence_id}”.")
        view = silence_view(
            file,
            remembered=remembered(request),
            notice=_NOTICES.get(request.query_params.get("notice", "")),
            now=self._now(),
        )
        title = f"Silence of {view.row.what}"
        return self._show(request, "silence.html", "silences", title, topics="", view=view)

    async def make(self, request: Request) -> Response:
        """Silence what the form says, or show what that would do."""
        values = await fields(request)
        by = clean(values.pop("name", "")) or remembered(request)
        only_preview = values.pop("action", "") == "preview"
        form = Form(values)
        try:
            plan = read_form(form, by, self._now(), only_preview=only_preview)
            if only_preview:
                would_be = await self._source.try_silence(plan)
                return self._list(request, form, preview=would_be, name=by)
            made = await self._source.make_silence(plan)
        except PlanError as error:
            form = Form(values, error.field, f"This makes no sense yet: {error}.")
            return self._list(request, form, status=400, name=by)
        return self._done(request, made, "made", by)

    async def end(self, request: Request, silence_id: str) -> Response:
        """End it now."""
        values = await fields(request)
        by = clean(values.get("name", "")) or remembered(request)
        if not by:
            return self._error(
                request, 400, "Say who you are, so that the others know whom to ask."
            )
        try:
            ended = await self._source.end_silence(silence_id, by)
        except PlanError as error:
            sentence = str(error)
            return self._error(request, 400, f"{sentence[:1].upper()}{sentence[1:]}.")
        if ended is None:
            return self._error(request, 404, f"There is no silence “{silence_id}”.")
        return self._done(request, ended, "ended", by)

    def _done(self, request: Request, changed: Silence, notice: str, by: str) -> Response:
        response = see_other(links.with_query(links.silence_url(changed.id), notice=notice))
        remember(request, response, NAME_COOKIE, by)
        return response

    def _list(
        self,
        request: Request,
        form: Form,
        *,
        preview: SilenceFile | None = None,
        name: str = "",
        status: int = 200,
    ) -> HTMLResponse:
        view = silences_view(
            self._source.silences(),
            services=self._source.services(),
            form=form,
            preview=preview,
            remembered=name or remembered(request),
            now=self._now(),
        )
        return self._show(
            request, "silences.html", "silences", "Silences", topics="", view=view, status=status
        )
