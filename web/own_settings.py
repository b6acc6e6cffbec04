"""`/settings` and `/api/v1/settings`: what Nines goes by, and from where."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from dashboards.own_settings import Library, OwnSettings, settings_view
from web.answer import answer
from web.book import Book

_VENDOR = Path(__file__).parent / "static" / "vendor"
Told = Callable[[], Awaitable[OwnSettings]]


@cache
def libraries() -> Sequence[Library]:
    """What the pages' own files came with."""
    return tuple(
        Library(
            one["name"],
            one["version"],
            one["licence"],
            next(f"vendor/{name}" for name in one["files"] if name.startswith("LICENSE")),
        )
        for one in json.loads((_VENDOR / "vendor.lock").read_text(encoding="utf-8"))
    )


@dataclass(frozen=True)
class SettingsPages(Book):
    """The page."""

    own: Told

    def add_to(self, router: APIRouter) -> None:
        """Its route."""
        router.add_api_route("/settings", self.page, methods=["GET", "HEAD"], response_model=None)

    async def page(self, request: Request) -> HTMLResponse:
        """All of it."""
        view = settings_view(
            await self.own(),
            receivers=self.source.receivers(),
            collectors=self.source.collectors(),
            health=self.source.health(),
            libraries=libraries(),
            now=self.now(),
        )
        return self.show(request, "settings.html", "settings", "Settings", topics="", view=view)


def add_settings_routes(router: APIRouter, own: Told) -> None:
    """The endpoint."""

    async def settings(request: Request) -> Response:
        """What Nines goes by and from where: files, the last reload, advice. Never a secret."""
        return answer(request, await own())

    router.add_api_route("/settings", settings, methods=["GET"], response_model=OwnSettings)
