"""`/receivers` and `/api/v1/receivers`: how they stand, and trying one again that was parked."""

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

    router.add_api_route("/receivers", every, methods=["GET"], response_model=ReceiverList)
    router.add_api_route(
        "/receivers/{name}/unpark", unpark, methods=["POST"], response_model=ReceiverList
    )


class ReceiverPages(Book):
    """What people see of them."""

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        router.add_api_route("/receivers", self.every, methods=["GET", "HEAD"], response_model=None)
        router.add_api_route(
            "/receivers/{name}/unpark", self.unpark, methods=["POST"], response_model=None
        )

    async def every(self, request: Request) -> HTMLResponse:
        """All of them."""
        rows = receiver_rows(self.source.receivers(), self.now())
        view = ReceiversView(rows, remembered(request))
        return self.show(request, "receivers.html", "receivers", "Receivers", topics="", view=view)

    async def unpark(self, request: Request, name: str) -> Response:
        """Try it again."""
        by = clean((await fields(request)).get("name", "")) or remembered(request)
        if not by:
            return self.error(request, 400, NAMELESS)
        if not await self.source.unpark(name, by):
            return self.error(request, 404, f"There is no receiver “{name}”.")
        response = see_other("/receivers")
        remember(request, response, NAME_COOKIE, by)
        return response
