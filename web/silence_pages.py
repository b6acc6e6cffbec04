"""The pages of silences, and what their forms do."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from fastapi import Request
from fastapi.responses import HTMLResponse

from alerting.silence import Silence, SilenceState, extended
from dashboards.form import Form
from dashboards.silences_page import (
    EXTENDED_BY,
    SilenceView,
    listed,
    read_form,
    silence_view,
    silences_view,
)
from dashboards.source import SilenceFile
from slo.planning import PlanError
from web.forms import clean, remembered
from web.planned_pages import PlannedPages

_MOST_LOOKED_INTO = 10  # of a list: what they take is read from storage
_FILLED = ("matchers", "duration", "reason", "until_resolved")  # by whoever links to the form


class SilencePages(PlannedPages[SilenceFile]):
    """What people see of them."""

    kind: ClassVar = "silence"
    changes: ClassVar = {"end": "ended", "extend": "extended"}
    notices: ClassVar = {
        "made": "Silenced. Everything is counted and recorded as before.",
        "ended": "Ended. Who was not told of what still fires is told now.",
        "extended": "Extended by an hour.",
    }

    async def every(self, request: Request) -> HTMLResponse:
        """The form, as the address fills it in, and where it asks so, what that would do; above it
        those in one state with what they take.
        """
        asked = request.query_params
        form = Form({name: clean(asked.get(name, ""), 500) for name in _FILLED})
        if not asked.get("preview"):
            return await self._in_state(request, form)
        try:
            return self._list(request, form, preview=await self._try(form, ""))
        except PlanError as error:
            wrong = Form(form.values, self._field(error), f"This makes no sense yet: {error}.")
            return self._list(request, wrong, status=400)

    async def _in_state(self, request: Request, form: Form) -> HTMLResponse:
        wanted, now = request.query_params.get("state", ""), self.now()
        state = SilenceState(wanted) if wanted in {*SilenceState} else None
        found = self.source.silences()
        shown, by_state = listed(found, state, now)
        files = await asyncio.gather(
            *(self.source.silence(one.id) for one in by_state[shown][:_MOST_LOOKED_INTO])
        )
        view = silences_view(
            found,
            services=self.source.services(),
            form=form,
            preview=None,
            remembered=remembered(request),
            now=now,
            state=state,
            files={file.silence.id: file for file in files if file is not None},
        )
        return self.show(request, "silences.html", "silences", "Silences", topics="", view=view)

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
        return {"end": self.source.end_silence, "extend": self._extend}

    async def _extend(self, silence_id: str, by: str) -> Silence | None:
        found = next((one for one in self.source.silences() if one.id == silence_id), None)
        if found is None:
            return None
        plan = extended(found, by, EXTENDED_BY, self.now())
        return await self.source.make_silence(plan, silence_id)
