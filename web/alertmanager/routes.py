"""`/api/v2`: the endpoints, byte for byte in Alertmanager's shapes."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import orjson
from fastapi import APIRouter, Request, Response

from alerting.outside.posting import BAD_FORMAT, RefusedBodyError
from alerting.silence import Silence, SilenceState
from dashboards.alertmanager import (
    alert_groups,
    from_uuid,
    gettable_alerts,
    gettable_silence,
    gettable_silences,
    to_uuid,
)
from dashboards.source import Source
from slo.planning import PlanError
from web.access.decision import Grant, Kind, Permission, Principal, Role
from web.access.guard import Asking, OwnDoorRoute, asking
from web.access.table import permission_of
from web.alertmanager.port import Alertmanager, RefusedError
from web.alertmanager.query import (
    BadQuestionError,
    alert_question,
    filters,
    read_silence,
    silence_plan,
    silence_states,
)
from web.problem import ProblemError
from web.senders import NotKeptError
from web.settings import WebSettings

PREFIX = "/api/v2"
_BY = "a client of Alertmanager's API"
_NOT_FOUND = "silence not found"
# Many programs share the token: who they are, they say themselves.
_BEARER = Principal(Kind.NOBODY, grants=(Grant(Role.RESPONDER),))
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class AlertmanagerAPI:
    """Its endpoints. Problems are told as Alertmanager tells them, not as `/api/v1` does."""

    def __init__(self, keeper: Alertmanager, source: Source, settings: WebSettings) -> None:
        self._keeper = keeper
        self._source = source
        self._now = settings.now

    async def post_alerts(self, request: Request) -> Response:
        """Take alerts: the good ones are stored when this answers, and the others are named."""
        problems = await self._keeper.post(await request.body())
        return _text(400, "; ".join(problems)) if problems else Response(status_code=200)

    async def alerts(self, request: Request) -> Response:
        """What fires."""
        question = alert_question(request.query_params)
        return _json(list(gettable_alerts(await self._keeper.alerts(), question)))

    async def groups(self, request: Request) -> Response:
        """What fires, by whom it is told to and together with what."""
        question = alert_question(request.query_params)
        return _json(list(alert_groups(await self._keeper.alerts(), question)))

    async def silences(self, request: Request) -> Response:
        """All that are remembered."""
        query = request.query_params
        found = self._source.silences()
        return _json(gettable_silences(found, filters(query), silence_states(query), self._now()))

    async def post_silence(self, request: Request) -> Response:
        """Make one, or change one."""
        id_, raw = read_silence(await request.body())
        before = self._find(id_) if id_ is not None else None
        plan = silence_plan(raw, before, self._now())
        if id_ is not None and before is None:
            return _text(404, _NOT_FOUND)
        try:
            made = await self._source.make_silence(plan, before.id if before else None)
        except PlanError as error:
            return _text(400, f"silence invalid: {error}")
        except LookupError:
            return _text(404, _NOT_FOUND)
        return _json({"silenceID": to_uuid(made.id)})

    async def silence(self, request: Request) -> Response:
        """One of them."""
        found = self._find(_id(request))
        if found is None:
            return Response(status_code=404)
        return _json(gettable_silence(found, self._now()))

    async def end_silence(self, request: Request) -> Response:
        """It is over now."""
        id_ = _id(request)
        found = self._find(id_)
        if found is None:
            return _text(404, _NOT_FOUND)
        if found.state(self._now()) is SilenceState.EXPIRED:
            return _text(500, f"silence {id_} already expired")
        try:
            await self._source.end_silence(found.id, _BY)
        except PlanError as error:
            return _text(500, str(error))
        return Response(status_code=200)

    async def receivers(self, request: Request) -> Response:
        """Their names."""
        del request
        return _json([{"name": name} for name in self._keeper.receivers()])

    async def status(self, request: Request) -> Response:
        """This process, as one Alertmanager without peers."""
        del request
        status = self._keeper.status()
        version = dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision"), "")
        started = status.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return _json(
            {
                "cluster": {"peers": [], "status": "disabled"},
                "config": {"original": status.config},
                "uptime": started,
                "versionInfo": version | {"version": status.version},
            }
        )

    def guarded(self, endpoint: Endpoint, permission: Permission) -> Endpoint:
        """The endpoint for those who may, and with its refusals in Alertmanager's shapes."""

        async def answer(request: Request) -> Response:
            try:
                await self._admit(request, permission)
                if request.method == "POST":
                    _check_type(request)
                return await endpoint(request)
            except RefusedError as error:
                response = _text(error.status, error.text)
                if error.status == 401:
                    response.headers["WWW-Authenticate"] = "Bearer"
                return response
            except RefusedBodyError as error:
                return coded(error.status, error.code, error.message)
            except BadQuestionError as error:
                return _text(400, str(error))
            except NotKeptError as error:
                return _text(500, str(error))

        return answer

    async def _admit(self, request: Request, permission: Permission) -> None:
        """Whoever bears the configured token, or may by who they are. Raises RefusedError."""
        one = asking()
        try:
            if self._keeper.admit(request.headers.get("authorization")):
                one.be(_BEARER)
                return
        except RefusedError as error:
            if error.status == 404:
                raise
            if not await _is_named(one):
                raise
        try:
            await one.demand(permission)
        except ProblemError as error:
            raise RefusedError(error.status, error.detail) from None

    def _find(self, id_: str) -> Silence | None:
        ours = from_uuid(id_)
        return next((one for one in self._source.silences() if one.id in (ours, id_)), None)


async def _is_named(one: Asking) -> bool:
    try:
        return (await one.who()).is_named
    except ProblemError:
        return False


def alertmanager_router(keeper: Alertmanager, source: Source, settings: WebSettings) -> APIRouter:
    """Every endpoint. They stand in Alertmanager's own description, not in ours."""
    api = AlertmanagerAPI(keeper, source, settings)
    router = APIRouter(prefix=PREFIX, include_in_schema=False, route_class=OwnDoorRoute)
    one = "/silence/{silence_id}"
    for path, method, endpoint in (
        ("/alerts", "POST", api.post_alerts),
        ("/alerts", "GET", api.alerts),
        ("/alerts/groups", "GET", api.groups),
        ("/silences", "GET", api.silences),
        ("/silences", "POST", api.post_silence),
        (one, "GET", api.silence),
        (one, "DELETE", api.end_silence),
        ("/receivers", "GET", api.receivers),
        ("/status", "GET", api.status),
    ):
        answer = api.guarded(endpoint, permission_of(method, f"{PREFIX}{path}"))
        router.add_api_route(path, answer, methods=[method], response_model=None)
    return router


def post_alerts(keeper: Alertmanager, source: Source, settings: WebSettings) -> Endpoint:
    """The endpoint that takes alerts, to be called without the router."""
    api = AlertmanagerAPI(keeper, source, settings)
    return api.guarded(api.post_alerts, Permission.SEND)


def _id(request: Request) -> str:
    """The silence's id in the path. Raises RefusedBodyError."""
    id_ = str(request.path_params["silence_id"])
    if from_uuid(id_) is None:
        shown = orjson.dumps(id_[:100]).decode()
        text = f"silenceID in path must be of type uuid: {shown}"
        raise RefusedBodyError(422, BAD_FORMAT, text)
    return id_


def _check_type(request: Request) -> None:
    """Raises RefusedBodyError for anything but JSON."""
    said = request.headers.get("content-type", "application/octet-stream")
    kind = said.partition(";")[0].strip().lower()
    if kind != "application/json":
        text = f'unsupported media type "{kind[:100]}", only [application/json] are allowed'
        raise RefusedBodyError(415, 415, text)


def coded(status: int, code: int, message: str) -> Response:
    """A refusal as Alertmanager's generated code writes it."""
    facts = {"code": code, "message": message}
    return Response(orjson.dumps(facts), status, media_type="application/json")


def _text(status: int, text: str) -> Response:
    return Response(orjson.dumps(text) + b"\n", status, media_type="application/json")


def _json(facts: Any) -> Response:  # noqa: ANN401 - what JSON takes
    return Response(orjson.dumps(facts) + b"\n", media_type="application/json")
