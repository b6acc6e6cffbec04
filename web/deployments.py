"""`/api/v1/deployments`: tell of a release, and list them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from dashboards.deployment_facts import (
    DeploymentFacts,
    ReleaseCostFacts,
    cost_facts,
    deployment_facts,
)
from dashboards.links import safe_external
from dashboards.logbook import Before, Wanted
from dashboards.release_cost import release_costs
from dashboards.source import Source
from slo.deployment import Deployment, Rollout
from slo.epoch import EPOCH
from slo.key import KeyReusedError
from slo.ledger import epoch_micros
from web.answer import answer
from web.cursor import read_cursor, write_cursor
from web.keyed import Key, digest, of_api
from web.look import Look
from web.moment import MOST_SIGNS, asked_moment, read_moment
from web.planning import Cursor, Limit, Person, Word, refusing
from web.problem import ProblemError, bad_request
from web.settings import WebSettings

_ORDER = "newest deployment"
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^\P{C}*$")]


class DeploymentRequest(BaseModel):
    """A release that is out: of which service, which version, since when."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "service": "shop",
                    "version": "v2.4.1",
                    "environment": "production",
                    "commit": "9fceb02",
                    "url": "https://ci.example/run/77",
                    "by": "ada",
                }
            ]
        },
    )

    service: Word
    version: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^\P{C}+$"),
    ]
    environment: Line = ""
    at: Word | None = Field(
        None,
        description="ISO 8601, epoch seconds or `now-5m`; now.",
        examples=["2026-11-21T12:00Z"],
    )
    commit: Line = ""
    url: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)] = ""
    by: Person


@dataclass(frozen=True, slots=True)
class DeploymentDetail:
    """A release, and what its first hour cost each SLO of its service."""

    deployment: DeploymentFacts
    costs: tuple[ReleaseCostFacts, ...]


@dataclass(frozen=True, slots=True)
class DeploymentList:
    """Newest first, by the moment that they took effect."""

    deployments: tuple[DeploymentFacts, ...]
    next_cursor: str | None


class DeploymentsAPI:
    """The endpoints; every one answers with facts or raises a ProblemError."""

    def __init__(self, source: Source, settings: WebSettings) -> None:
        self._source = source
        self._now = settings.now

    async def every(
        self,
        request: Request,
        service: Annotated[str | None, Query(max_length=500, description="Of this one.")] = None,
        environment: Annotated[
            str | None, Query(max_length=200, description="In this one.")
        ] = None,
        start: Annotated[
            str | None, Query(max_length=MOST_SIGNS, description="Out since then or later.")
        ] = None,
        end: Annotated[
            str | None, Query(max_length=MOST_SIGNS, description="Out before then.")
        ] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Releases, newest first."""
        now = self._now()
        wanted = Wanted(
            service,
            environment,
            asked_moment("start", start, now),
            asked_moment("end", end, now),
            None if cursor is None else _before(cursor),
        )
        found = await self._source.logbook().deployments(wanted, limit + 1)
        page = found[:limit]
        following = None
        if len(found) > limit:
            last = page[-1]
            following = write_cursor(_ORDER, (epoch_micros(last.at), last.id))
        return answer(request, DeploymentList(tuple(map(deployment_facts, page)), following))

    async def one(self, request: Request, deployment_id: str) -> Response:
        """One release."""
        found = await self._source.logbook().deployment(deployment_id)
        if found is None:
            raise ProblemError(404, f"There is no deployment {deployment_id[:100]!r}.")
        return answer(request, await self._detail(found))

    async def make(self, request: Request, wanted: DeploymentRequest, key: Key = None) -> Response:
        """Put it on record; 200 instead of 201 where it was told before under the same key."""
        if wanted.url and safe_external(wanted.url) is None:
            raise bad_request("body.url", "must begin with https:// or http://")
        rollout = Rollout(
            service=wanted.service,
            version=wanted.version,
            at=self._at(wanted.at),
            by=wanted.by,
            environment=wanted.environment,
            commit=wanted.commit,
            url=wanted.url,
            key=of_api(key),
            told=digest(wanted),
        )
        try:
            with refusing():
                kept, is_new = await self._source.logbook().deploy(rollout)
        except KeyReusedError:
            raise ProblemError(
                422,
                "header.Idempotency-Key: another release was told under this key; choose a new one",
            ) from None
        return answer(request, await self._detail(kept), 201 if is_new else 200)

    async def _detail(self, deployment: Deployment) -> DeploymentDetail:
        service = deployment.rollout.service
        seen = Look(self._source, self._now(), await self._source.roll())
        statuses = seen.of(service)
        costs = await release_costs(self._source, statuses, deployment.at, self._now())
        return DeploymentDetail(deployment_facts(deployment), tuple(map(cost_facts, costs)))

    def _at(self, text: str | None) -> datetime:
        now = self._now()
        if text is None:
            return now
        try:
            return read_moment(text, now)
        except ValueError as error:
            raise bad_request("body.at", str(error)) from None


def add_deployment_routes(router: APIRouter, source: Source, settings: WebSettings) -> None:
    """Every endpoint below `/deployments`."""
    api = DeploymentsAPI(source, settings)
    router.add_api_route("/deployments", api.every, methods=["GET"], response_model=DeploymentList)
    router.add_api_route(
        "/deployments",
        api.make,
        methods=["POST"],
        response_model=DeploymentDetail,
        status_code=201,
        responses={200: {"model": DeploymentDetail, "description": "It was on record already."}},
    )
    router.add_api_route(
        "/deployments/{deployment_id}", api.one, methods=["GET"], response_model=DeploymentDetail
    )


def _before(cursor: str) -> Before:
    try:
        key = read_cursor(cursor, _ORDER)
    except ValueError as error:
        raise bad_request("query.cursor", str(error)) from None
    match key:
        case (int() as micros, str() as last) if abs(micros) < 2**53:
            return EPOCH + timedelta(microseconds=micros), last
    raise bad_request("query.cursor", "this is not a cursor of this list")
