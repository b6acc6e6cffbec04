"""`/api/v1/annotations`: annotate a service or an SLO, and the form for it on an SLO's page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict

from dashboards import links
from dashboards.annotations import AnnotationsView
from dashboards.form import Form as FormView
from dashboards.gate_facts import AuditFacts
from dashboards.source import Source
from slo.annotation import Annotation, AnnotationPlan
from slo.planning import PlanError
from web.answer import answer
from web.forms import NAME_COOKIE, Print, fields, remember, remembered, see_other
from web.moment import read_moment
from web.planning import Author, Cursor, Limit, Person, Reason, Word, newest_first, refusing
from web.problem import ProblemError, bad_request
from web.settings import WebSettings


class AnnotationRequest(BaseModel):
    """An annotation at `start` (now, where that is missing) or from there to `end`."""

    model_config = ConfigDict(extra="forbid")

    service: Word
    slo: Word | None = None
    text: Reason
    start: Word | None = None
    end: Word | None = None
    by: Person


class NewWords(BaseModel):
    """What it is to say, and who says so."""

    model_config = ConfigDict(extra="forbid")

    text: Reason
    by: Person


@dataclass(frozen=True, slots=True)
class AnnotationFacts:
    """An annotation; without `end` it is of a moment, without `slo` of the whole service."""

    id: str
    service: str
    slo: str | None
    text: str
    start: datetime
    end: datetime | None
    author: str
    created_at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class AnnotationDetail:
    annotation: AnnotationFacts
    trail: tuple[AuditFacts, ...]


@dataclass(frozen=True, slots=True)
class AnnotationList:
    """Newest first; those that were undone are left out."""

    annotations: tuple[AnnotationFacts, ...]
    next_cursor: str | None


class AnnotationsAPI:
    """The endpoints; every one answers with facts or raises a ProblemError."""

    def __init__(self, source: Source, settings: WebSettings) -> None:
        self._source = source
        self._now = settings.now

    async def every(
        self,
        request: Request,
        service: Annotated[str | None, Query(max_length=500, description="On this one.")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Annotations, newest first."""
        found = [
            one
            for one in await self._source.annotations().every()
            if one.undone_at is None and service in (None, one.plan.service)
        ]
        page, following = newest_first(found, cursor, limit)
        return answer(request, AnnotationList(tuple(map(_facts, page)), following))

    async def one(self, request: Request, annotation_id: str) -> Response:
        """One annotation, and who did what to it."""
        return await self._told(request, annotation_id)

    async def make(self, request: Request, wanted: AnnotationRequest) -> Response:
        """Put it on record; it changes no number."""
        plan = AnnotationPlan(
            wanted.service,
            wanted.slo,
            wanted.text,
            self._moment("start", wanted.start) or self._now(),
            self._moment("end", wanted.end),
            wanted.by,
        )
        with refusing():
            made = await self._source.annotations().make(plan)
        return await self._told(request, made.id, 201)

    async def edit(self, request: Request, annotation_id: str, words: NewWords) -> Response:
        """Say it in other words; the former ones stay on record."""
        with refusing():
            await self._source.annotations().edit(annotation_id, words.text, words.by)
        return await self._told(request, annotation_id)

    async def undo(self, request: Request, annotation_id: str, author: Author) -> Response:
        """Take it back; it stays on record."""
        with refusing():
            await self._source.annotations().undo(annotation_id, author.by)
        return await self._told(request, annotation_id)

    def _moment(self, name: str, text: str | None) -> datetime | None:
        if text is None:
            return None
        try:
            return read_moment(text, self._now())
        except ValueError as error:
            raise bad_request(f"body.{name}", str(error)) from None

    async def _told(self, request: Request, annotation_id: str, status: int = 200) -> Response:
        file = await self._source.annotations().one(annotation_id)
        if file is None:
            raise ProblemError(404, f"There is no annotation {annotation_id[:100]!r}.")
        trail = tuple(AuditFacts(entry.at, entry.by, entry.action) for entry in file.trail)
        return answer(request, AnnotationDetail(_facts(file.annotation), trail), status)


def _facts(one: Annotation) -> AnnotationFacts:
    plan = one.plan
    return AnnotationFacts(
        id=one.id,
        service=plan.service,
        slo=plan.slo,
        text=plan.text,
        start=plan.start,
        end=plan.end,
        author=plan.author,
        created_at=one.created_at,
        undone_at=one.undone_at,
    )


def add_annotation_routes(router: APIRouter, source: Source, settings: WebSettings) -> None:
    """Every endpoint below `/annotations`."""
    api = AnnotationsAPI(source, settings)
    one = "/annotations/{annotation_id}"
    for path, endpoint, method, model in (
        ("/annotations", api.every, "GET", AnnotationList),
        (one, api.one, "GET", AnnotationDetail),
        (f"{one}/edit", api.edit, "POST", AnnotationDetail),
        (f"{one}/undo", api.undo, "POST", AnnotationDetail),
    ):
        router.add_api_route(path, endpoint, methods=[method], response_model=model)
    router.add_api_route(
        "/annotations", api.make, methods=["POST"], response_model=AnnotationDetail, status_code=201
    )


class AnnotationForms:
    """What the forms on an SLO's page do."""

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
        for path, endpoint in (
            ("/annotations", self.make),
            ("/annotations/{annotation_id}/undo", self.undo),
        ):
            router.add_api_route(path, endpoint, methods=["POST"], response_model=None)

    async def make(self, request: Request) -> Response:
        """Annotate an SLO."""
        sent = await fields(request)
        service, _, slo = sent.get("slo", "").partition("/")
        by, text = sent.get("name", "") or remembered(request), sent.get("text", "")
        if not by or not text:
            missing = ("name", "Say who you are first") if text else ("text", "Write a text first")
            return self._again(request, sent, *missing)
        try:
            start = read_moment(sent.get("at", "") or "now", self._now())
        except ValueError as error:
            return self._again(request, sent, "at", f"This makes no sense yet: {error}")
        try:
            plan = AnnotationPlan(service, slo or None, text, start, None, by[:80])
            await self._source.annotations().make(plan)
        except PlanError as error:
            if error.field in ("service", "slo"):
                return self._error(request, 400, f"This cannot be annotated: {error}.")
            return self._again(request, sent, "at", f"This makes no sense yet: {error}")
        return self._back(request, sent, by)

    async def undo(self, request: Request, annotation_id: str) -> Response:
        """Take one back."""
        sent = await fields(request)
        by = sent.get("name", "") or remembered(request)
        if not by:
            return self._error(request, 400, "Say who you are first.")
        try:
            gone = await self._source.annotations().undo(annotation_id, by[:80])
        except PlanError as error:
            return self._error(request, 409, f"This cannot be undone: {error}.")
        if gone is None:
            return self._error(request, 404, "There is no such annotation.")
        return self._back(request, sent, by)

    def _again(self, request: Request, sent: dict[str, str], field: str, why: str) -> HTMLResponse:
        """The form, as it was filled in, with what is wrong."""
        name = sent.get("name", "")[:80] or remembered(request)
        view = AnnotationsView(sent.get("slo", ""), (), name, FormView(sent, field, f"{why}."))
        return self._show(
            request, "annotate.html", "slos", "Annotate", topics="", view=view, status=400
        )

    def _back(self, request: Request, sent: dict[str, str], by: str) -> Response:
        response = see_other(f"{links.slo_url(sent.get('slo', ''))}#annotations")
        remember(request, response, NAME_COOKIE, by[:80])
        return response
