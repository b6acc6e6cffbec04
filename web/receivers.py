"""`/receivers` and `/api/v1/receivers`: how they stand, and finding out whether one is well."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from dashboards.receivers_page import ReceiverFacts, ReceiverRow, receiver_facts, receiver_rows
from dashboards.source import Source
from web.answer import answer
from web.book import NAMELESS, Book
from web.forms import NAME_COOKIE, clean, fields, remember, remembered, see_other
from web.planning import Author
from web.problem import ProblemError


@dataclass(frozen=True, slots=True)
class ReceiverList:
    """In the order of the configuration."""

    receivers: tuple[ReceiverFacts, ...]


@dataclass(frozen=True, slots=True)
class ReceiversView:
    rows: tuple[ReceiverRow, ...]
    name: str  # of whoever filled in a form before


def add_receiver_routes(router: APIRouter, source: Source) -> None:
    """What programs ask."""

    def listed(request: Request) -> Response:
        return answer(request, ReceiverList(tuple(map(receiver_facts, source.receivers()))))

    async def every(request: Request) -> Response:
        """Every receiver: how its other side stands, and what waits for it."""
        return listed(request)

    async def unpark(request: Request, name: str, author: Author) -> Response:
        """It was mended: what waits for it is tried at once."""
        if not await source.unpark(name, author.by):
            raise ProblemError(404, f"There is no receiver {name[:100]!r}.")
        return listed(request)

    async def canary(request: Request, name: str, author: Author) -> Response:
        """Send it a message that shows that a page would arrive, and wakes nobody."""
        sent = await source.canary(name, author.by)
        if sent is None:
            raise ProblemError(404, f"There is no receiver {name[:100]!r}.")
        if not sent:
            raise ProblemError(409, f"A canary to {name} is on its way already.")
        return listed(request)

    router.add_api_route("/receivers", every, methods=["GET"], response_model=ReceiverList)
    router.add_api_route(
        "/receivers/{name}/unpark", unpark, methods=["POST"], response_model=ReceiverList
    )
    router.add_api_route(
        "/receivers/{name}/canary", canary, methods=["POST"], response_model=ReceiverList
    )


class ReceiverPages(Book):
    """What people see of them."""

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        router.add_api_route("/receivers", self.every, methods=["GET", "HEAD"], response_model=None)
        router.add_api_route(
            "/receivers/{name}/unpark", self.unpark, methods=["POST"], response_model=None
        )
        router.add_api_route(
            "/receivers/{name}/canary", self.canary, methods=["POST"], response_model=None
        )

    async def every(self, request: Request) -> HTMLResponse:
        """All of them."""
        rows = receiver_rows(self.source.receivers(), self.now())
        view = ReceiversView(rows, remembered(request))
        return self.show(request, "receivers.html", "receivers", "Receivers", topics="", view=view)

    async def unpark(self, request: Request, name: str) -> Response:
        """Try it again."""

        async def act(by: str) -> tuple[int, str] | None:
            return None if await self.source.unpark(name, by) else _nobody(name)

        return await self._acted(request, act)

    async def canary(self, request: Request, name: str) -> Response:
        """Send it one; a second while one is on its way is the same one."""

        async def act(by: str) -> tuple[int, str] | None:
            return _nobody(name) if await self.source.canary(name, by) is None else None

        return await self._acted(request, act)

    async def _acted(
        self, request: Request, act: Callable[[str], Awaitable[tuple[int, str] | None]]
    ) -> Response:
        """Do it, as somebody with a name; `act` gives what was wrong."""
        by = clean((await fields(request)).get("name", "")) or remembered(request)
        if not by:
            return self.error(request, 400, NAMELESS)
        wrong = await act(by)
        if wrong is not None:
            return self.error(request, *wrong)
        response = see_other("/receivers")
        remember(request, response, NAME_COOKIE, by)
        return response


def _nobody(name: str) -> tuple[int, str]:
    return 404, f"There is no receiver “{name}”."
