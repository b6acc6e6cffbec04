"""`/api/v1/try`: look once at an address, and propose what to promise of it."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from dashboards.source import Source
from dashboards.try_facts import TryFacts, try_facts
from web.answer import answer
from web.problem import bad_request
from web.steps.pages import as_problem
from web.steps.port import StepError, Steps
from web.steps.wanted import Address, WantedError, read_address


class TryRequest(BaseModel):
    """An address, and what is wanted other than proposed: 99.5% over 28d, called by its host."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=500, examples=["https://shop.example/health"])
    service: str = Field("", max_length=100, examples=["shop"])
    objective: str = Field("", max_length=20, examples=["99.9%"])
    window: str = Field("", max_length=20, examples=["28d"])


def add_step_routes(router: APIRouter, source: Source, steps: Steps) -> None:
    """The endpoints."""

    def read(asked: TryRequest) -> Address:
        taken = {card.name for card in source.services()}
        try:
            return read_address(
                asked.url,
                service=asked.service,
                objective=asked.objective,
                window=asked.window,
                taken=taken,
            )
        except WantedError as error:
            raise bad_request(f"body.{error.field}", str(error)) from None

    async def look(request: Request, asked: TryRequest) -> Response:
        """What one look at the address sees, within about two seconds; nothing is kept of it."""
        address = read(asked)
        try:
            seen = await steps.look(address.config)
        except StepError as error:
            raise as_problem(error) from None
        return answer(request, try_facts(address.url, seen, address.proposal))

    router.add_api_route("/try", look, methods=["POST"], response_model=TryFacts)
