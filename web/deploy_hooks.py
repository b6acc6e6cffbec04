"""`/callbacks/github` and `/callbacks/gitlab`: where they tell of releases."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from alerting.callbacks.refusal import PutOffError, RefusedError
from web.access.guard import GuardedRoute
from web.problem import ProblemError
from web.throttle import Throttle

_REFUSED = (1.0, 60)  # a second, and at once: strangers are told why only so often


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


def deploy_hooks_router(
    hooks: DeployHooks, clock: Callable[[], float] = time.monotonic
) -> APIRouter:
    """Their routes: for programs, no part of the API. A secret is looked at before anything."""
    refusals = Throttle(*_REFUSED, clock)
    router = APIRouter(prefix="/callbacks", include_in_schema=False, route_class=GuardedRoute)

    async def answer(taking: Awaitable[str]) -> JSONResponse:
        try:
            return JSONResponse({"detail": await taking})
        except RefusedError as error:
            if not refusals.take():
                text = "Too many requests of this kind; this one was not acted on."
                raise ProblemError(429, text, headers={"Retry-After": "60"}) from error
            raise ProblemError(error.status, error.text) from error
        except PutOffError as error:
            raise ProblemError(503, str(error), headers={"Retry-After": "5"}) from error

    async def github(request: Request) -> JSONResponse:
        return await answer(hooks.github(request.headers, await request.body()))

    async def gitlab(request: Request) -> JSONResponse:
        return await answer(hooks.gitlab(request.headers, await request.body()))

    router.add_api_route("/github", github, methods=["POST"], response_model=None)
    router.add_api_route("/gitlab", gitlab, methods=["POST"], response_model=None)
    return router
