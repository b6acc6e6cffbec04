"""The pages of silences, and what their forms do."""

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from fastapi import Request
from fastapi.responses import HTMLResponse

from alerting.silence import Silence
from dashboards.form import Form
from dashboards.silences_page import SilenceView, read_form, silence_view, silences_view
from dashboards.source import SilenceFile
from slo.planning import PlanError
from web.forms import clean
from web.planned_pages import PlannedPages

_FILLED = ("matchers", "duration", "reason", "until_resolved")  # by whoever links to the form


class SilencePages(PlannedPages[SilenceFile]):
    """What people see of them."""

    kind: ClassVar = "silence"
    changes: ClassVar = {"end": "ended"}
    notices: ClassVar = {
        "made": "Silenced. Everything is counted and recorded as before.",
        "ended": "Ended. Who was not told of what still fires is told now.",
    }

    async def every(self, request: Request) -> HTMLResponse:
        """All, and the form, as the address fills it in; where it asks so, what that would do."""
        asked = request.query_params
        form = Form({name: clean(asked.get(name, ""), 500) for name in _FILLED})
        if not asked.get("preview"):
            return self._list(request, form)
        try:
            return self._list(request, form, preview=await self._try(form, ""))
        except PlanError as error:
            wrong = Form(form.values, self._field(error), f"This makes no sense yet: {error}.")
            return self._list(request, wrong, status=400)

    def _list_view(
        self, request: Request, form: Form, preview: SilenceFile | None, name: str
    ) -> object:
        del request  # all are listed, whatever it asks
        return silences_view(
            self.source.silences(),
            services=self.source.services(),
            form=form,
            preview=preview,
            remembered=name,
            now=self.now(),
        )

    async def _view(self, planned_id: str, name: str, notice: str | None) -> SilenceView | None:
        file = await self.source.silence(planned_id)
        if file is None:
            return None
        return silence_view(file, remembered=name, notice=notice, now=self.now())

    async def _try(self, form: Form, by: str) -> SilenceFile:
        return await self.source.try_silence(read_form(form, by, self.now(), only_preview=True))

    async def _make(self, form: Form, by: str) -> str:
        plan = read_form(form, by, self.now(), only_preview=False)
        return (await self.source.make_silence(plan)).id

    def _acts(self) -> Mapping[str, Callable[[str, str], Awaitable[Silence | None]]]:
        return {"end": self.source.end_silence}
