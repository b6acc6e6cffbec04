"""`/api/v1/status/incidents`: tell customers what is wrong, and what is done about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from alerting.status_incident import (
    ComponentState,
    Impact,
    Stage,
    StatusIncident,
    StatusPlan,
    UpdatePlan,
)
from dashboards.status_board import StatusBoard
from dashboards.status_words import incident_path
from slo.key import KeyReusedError
from web.access.decision import EVERYWHERE, Permission
from web.access.guard import asking
from web.access.guarded import signed
from web.answer import answer
from web.keyed import Key, digest, of_api
from web.planning import Cursor, Limit, Person, Word, newest_first, refusing
from web.problem import ProblemError
from web.settings import WebSettings

LONGEST = 10_000
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^\P{C}+$"),
]
# Several lines, and nothing that XML has no place for.
Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=LONGEST, pattern=r"^(?:\P{C}|\n|\r|\t)+$"
    ),
]
Components = Annotated[
    dict[Word, ComponentState | None],
    Field(
        max_length=200,
        description="By their keys; null: it is touched, and its state is left to its SLOs.",
    ),
]


class StatusIncidentRequest(BaseModel):
    """What customers are told first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "title": "Payments fail",
                    "impact": "major",
                    "status": "investigating",
                    "text": "Some payments fail since 14:00. We are looking into it.",
                    "components": {"checkout": "partial_outage"},
                    "by": "ada",
                }
            ]
        },
    )

    title: Title
    impact: Impact = Impact.MINOR
    status: Stage = Stage.INVESTIGATING
    text: Text
    components: Components = Field(default_factory=dict)
    by: Person


class StatusUpdateRequest(BaseModel):
    """What they are told next. Without `impact` it stays as it was."""

    model_config = ConfigDict(extra="forbid")

    status: Stage
    text: Text
    impact: Impact | None = None
    components: Components = Field(default_factory=dict)
    by: Person


@dataclass(frozen=True, slots=True)
class StatusUpdateFacts:
    """One update; `by` is never shown to customers."""

    id: str
    status: Stage
    text: str
    by: str
    at: datetime
    components: Mapping[str, ComponentState | None]


@dataclass(frozen=True, slots=True)
class StatusIncidentFacts:
    """An incident as customers are told of it; its updates are oldest first."""

    id: str
    title: str
    impact: Impact
    status: Stage
    url: str
    components: Mapping[str, ComponentState | None]
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    updates: tuple[StatusUpdateFacts, ...]


@dataclass(frozen=True, slots=True)
class StatusIncidentList:
    """Newest first."""

    incidents: tuple[StatusIncidentFacts, ...]
    next_cursor: str | None


class ReusedError(ProblemError):
    """Something else was sent under this key before; this was not taken."""

    def __init__(self) -> None:
        super().__init__(
            422, "header.Idempotency-Key: something else was sent under this key; choose a new one"
        )


class StatusPosts:
    """Who may post, under which name, and once: for the API and for the form alike."""

    def __init__(self, board: StatusBoard) -> None:
        self.board = board

    def one(self, incident_id: str) -> StatusIncident:
        """Raises ProblemError."""
        found = next((one for one in self.board.incidents() if one.id == incident_id), None)
        if found is None:
            raise _none(incident_id)
        return found

    async def post(
        self, wanted: StatusIncidentRequest, key: str | None
    ) -> tuple[StatusIncident, bool]:
        """Raises ProblemError and PlanError."""
        self._demand(wanted.components)
        plan = StatusPlan(
            wanted.title,
            wanted.impact,
            wanted.status,
            wanted.text,
            signed(wanted.by),
            wanted.components,
        )
        try:
            return await self.board.post(plan, key, digest(wanted, of=""))
        except KeyReusedError:
            raise ReusedError from None

    async def update(
        self, incident_id: str, wanted: StatusUpdateRequest, key: str | None
    ) -> tuple[StatusIncident, bool]:
        """Raises ProblemError and PlanError."""
        self._demand([*self.one(incident_id).components, *wanted.components])
        plan = UpdatePlan(
            incident_id,
            wanted.status,
            wanted.text,
            signed(wanted.by),
            wanted.impact,
            wanted.components,
        )
        try:
            return await self.board.update(plan, key, digest(wanted, of=incident_id))
        except KeyReusedError:
            raise ReusedError from None
        except LookupError:
            raise _none(incident_id) from None

    def _demand(self, components: Iterable[str]) -> None:
        """Whoever may publish for each owner of what is named; of nothing named, for all."""
        if self.board.page() is None:
            raise ProblemError(
                409, "There is no status page: write `status_page` in the configuration."
            )
        owners = self.board.owners(components)
        for owner in owners or [EVERYWHERE]:
            asking().demand_for(Permission.PUBLISH, owner)


def _none(incident_id: str) -> ProblemError:
    return ProblemError(404, f"There is no status incident {incident_id[:100]!r}.")


class StatusAPI:
    """The endpoints; every one answers with facts or raises a ProblemError."""

    def __init__(self, board: StatusBoard, settings: WebSettings) -> None:
        self._posts = StatusPosts(board)
        self._external_url = settings.external_url

    async def every(self, request: Request, cursor: Cursor = None, limit: Limit = 50) -> Response:
        """What customers were told, newest first."""
        page, following = newest_first(self._posts.board.incidents(), cursor, limit)
        return answer(request, StatusIncidentList(tuple(map(self._facts, page)), following))

    async def one(self, request: Request, incident_id: str) -> Response:
        """One incident, and all that was told of it."""
        return answer(request, self._facts(self._posts.one(incident_id)))

    async def post(
        self, request: Request, wanted: StatusIncidentRequest, key: Key = None
    ) -> Response:
        """Tell customers; 200 instead of 201 where this was told before under the same key."""
        with refusing():
            told, is_new = await self._posts.post(wanted, of_api(key))
        return answer(request, self._facts(told), 201 if is_new else 200)

    async def update(
        self, request: Request, incident_id: str, wanted: StatusUpdateRequest, key: Key = None
    ) -> Response:
        """Tell them more; 200 instead of 201 where this was told before under the same key."""
        with refusing():
            told, is_new = await self._posts.update(incident_id, wanted, of_api(key))
        return answer(request, self._facts(told), 201 if is_new else 200)

    def _facts(self, one: StatusIncident) -> StatusIncidentFacts:
        return StatusIncidentFacts(
            id=one.id,
            title=one.title,
            impact=one.impact,
            status=one.stage,
            url=f"{self._external_url}{incident_path(one.id)}",
            components=one.components,
            created_at=one.created_at,
            updated_at=one.updated_at,
            resolved_at=one.resolved_at,
            updates=tuple(
                StatusUpdateFacts(each.id, each.stage, each.text, each.by, each.at, each.components)
                for each in one.updates
            ),
        )


def add_status_routes(router: APIRouter, board: StatusBoard, settings: WebSettings) -> None:
    """Every endpoint below `/status`."""
    api = StatusAPI(board, settings)
    one = "/status/incidents/{incident_id}"
    before: dict[int | str, dict[str, Any]] = {
        200: {"model": StatusIncidentFacts, "description": "It was on record already."},
    }
    router.add_api_route(
        "/status/incidents", api.every, methods=["GET"], response_model=StatusIncidentList
    )
    router.add_api_route(one, api.one, methods=["GET"], response_model=StatusIncidentFacts)
    for path, endpoint in (("/status/incidents", api.post), (f"{one}/updates", api.update)):
        router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            response_model=StatusIncidentFacts,
            status_code=201,
            responses=before,
        )
