"""The pages of exclusions, and what their forms do."""

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from fastapi import Request
from fastapi.responses import HTMLResponse

from dashboards.exclusions_page import ExclusionView, exclusion_view, exclusions_view, read_form
from dashboards.form import Form
from dashboards.source import ExclusionFile
from slo.exclusion import Exclusion
from slo.planning import PlanError
from web.planned_pages import PlannedPages

_LONGEST = 100  # of a moment in the address


class ExclusionPages(PlannedPages[ExclusionFile]):
    """What people see of them."""

    kind: ClassVar = "exclusion"
    changes: ClassVar = {"end": "ended", "undo": "undone"}
    notices: ClassVar = {
        "made": "Excluded: the numbers are without it from now on.",
        "ended": "Ended. What it excluded until now stays excluded.",
        "undone": "Undone: the numbers are what they would be without it.",
    }

    async def every(self, request: Request) -> HTMLResponse:
        """All, or those for one SLO; and the form, with what the address says filled in."""
        asked = request.query_params
        said = {name: asked.get(name, "")[:_LONGEST] for name in ("start", "end")}
        return self._list(request, Form({"what": asked.get("slo", ""), **said}))

    def _field(self, error: PlanError) -> str:
        return {"scope": "what", "service": "what"}.get(error.field, error.field)

    def _list_view(
        self, request: Request, form: Form, preview: ExclusionFile | None, name: str
    ) -> object:
        slo = request.query_params.get("slo") if request.method != "POST" else None
        cards = self.source.services()
        return exclusions_view(
            [
                one
                for one in self.source.exclusions()
                if not slo or slo in self.source.excluded_slos(one)
            ],
            known=[
                *(card.name for card in cards),
                *(slo_id for card in cards for slo_id in card.slo_ids),
            ],
            form=form,
            preview=preview,
            remembered=name,
            now=self.now(),
        )

    async def _view(self, planned_id: str, name: str, notice: str | None) -> ExclusionView | None:
        file = await self.source.exclusion(planned_id)
        if file is None:
            return None
        return exclusion_view(file, remembered=name, notice=notice, now=self.now())

    async def _try(self, form: Form, by: str) -> ExclusionFile:
        would_be = self.source.try_exclusion(read_form(form, by, self.now()))
        return ExclusionFile(would_be, (), self.source.excluded_slos(would_be))

    async def _make(self, form: Form, by: str) -> str:
        return (await self.source.exclude(read_form(form, by, self.now()))).id

    def _acts(self) -> Mapping[str, Callable[[str, str], Awaitable[Exclusion | None]]]:
        return {"end": self.source.end_exclusion, "undo": self.source.undo_exclusion}
