"""Say whether this process lives and is ready, and reload its configuration."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from web.access.everybody import EVERYBODY
from web.access.guard import GuardedRoute, asking
from web.access.port import Access
from web.answer import answer
from web.problem import ProblemError
from web.settings import WebSettings


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether to send traffic here, and what keeps us."""

    ready: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """Whether everything was done in time, and what was not."""

    ok: bool
    overdue: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reloaded:
    reloaded: bool


class Health:
    """The endpoints that orchestrators know, and one for whoever watches the watcher."""

    def __init__(self, settings: WebSettings, access: Access) -> None:
        self._settings = settings
        self._access = access

    async def healthy(self) -> Response:
        """The process lives."""
        return PlainTextResponse("Healthy\n")

    async def ready(self, request: Request) -> Response:
        """200 when ready, else 503 with the reasons."""
        reasons = tuple(self._settings.ready())
        response = answer(request, Readiness(not reasons, reasons), 503 if reasons else 200)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def audit(self, request: Request) -> Response:
        """200 while nothing of our own work is overdue, else 503 with what is."""
        overdue = tuple(self._settings.overdue())
        response = answer(request, Audit(not overdue, overdue), 503 if overdue else 200)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def reload(self, request: Request) -> Response:
        """Read the configuration again: all of it or, with problems, nothing."""
        result = await self._settings.reload()
        if not result.ok:
            raise ProblemError(
                400,
                "The configuration was not reloaded; the one before it goes on being used.",
                problems=result.problems,
            )
        await self._access.record(asking().principal, "configuration reloaded", "configuration")
        return answer(request, Reloaded(reloaded=True))


def health_router(settings: WebSettings, access: Access = EVERYBODY) -> APIRouter:
    """`/-/healthy`, `/-/ready`, `/-/audit`, `/-/reload`."""
    health = Health(settings, access)
    router = APIRouter(prefix="/-", include_in_schema=False, route_class=GuardedRoute)
    router.add_api_route("/healthy", health.healthy, methods=["GET", "HEAD"])
    router.add_api_route("/ready", health.ready, methods=["GET", "HEAD"])
    router.add_api_route("/audit", health.audit, methods=["GET", "HEAD"])
    router.add_api_route("/reload", health.reload, methods=["POST"])
    return router
