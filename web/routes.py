"""`/api/v1/routes/test`: who would be told of an alert with these labels, and why them."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from dashboards.route_facts import RouteTest, route_test
from dashboards.source import Source
from web.answer import answer
from web.moment import read_moment
from web.problem import bad_request
from web.settings import WebSettings

_MOST_LABELS = 100
Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=200)]
Value = Annotated[str, StringConstraints(max_length=4_000)]


class RouteQuestion(BaseModel):
    """The labels of an alert, and when it would fire: now, where that is not said.

    Those of its `service`, where it is one that is watched, need not be repeated.
    """

    model_config = ConfigDict(extra="forbid")

    labels: dict[Name, Value] = Field(
        max_length=_MOST_LABELS, examples=[{"service": "shop", "severity": "page"}]
    )
    at: str | None = Field(None, max_length=100, examples=["2026-11-21T03:00:00Z"])


def add_route_routes(router: APIRouter, source: Source, settings: WebSettings) -> None:
    """The endpoint."""

    async def test(request: Request, asked: RouteQuestion) -> Response:
        """The routes that take such an alert, who is told there, and who holds it back."""
        now = settings.now()
        try:
            at = now if asked.at is None else read_moment(asked.at, now)
        except ValueError as error:
            raise bad_request("body.at", str(error)) from None
        return answer(request, route_test(*await source.ways(asked.labels, at)))

    router.add_api_route("/routes/test", test, methods=["POST"], response_model=RouteTest)
