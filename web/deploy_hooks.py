"""`/callbacks/github` and `/callbacks/gitlab`: where they tell of releases."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from alerting.callbacks.refusal import RefusedError
from web.access.guard import GuardedRoute
from web.refusals import Refusals


class DeployHooks(Protocol):
    """Each gives a sentence on what was done. Raises RefusedError and PutOffError."""

    async def github(self, headers: Mapping[str, str], body: bytes) -> str: ...

    async def gitlab(self, headers: Mapping[str, str], body: bytes) -> str: ...


class _NoHooks:
    """Nobody is configured to send any."""

    async def github(self, headers: Mapping[str, str], body: bytes) -> str:
        del headers, body
        raise RefusedError(404, "deployments.github is not configured.")

    async def gitlab(self, headers: Mapping[str, str], body: bytes) -> str:
        del headers, body
        raise RefusedError(404, "deployments.gitlab is not configured.")


NO_HOOKS = _NoHooks()


def deploy_hooks_router(hooks: DeployHooks, clock: Callable[[], float]) -> APIRouter:
    """Their routes: for programs, no part of the API. A secret is looked at before anything."""
    refusals = Refusals(clock)
    router = APIRouter(prefix="/callbacks", include_in_schema=False, route_class=GuardedRoute)

    async def answer(taking: Awaitable[str]) -> JSONResponse:
        with refusals.told():
            return JSONResponse({"detail": await taking})

    async def github(request: Request) -> JSONResponse:
        return await answer(hooks.github(request.headers, await request.body()))

    async def gitlab(request: Request) -> JSONResponse:
        return await answer(hooks.gitlab(request.headers, await request.body()))

    router.add_api_route("/github", github, methods=["POST"], response_model=None)
    router.add_api_route("/gitlab", gitlab, methods=["POST"], response_model=None)
    return router
