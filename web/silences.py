"""`/api/v1/silences`: say of which alerts nobody is to be told for a while, and end that."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from alerting.silence import SilencePlan, SilenceState, read_plan
from dashboards.silence_facts import SilenceDetail, SilenceFacts, silence_detail, silence_facts
from dashboards.source import Source
from web.answer import answer
from web.planning import (
    Author,
    Cursor,
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


class SilenceQuestion(When):
    """Which alerts, and when. All matchers must be met; at least one must not match everything.

    It begins at `start` (now, where that is missing) and ends at `end` or after `duration`; with
    `rrule` it recurs. A time without offset from UTC is one of `zone`.
    """

    matchers: list[Word] = Field(
        min_length=1,
        max_length=50,
        description="On the labels of alerts, as routes have them.",
        examples=[['service="shop"', 'severity=~"ticket|info"']],
    )
    until_resolved: bool = Field(
        default=False, description="It is over as soon as nothing that it mutes fires any more."
    )


class SilenceRequest(SilenceQuestion):
    """The same, why, and who says so.

    `instead_of` names a silence that it changes: in place where that rewrites no history, otherwise
    the old one ends and a new one begins.
    """

    reason: Reason
    author: Person
    instead_of: Word | None = None


@dataclass(frozen=True, slots=True)
class SilenceList:
    """Newest first."""

    silences: tuple[SilenceFacts, ...]
    next_cursor: str | None


class SilencesAPI:
    """The endpoints; every one answers with facts or raises a ProblemError."""

    def __init__(self, source: Source, settings: WebSettings) -> None:
        self._source = source
        self._now = settings.now

    async def every(
        self,
        request: Request,
        state: Annotated[
            list[SilenceState] | None, Query(max_length=50, description="In one of these states.")
        ] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Silences, newest first; those of the configuration among them."""
        now = self._now()
        found = [one for one in self._source.silences() if not state or one.state(now) in state]
        page, following = newest_first(found, cursor, limit)
        listed = tuple(silence_facts(one, now) for one in page)
        return answer(request, SilenceList(listed, following))

    async def one(self, request: Request, silence_id: str) -> Response:
        """One silence, which alerts it takes, and who did what to it."""
        return await self._told(request, silence_id)

    async def preview(self, request: Request, wanted: SilenceQuestion) -> Response:
        """What making it would mute now and would have muted last week; nothing is changed."""
        with refusing():
            would_be = await self._source.try_silence(_plan(wanted, "", "", self._now()))
        return answer(request, silence_detail(would_be, self._now()))

    async def make(self, request: Request, wanted: SilenceRequest) -> Response:
        """Mute from now on, or from when it says."""
        try:
            with refusing():
                plan = _plan(wanted, wanted.reason, wanted.author, self._now())
                made = await self._source.make_silence(plan, wanted.instead_of)
        except LookupError:
            raise _none(wanted.instead_of or "") from None
        return await self._told(request, made.id, status=201)

    async def end(self, request: Request, silence_id: str, author: Author) -> Response:
        """It is over now; who was not told of what still fires is told."""
        with refusing():
            ended = await self._source.end_silence(silence_id, author.by)
        return await self._told(request, silence_id if ended is None else ended.id)

    async def _told(self, request: Request, silence_id: str, status: int = 200) -> Response:
        file = await self._source.silence(silence_id)
        if file is None:
            raise _none(silence_id)
        return answer(request, silence_detail(file, self._now()), status)


def add_silence_routes(router: APIRouter, source: Source, settings: WebSettings) -> None:
    """Every endpoint below `/silences`."""
    api = SilencesAPI(source, settings)
    one = "/silences/{silence_id}"
    for path, endpoint, method, model in (
        ("/silences", api.every, "GET", SilenceList),
        (one, api.one, "GET", SilenceDetail),
        ("/silences/preview", api.preview, "POST", SilenceDetail),
        (f"{one}/end", api.end, "POST", SilenceDetail),
    ):
        router.add_api_route(path, endpoint, methods=[method], response_model=model)
    router.add_api_route(
        "/silences", api.make, methods=["POST"], response_model=SilenceDetail, status_code=201
    )


def _plan(wanted: SilenceQuestion, reason: str, author: str, now: datetime) -> SilencePlan:
    """What is asked for; from now on, unless it says when. Raises PlanError."""
    schedule = wanted.schedule(now)
    return read_plan(
        wanted.matchers,
        schedule,
        reason=reason,
        author=author,
        until_resolved=wanted.until_resolved,
    )


def _none(silence_id: str) -> ProblemError:
    return ProblemError(404, f"There is no silence {silence_id[:100]!r}.")
