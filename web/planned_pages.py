"""The pages of what people plan, exclusions and silences, and what their forms do."""

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, Generic, Protocol, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from dashboards import links
from dashboards.form import Form
from dashboards.planned_row import PlannedRow
from slo.planning import PlanError, Planned
from web.book import NAMELESS, Book
from web.forms import NAME_COOKIE, clean, fields, remember, remembered, see_other

File = TypeVar("File")


class PlannedView(Protocol):
    """What there is to see of one."""

    @property
    def row(self) -> PlannedRow: ...


class PlannedPages(Book, Generic[File]):
    """A list with a form, and a page for each, in the words of one `kind`.

    `changes`: what may be done to one, and how it is called afterwards.
    """

    kind: ClassVar[str]
    changes: ClassVar[Mapping[str, str]]
    notices: ClassVar[Mapping[str, str]]  # by what was done to it: `made`, or one of the changes

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        every, one = f"/{self.kind}s", f"/{self.kind}s/{{planned_id}}"
        reading = ["GET", "HEAD"]
        router.add_api_route(every, self.every, methods=reading, response_model=None)
        router.add_api_route(one, self.one, methods=reading, response_model=None)
        router.add_api_route(every, self.make, methods=["POST"], response_model=None)
        for change in self.changes:
            act = self._changing(change)
            router.add_api_route(f"{one}/{change}", act, methods=["POST"], response_model=None)

    async def every(self, request: Request) -> HTMLResponse:
        """All, and the form, as the address fills it in."""
        raise NotImplementedError

    async def one(self, request: Request, planned_id: str) -> HTMLResponse:
        """One of them."""
        notice = self.notices.get(request.query_params.get("notice", ""))
        view = await self._view(planned_id, remembered(request), notice)
        if view is None:
            return self._none(request, planned_id)
        title = f"{self.kind.capitalize()} of {view.row.what}"
        return self.show(request, f"{self.kind}.html", f"{self.kind}s", title, topics="", view=view)

    async def make(self, request: Request) -> Response:
        """Make what the form says, or show what that would do."""
        values = await fields(request)
        by = clean(values.pop("name", "")) or remembered(request)
        only_preview = values.pop("action", "") == "preview"
        form = Form(values)
        try:
            if only_preview:
                would_be = await self._try(form, by)
                return self._list(request, form, preview=would_be, name=by)
            made_id = await self._make(form, by)
        except PlanError as error:
            form = Form(values, self._field(error), f"This makes no sense yet: {error}.")
            return self._list(request, form, status=400, name=by)
        return self._done(request, made_id, "made", by)

    def _changing(self, change: str) -> Callable[[Request, str], Awaitable[Response]]:
        async def endpoint(request: Request, planned_id: str) -> Response:
            by = clean((await fields(request)).get("name", "")) or remembered(request)
            if not by:
                return self.error(request, 400, NAMELESS)
            try:
                changed = await self._acts()[change](planned_id, by)
            except PlanError as error:
                sentence = str(error)
                return self.error(request, 400, f"{sentence[:1].upper()}{sentence[1:]}.")
            if changed is None:
                return self._none(request, planned_id)
            return self._done(request, changed.id, self.changes[change], by)

        return endpoint

    def _none(self, request: Request, planned_id: str) -> HTMLResponse:
        return self.error(request, 404, f"There is no {self.kind} “{planned_id}”.")

    def _done(self, request: Request, planned_id: str, notice: str, by: str) -> Response:
        address = links.planned_url(self.kind, planned_id)
        response = see_other(links.with_query(address, notice=notice))
        remember(request, response, NAME_COOKIE, by)
        return response

    def _list(
        self,
        request: Request,
        form: Form,
        *,
        preview: File | None = None,
        name: str = "",
        status: int = 200,
    ) -> HTMLResponse:
        view = self._list_view(request, form, preview, name or remembered(request))
        section = f"{self.kind}s"
        return self.show(
            request,
            f"{section}.html",
            section,
            section.capitalize(),
            topics="",
            view=view,
            status=status,
        )

    def _field(self, error: PlanError) -> str:
        """The field of the form that is wrong."""
        return error.field

    def _list_view(self, request: Request, form: Form, preview: File | None, name: str) -> object:
        """The list and the form. `name`: of whoever fills it in."""
        raise NotImplementedError

    async def _view(self, planned_id: str, name: str, notice: str | None) -> PlannedView | None:
        """One of them; None where there is none."""
        raise NotImplementedError

    async def _try(self, form: Form, by: str) -> File:
        """What making it would do. Raises PlanError."""
        raise NotImplementedError

    async def _make(self, form: Form, by: str) -> str:
        """Make it; gives its id. Raises PlanError."""
        raise NotImplementedError

    def _acts(self) -> Mapping[str, Callable[[str, str], Awaitable[Planned | None]]]:
        """What does each of the changes: takes the id and who; None where there is none."""
        raise NotImplementedError
