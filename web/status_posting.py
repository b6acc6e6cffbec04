"""`/status-incidents`: the form in which people write what customers read."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from alerting.status_incident import StatusIncident
from dashboards.source import Source
from dashboards.status_board import StatusBoard
from dashboards.status_posting import (
    BY_RULE,
    NOT_TOUCHED,
    URL,
    PostingForm,
    drafted,
    meanwhile,
    posting_form,
    posting_list,
    posting_view,
)
from slo.planning import PlanError
from web.access.guard import GuardedRoute
from web.forms import NAME_COOKIE, Print, clean, remember, remembered, see_other
from web.framed import Framed
from web.problem import ProblemError
from web.settings import WebSettings
from web.status_incidents import (
    LONGEST,
    ReusedError,
    StatusIncidentRequest,
    StatusPosts,
    StatusUpdateRequest,
)

_Wanted = TypeVar("_Wanted", StatusIncidentRequest, StatusUpdateRequest)
_COMPONENT = "component."
_SENT_ALREADY = (
    "Nothing was published now: this form was sent before with other words, and those were "
    "published. If customers are to read these too, publish again."
)
_FIELDS = {"by": "your name", "text": "the text", "title": "the title"}


class StatusPostingPages:
    """The list with its form, and one incident with the form for the next update."""

    def __init__(
        self,
        board: StatusBoard,
        source: Source,
        now: Callable[[], datetime],
        show: Print,
        error: Callable[[Request, int, str | None], HTMLResponse],
    ) -> None:
        self._board = board
        self._source = source
        self._posts = StatusPosts(board)
        self._now = now
        self._show = show
        self._error = error

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        one = f"{URL}/{{incident_id}}"
        reading = ["GET", "HEAD"]
        router.add_api_route(URL, self.every, methods=reading, response_model=None)
        router.add_api_route(one, self.one, methods=reading, response_model=None)
        router.add_api_route(URL, self.post, methods=["POST"], response_model=None)
        router.add_api_route(f"{one}/updates", self.update, methods=["POST"], response_model=None)

    async def every(self, request: Request) -> HTMLResponse:
        """All, and the form for another: empty, or drafted from an incident of ours."""
        incident_id = request.query_params.get("incident", "")
        values = await self._draft(incident_id) if incident_id else None
        if values is None:
            return self._list(request, self._form(request, {}))
        return self._list(request, self._form(request, values, drafted_from=incident_id))

    async def _draft(self, incident_id: str) -> Mapping[str, str] | None:
        page, detail = self._board.page(), await self._source.incident(incident_id)
        if page is None or detail is None:
            return None
        slos = await self._source.slos_of([incident_id])
        return drafted(page, detail.incident, slos.get(incident_id, ()))

    async def one(self, request: Request, incident_id: str) -> HTMLResponse:
        """One, and the form for its next update."""
        try:
            found = self._posts.one(incident_id)
        except ProblemError as error:
            return self._error(request, error.status, str(error))
        return self._file(request, found, self._form(request, {}, of=found))

    async def post(self, request: Request) -> Response:
        """Tell customers."""
        sent = await _sent(request)
        try:
            wanted = _read(StatusIncidentRequest, sent, request)
            told, _ = await self._posts.post(wanted, _key(sent))
        except (ValidationError, PlanError, ProblemError) as error:
            form = self._form(request, sent, problem=_words(error))
            return self._list(request, form, status=_status(error))
        return self._done(request, told, wanted.by)

    async def update(self, request: Request, incident_id: str) -> Response:
        """Tell them more."""
        sent = await _sent(request)
        try:
            found = self._posts.one(incident_id)
        except ProblemError as error:
            return self._error(request, error.status, str(error))
        if news := meanwhile(found, sent):
            form = self._form(request, sent, of=found, problem=news)
            return self._file(request, found, form, status=409)
        try:
            wanted = _read(StatusUpdateRequest, sent, request)
            told, _ = await self._posts.update(incident_id, wanted, _key(sent))
        except (ValidationError, PlanError, ProblemError) as error:
            form = self._form(request, sent, of=found, problem=_words(error))
            return self._file(request, found, form, status=_status(error))
        return self._done(request, told, wanted.by)

    def _done(self, request: Request, told: StatusIncident, by: str) -> Response:
        response = see_other(f"{URL}/{told.id}")
        remember(request, response, NAME_COOKIE, by)
        return response

    def _form(
        self,
        request: Request,
        sent: Mapping[str, str],
        *,
        of: StatusIncident | None = None,
        problem: str | None = None,
        drafted_from: str | None = None,
    ) -> PostingForm:
        return posting_form(
            self._board.page(),
            key=secrets.token_urlsafe(16),
            remembered=sent.get("name") or remembered(request),
            values=sent,
            of=of,
            problem=problem,
            drafted_from=drafted_from,
        )

    def _list(self, request: Request, form: PostingForm, status: int = 200) -> HTMLResponse:
        view = posting_list(self._board.page(), self._board.incidents(), form, self._now())
        return self._show(
            request,
            "status_incidents.html",
            "status",
            "Status page",
            topics="",
            view=view,
            status=status,
        )

    def _file(
        self, request: Request, found: StatusIncident, form: PostingForm, status: int = 200
    ) -> HTMLResponse:
        view = posting_view(self._board.page(), found, form, self._now())
        title = f"Status page: {found.title}"
        return self._show(
            request,
            "status_incident.html",
            "status",
            title,
            topics="",
            view=view,
            status=status,
        )


def status_posting_router(board: StatusBoard, source: Source, settings: WebSettings) -> APIRouter:
    """Their routes; none of them is part of the API's description."""
    router = APIRouter(
        include_in_schema=False, route_class=GuardedRoute, dependencies=[Depends(source.roll)]
    )
    framed = Framed(source, settings.now)
    StatusPostingPages(board, source, settings.now, framed.page, framed.error).add_to(router)
    return router


async def _sent(request: Request) -> dict[str, str]:
    """What was filled in; the text keeps its lines."""
    found: Mapping[str, object] = await request.form()
    return {
        name: _lines(value) if name == "text" else clean(value, 500)
        for name, value in found.items()
        if isinstance(value, str)
    }


def _lines(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(clean(line, LONGEST) for line in lines)[: LONGEST + 1]


def _read(kind: type[_Wanted], sent: Mapping[str, str], request: Request) -> _Wanted:
    """The request that was filled in. Raises ValidationError."""
    wanted: dict[str, object] = {
        name: sent[name] for name in ("title", "impact", "status", "text") if name in sent
    }
    if kind is StatusUpdateRequest:
        wanted.pop("title", None)
    wanted["by"] = sent.get("name") or remembered(request)
    wanted["components"] = {
        name.removeprefix(_COMPONENT): None if value == BY_RULE else value
        for name, value in sent.items()
        if name.startswith(_COMPONENT) and value != NOT_TOUCHED
    }
    return kind.model_validate(wanted)


def _key(sent: Mapping[str, str]) -> str | None:
    return f"form:{sent['key'][:100]}" if sent.get("key") else None


def _words(error: ValidationError | PlanError | ProblemError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        return f"Not yet: {_FIELDS.get(name, name)} is missing, too long or makes no sense."
    if isinstance(error, ReusedError):
        return _SENT_ALREADY
    return str(error) if isinstance(error, ProblemError) else f"This makes no sense yet: {error}."


def _status(error: Exception) -> int:
    return error.status if isinstance(error, ProblemError) else 400
