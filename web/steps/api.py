"""`/api/v1/try` and `/api/v1/propose`: look once, and propose what to promise."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from dashboards.hindsight import HindsightFacts, hindsight_facts
from dashboards.proposal import ProposalFacts
from dashboards.source import Source
from dashboards.try_facts import TryFacts, try_facts
from slo.hindsight import suggest
from slo.units import format_percent
from web.answer import answer
from web.problem import ProblemError, bad_request
from web.steps.choosing import choose
from web.steps.port import StepError, Steps, sentence_of
from web.steps.wanted import (
    Address,
    Counted,
    WantedError,
    read_address,
    read_prometheus,
    read_promise,
)


class _Changes(BaseModel):
    """What is wanted other than proposed: 99.5% over 28d, called by its host or job."""

    model_config = ConfigDict(extra="forbid")

    service: str = Field("", max_length=100, examples=["shop"])
    objective: str = Field("", max_length=20, examples=["99.9%"])
    window: str = Field("", max_length=20, examples=["28d"])


class TryRequest(_Changes):
    """An address, and what is wanted other than proposed: 99.5% over 28d, called by its host."""

    url: str = Field(max_length=500, examples=["https://shop.example/health"])


class ProposeRequest(_Changes):
    """An address that is probed; or a Prometheus, one of its jobs, and how to count it.

    Without `job` the jobs are told, without `way` the best way of counting is taken.
    """

    url: str = Field("", max_length=500, examples=["https://shop.example/health"])
    prometheus: str = Field("", max_length=500, examples=["https://prometheus.example/"])
    job: str = Field("", max_length=500, examples=["shop"])
    way: str = Field("", max_length=500, examples=["http_requests_total:code"])


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job of a Prometheus, and how many targets it has."""

    job: str
    targets: int


@dataclass(frozen=True, slots=True)
class WayFacts:
    """A way of counting."""

    way: str
    title: str


@dataclass(frozen=True, slots=True)
class ProposeFacts:
    """What is proposed, and what past weeks would have made of it. `jobs` and `ways` are told of a
    Prometheus alone, and the rest once a job is named.
    """

    jobs: tuple[JobFacts, ...]
    ways: tuple[WayFacts, ...]
    proposal: ProposalFacts | None
    hindsight: HindsightFacts | None


def add_step_routes(router: APIRouter, source: Source, steps: Steps) -> None:
    """The endpoints."""

    def taken() -> set[str]:
        return {card.name for card in source.services()}

    def read(asked: _Changes, url: str) -> Address:
        return read_address(
            url,
            service=asked.service,
            objective=asked.objective,
            window=asked.window,
            taken=taken(),
        )

    async def look(request: Request, asked: TryRequest) -> Response:
        """What one look at the address sees, within about two seconds; nothing is kept of it."""
        try:
            address = read(asked, asked.url)
            seen = await steps.look(address.config)
        except WantedError as error:
            raise bad_request(f"body.{error.field}", str(error)) from None
        except StepError as error:
            raise ProblemError(error.status, sentence_of(error)) from None
        return answer(request, try_facts(address.url, seen, address.proposal))

    async def propose(request: Request, asked: ProposeRequest) -> Response:
        """What could be promised, in lines of YAML; nothing is kept of it."""
        try:
            if asked.prometheus:
                return answer(request, await _of_prometheus(asked, steps, taken()))
            proposal = read(asked, asked.url).proposal
        except WantedError as error:
            raise bad_request(f"body.{error.field}", str(error)) from None
        except StepError as error:
            raise ProblemError(error.status, sentence_of(error)) from None
        return answer(request, ProposeFacts((), (), proposal, None))

    router.add_api_route("/try", look, methods=["POST"], response_model=TryFacts)
    router.add_api_route("/propose", propose, methods=["POST"], response_model=ProposeFacts)


async def _of_prometheus(asked: ProposeRequest, steps: Steps, taken: set[str]) -> ProposeFacts:
    url = read_prometheus(asked.prometheus)
    jobs = tuple(JobFacts(job, targets) for job, targets in await steps.jobs(url))
    if not asked.job:
        return ProposeFacts(jobs, (), None, None)
    found = await steps.candidates(url, asked.job)
    chosen = choose(found, asked.way, asked.job)
    weeks = await steps.look_back(url, chosen)
    first = suggest(weeks)
    objective = asked.objective or (format_percent(first.share) if first is not None else "")
    promise = read_promise(asked.job, asked.service, objective, asked.window, taken)
    return ProposeFacts(
        jobs,
        tuple(WayFacts(one.key, one.title) for one in found),
        Counted(url, chosen, promise).proposal,
        hindsight_facts(weeks, promise.objective),
    )
