"""`/api/v1/exclusions`: say what does not count, and take it back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from dashboards.exclusion_facts import (
    ExclusionDetail,
    ExclusionFacts,
    exclusion_detail,
    exclusion_facts,
    state_of,
)
from dashboards.source import ExclusionFile, Source
from slo.exclusion import Plan, Scope
from slo.planning import PlanError
from web.answer import answer
from web.planning import (
    Author,
    Cursor,
    LabelValue,
    Limit,
    Person,
    Reason,
    When,
    Word,
    newest_first,
    refusing,
)
from web.problem import ProblemError
from web.settings import WebSettings

State = Literal["active", "planned", "over", "undone"]


class ExclusionRequest(When):
    """What is not to count, when, and why: of one SLO, of a service, or of services by labels.

    It begins at `start` (now, where that is missing) and ends at `end` or after `duration`; with
    `rrule` it recurs. A time without offset from UTC is one of `zone`.
    """

    service: Word | None = None
    slo: Word | None = Field(None, description="The SLO's name; goes with `service`.")
    labels: dict[Word, LabelValue] = Field(
        default_factory=dict, max_length=20, description="Of services, all of which must fit."
    )
    reason: Reason
    author: Person
    public: Reason | None = Field(
        None, description="The words by which the status page announces it; else it does not."
    )


@dataclass(frozen=True, slots=True)
class ExclusionList:
    """Newest first."""

    exclusions: tuple[ExclusionFacts, ...]
    next_cursor: str | None


class ExclusionsAPI:
    """The endpoints; every one answers with facts or raises a ProblemError."""

    def __init__(self, source: Source, settings: WebSettings) -> None:
        self._source = source
        self._now = settings.now

    async def every(
        self,
        request: Request,
        state: Annotated[
            list[State] | None, Query(max_length=50, description="In one of these states.")
        ] = None,
        slo: Annotated[
            str | None, Query(max_length=500, description="Those for this SLO, service/slo.")
        ] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Exclusions, newest first; those of the configuration among them."""
        now = self._now()
        found = [
            one
            for one in self._source.exclusions()
            if (not state or state_of(one, now) in state)
            and (slo is None or slo in self._source.excluded_slos(one))
        ]
        page, following = newest_first(found, cursor, limit)
        listed = tuple(exclusion_facts(one, now) for one in page)
        return answer(request, ExclusionList(listed, following))

    async def one(self, request: Request, exclusion_id: str) -> Response:
        """One exclusion, the SLOs that it is for, and who did what to it."""
        return await self._told(request, exclusion_id)

    async def preview(self, request: Request, wanted: ExclusionRequest) -> Response:
        """What making it would exclude, with the next five times; nothing is changed."""
        with refusing():
            would_be = self._source.try_exclusion(plan_of(wanted, self._now()))
        file = ExclusionFile(would_be, (), self._source.excluded_slos(would_be))
        return answer(request, exclusion_detail(file, self._now()))

    async def make(self, request: Request, wanted: ExclusionRequest) -> Response:
        """Exclude it from now on; the numbers are the new ones when this is answered."""
        with refusing():
            made = await self._source.exclude(plan_of(wanted, self._now()))
        return await self._told(request, made.id, status=201)

    async def end(self, request: Request, exclusion_id: str, author: Author) -> Response:
        """It is over from now on; what it excluded until now stays excluded."""
        with refusing():
            ended = await self._source.end_exclusion(exclusion_id, author.by)
        return await self._told(request, exclusion_id if ended is None else ended.id)

    async def undo(self, request: Request, exclusion_id: str, author: Author) -> Response:
        """As if it had never been: the numbers are what they would be without it."""
        return await self._undo(request, exclusion_id, author.by)

    async def delete(
        self,
        request: Request,
        exclusion_id: str,
        by: Annotated[Person, Query(description="Who undoes it.")],
    ) -> Response:
        """The same as `undo`; it stays on record."""
        return await self._undo(request, exclusion_id, by)

    async def _undo(self, request: Request, exclusion_id: str, by: str) -> Response:
        with refusing():
            undone = await self._source.undo_exclusion(exclusion_id, by)
        return await self._told(request, exclusion_id if undone is None else undone.id)

    async def _told(self, request: Request, exclusion_id: str, status: int = 200) -> Response:
        file = await self._source.exclusion(exclusion_id)
        if file is None:
            raise ProblemError(404, f"There is no exclusion {exclusion_id[:100]!r}.")
        return answer(request, exclusion_detail(file, self._now()), status)


def add_exclusion_routes(router: APIRouter, source: Source, settings: WebSettings) -> None:
    """Every endpoint below `/exclusions`."""
    api = ExclusionsAPI(source, settings)
    one = "/exclusions/{exclusion_id}"
    for path, endpoint, method, model in (
        ("/exclusions", api.every, "GET", ExclusionList),
        (one, api.one, "GET", ExclusionDetail),
        ("/exclusions/preview", api.preview, "POST", ExclusionDetail),
        (f"{one}/end", api.end, "POST", ExclusionDetail),
        (f"{one}/undo", api.undo, "POST", ExclusionDetail),
        (one, api.delete, "DELETE", ExclusionDetail),
    ):
        router.add_api_route(path, endpoint, methods=[method], response_model=model)
    router.add_api_route(
        "/exclusions", api.make, methods=["POST"], response_model=ExclusionDetail, status_code=201
    )


def plan_of(wanted: ExclusionRequest, now: datetime) -> Plan:
    """What is asked for; from now on, unless it says when. Raises PlanError."""
    try:
        scope = Scope(wanted.service, wanted.slo, tuple(sorted(wanted.labels.items())))
    except ValueError as error:
        raise PlanError("service", str(error)) from None
    schedule = wanted.schedule(now)
    return Plan(scope, schedule, wanted.reason, wanted.author, wanted.public)
