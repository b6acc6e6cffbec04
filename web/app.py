"""The web application: pages, API, live stream, exporter and health behind one safety layer."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from collectors.blackbox.probe import Prober
from dashboards.source import NotAnsweringError, Source
from dashboards.status_board import NO_BOARD, StatusBoard
from web.access.everybody import EVERYBODY
from web.access.guard import Guard, GuardedRoute, NotAllowedError
from web.access.guarded import guarded
from web.access.port import Access
from web.account import to_sign_in
from web.alertmanager.port import NO_ALERTMANAGER, Alertmanager
from web.alertmanager.routes import PREFIX, alertmanager_router, coded, post_alerts
from web.api import api_router
from web.badge import badge_router
from web.callbacks import NO_CALLBACKS, Callbacks, callbacks_router
from web.deploy_hooks import NO_HOOKS, DeployHooks, deploy_hooks_router
from web.description.document import complete
from web.events import NO_EVENTS, EventsTaken, events_router
from web.exporter import exporter_router
from web.express import Endpoint, Express, Failed
from web.framed import Framed
from web.health import health_router
from web.heartbeats import NO_HEARTBEATS, Heartbeats, heartbeats_router
from web.pages import pages_router
from web.probe import probe_router
from web.problem import ProblemError, as_problem, problem_response
from web.pushes import NO_PUSHES, Pushes, pushes_router
from web.report_making import Reports
from web.safety import Safety
from web.settings import WebSettings
from web.static_files import static_router
from web.status_page import status_router
from web.status_posting import status_posting_router
from web.steps.port import NO_STEPS, Steps
from web.wall import wall_router

_FOR_PROGRAMS = (
    "/api/", "/v1/", "/-/", "/metrics", "/probe", "/callbacks/slack/", "/callbacks/pagerduty/",
    "/callbacks/github", "/callbacks/gitlab", "/badge/",
)  # fmt: skip


def create_app(
    source: Source,
    *,
    settings: WebSettings,
    callbacks: Callbacks = NO_CALLBACKS,
    alertmanager: Alertmanager = NO_ALERTMANAGER,
    pushes: Pushes = NO_PUSHES,
    events: EventsTaken = NO_EVENTS,
    heartbeats: Heartbeats = NO_HEARTBEATS,
    prober: Prober | None = None,
    access: Access = EVERYBODY,
    hooks: DeployHooks = NO_HOOKS,
    board: StatusBoard = NO_BOARD,
    steps: Steps = NO_STEPS,
) -> FastAPI:
    """The application, ready to be served; it reads facts from `source` and starts nothing."""
    source = guarded(source)
    framed = Framed(source, settings.now)
    reports = Reports(
        source, settings.now, settings.reports, settings.external_url, settings.monotonic
    )
    app = Application(
        settings,
        access,
        title="Nines",
        version=settings.version,
        summary="Service level objectives, error budgets and incidents.",
        openapi_url=None,  # a route of ours tells it, to those who may read
        # Their scripts come from a content network, which a page of ours never loads from.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in (
        exporter_router(source, settings),  # asked by machines all the time: it is looked at first
        alertmanager_router(alertmanager, source, settings),  # so are those who send alerts
        pushes_router(pushes),
        events_router(events),
        heartbeats_router(heartbeats, settings),
        probe_router(prober),
        health_router(settings, access),
        status_router(board, settings),
        api_router(source, settings, reports, access, board, steps),
        callbacks_router(callbacks, settings.monotonic),
        deploy_hooks_router(hooks, settings.monotonic),
        badge_router(source),
        pages_router(source, settings, reports, callbacks, access, steps, board),
        static_router(framed.error),
        status_posting_router(board, source, settings),
        wall_router(source, settings),
        _description(app),
    ):
        # As they are: to include a router would build each route again, in the first request.
        app.router.routes.extend(_all_guarded(router).routes)

    def failed(request: Request, error: Exception) -> Response:
        problem = as_problem(error)
        if request.url.path.startswith(f"{PREFIX}/"):
            path, detail = request.url.path, problem.detail
            detail = f"path {path} was not found" if problem.status == 404 else detail
            answer = coded(problem.status, problem.status, detail)
            for name, value in (problem.headers or {}).items():
                answer.headers[name] = value
            return answer
        # Whoever asks too often is not to be given a page that is dear to make.
        if problem.status == 429 or not _is_for_person(request):
            return problem_response(problem, request.url.path)
        not_allowed = isinstance(problem, NotAllowedError)
        if not_allowed and problem.status == 401 and request.method == "GET":
            return to_sign_in(request)
        words = problem.detail if not_allowed or problem.status == 503 else None
        try:
            page: Response = framed.error(request, problem.status, words)
        except Exception:  # noqa: BLE001 whatever broke the page may break its error page too
            return problem_response(problem, request.url.path)
        for name, value in (problem.headers or {}).items():
            page.headers[name] = value
        return page

    def unanswered(request: Request, error: Exception) -> Response:
        if not getattr(error, "passing", False):
            raise error  # it is our own fault, and goes to the log
        return failed(request, error)

    for kind in (ProblemError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, failed)
    app.add_exception_handler(NotAnsweringError, unanswered)
    app.failed = failed
    # A page may hang on it.
    app.express["POST", f"{PREFIX}/alerts"] = post_alerts(alertmanager, source, settings)
    return app


def _all_guarded(router: APIRouter) -> APIRouter:
    """The router, if nobody can get in past the question who may."""
    for route in router.routes:
        if not isinstance(route, GuardedRoute):
            raise TypeError(f"{route} lets everybody in: its router lacks route_class=GuardedRoute")
    return router


def _description(app: FastAPI) -> APIRouter:
    """What there is to ask, in OpenAPI."""
    router = APIRouter(include_in_schema=False, route_class=GuardedRoute)

    async def describe() -> JSONResponse:
        return JSONResponse(app.openapi())

    router.add_api_route(
        "/api/v1/openapi.json", describe, methods=["GET", "HEAD"], response_model=None
    )
    return router


class Application(FastAPI):
    """FastAPI with the safety layer outside of everything, error answers included."""

    def __init__(self, settings: WebSettings, access: Access, **options: Any) -> None:  # noqa: ANN401 FastAPI's own
        super().__init__(**options)
        self._settings = settings
        self._access = access
        self.express: dict[tuple[str, str], Endpoint] = {}
        self.failed: Failed = lambda request, error: problem_response(
            as_problem(error), request.url.path
        )

    def build_middleware_stack(self) -> ASGIApp:
        """Starlette's stack, wrapped."""
        settings = self._settings
        asked = Express(super().build_middleware_stack(), self.express, self.failed)
        return Safety(
            Guard(asked, self._access, listen=settings.listen, external_url=settings.external_url),
            external_url=settings.external_url,
            listen=settings.listen,
        )

    def openapi(self) -> dict[str, Any]:
        """The API's description, whole."""
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi(), self._settings.external_url)
        return self.openapi_schema or {}


def _is_for_person(request: Request) -> bool:
    """Whether a browser asked for a page: people get an error page, programs a problem."""
    return not request.url.path.startswith(_FOR_PROGRAMS) and "text/html" in request.headers.get(
        "accept", ""
    )
