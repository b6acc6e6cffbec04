"""What Alertmanager's API is told of a running service: what fires, who hears it, who may ask."""

import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerting.alert import Alert
from alerting.config import AlertingConfig
from alerting.context import Context
from alerting.dependency import Parents
from alerting.draft import page_of
from alerting.inhibition import Inhibitors, Source
from alerting.origin import fingerprint
from alerting.outside.book import RULE, Outside
from alerting.routes import Route
from alerting.service import labels_of
from alerting.suppressor import SuppressorKind
from dashboards.alertmanager import ShownAlert
from nines.intake import Intake
from nines.storage.errors import StorageError
from web.alertmanager.port import RefusedError, Status
from web.senders import NotKeptError

_CLOSED = (
    "Alertmanager's API is closed: Nines listens beyond this machine, and whoever reaches it could "
    "page people. Set alerting.alertmanager_api.token to open it."
)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What there is to show of an alert before it is known who hears it."""

    rule: str
    labels: dict[str, str]
    annotations: dict[str, str]
    url: str
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    place: str


class Alertmanager:
    """Implements web.alertmanager.port.Alertmanager."""

    def __init__(
        self,
        *,
        intake: Intake,
        own: Callable[[], Awaitable[Sequence[Alert]]],
        context: Callable[[], Context],
        config: Callable[[], AlertingConfig],
        on_loopback: bool,
        version: str,
        started_at: datetime,
    ) -> None:
        """`own` gives those of our own alerts that fire."""
        self._intake = intake
        self._own = own
        self._context = context
        self._config = config
        self._on_loopback = on_loopback
        self._version = version
        self._started_at = started_at

    def admit(self, authorization: str | None) -> bool:
        """By the token; without one, on a loopback address alone. Raises RefusedError."""
        config = self._config().alertmanager_api
        if not config.enabled:
            raise RefusedError(404, "Alertmanager's API is switched off here.")
        if config.token is None:
            if not self._on_loopback:
                raise RefusedError(403, _CLOSED)
            return False
        scheme, _, given = (authorization or "").partition(" ")
        is_right = hmac.compare_digest(given.strip().encode(), config.token.value.encode())
        if scheme.lower() != "bearer" or not is_right:
            raise RefusedError(401, "Alertmanager's API takes a bearer token here; this is none.")
        return True

    async def post(self, body: bytes) -> Sequence[str]:
        """Take alerts. Raises RefusedBodyError, and NotKeptError when storage refuses."""
        try:
            return await self._intake.post(body)
        except StorageError as error:
            raise NotKeptError(str(error)) from error

    async def alerts(self) -> Sequence[ShownAlert]:
        """All that fire, from outside and our own."""
        context = self._context()
        until = context.now + self._config().alertmanager_api.resolve_timeout
        shown = [_from_outside(one) for one in self._intake.book.values() if one.over is None]
        shown += [_of_ours(one, until, context) for one in await self._own()]
        sources = [Source(None, one.rule, one.labels) for one in shown]
        marks = {one.rule: _mark(one) for one in shown}
        inhibitors = Inhibitors(context.inhibitions, sources)
        parents = Parents(context.dependencies, sources)
        return [_placed(one, inhibitors, parents, marks, context) for one in shown]

    def receivers(self) -> Sequence[str]:
        """The names of all."""
        return list(self._config().receivers)

    def status(self) -> Status:
        """This process, with the routes as Alertmanager would write them."""
        config = json.dumps(_config(self._config()), indent=2, ensure_ascii=False)
        return Status(self._version, self._started_at, config)


def _from_outside(one: Outside) -> _Shown:
    return _Shown(
        rule=one.rule,
        labels=dict(one.origin.labels),
        annotations=dict(one.origin.annotations),
        url=one.origin.url,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        updated_at=one.updated_at,
        place=one.place,
    )


def _of_ours(alert: Alert, until: datetime, context: Context) -> _Shown:
    facts = context.present.get(alert.rule, alert.facts)
    return _Shown(
        rule=alert.rule,
        labels=labels_of(alert, context.service(alert.service)),
        annotations={"summary": facts.headline, "description": facts.reason},
        url=page_of(alert, context),
        starts_at=alert.started_at,
        ends_at=until,
        updated_at=context.now,
        place=alert.service,
    )


def _mark(one: _Shown) -> str:
    return one.rule.removeprefix(RULE) if one.rule.startswith(RULE) else fingerprint(one.labels)


def _placed(
    one: _Shown,
    inhibitors: Inhibitors,
    parents: Parents,
    marks: dict[str, str],
    context: Context,
) -> ShownAlert:
    hits = context.tree.hits(one.labels)
    louder = [source for _, source in inhibitors.sources(one.labels)]
    louder += [source for _, source in parents.sources(one.labels)]
    muted = [by.id for hit in hits for by in hit.suppressors(context.now)]
    return ShownAlert(
        fingerprint=marks[one.rule],
        labels=one.labels,
        annotations=one.annotations,
        url=one.url,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        updated_at=one.updated_at,
        place=one.place,
        hits=hits,
        silenced_by=tuple(
            by.id for by in context.suppressors(one.labels) if by.kind is SuppressorKind.SILENCE
        ),
        inhibited_by=tuple(dict.fromkeys(marks[by.rule] for by in louder)),
        muted_by=tuple(dict.fromkeys(muted)),
    )


def _config(config: AlertingConfig) -> dict[str, Any]:
    """Routes and receivers as in alertmanager.yml, where a route has one receiver."""
    names: dict[str, None] = {}
    route = _route(config.route, (), names)
    # Those that a failover or an escalation alone names are told, too.
    names.update(dict.fromkeys(config.receivers))
    return {"route": route, "receivers": [{"name": name} for name in names]}


def _route(route: Route, above: tuple[str, ...], names: dict[str, None]) -> dict[str, Any]:
    receivers = above if route.receivers is None else route.receivers
    name = ", ".join(receivers) or "nobody"
    names.setdefault(name)
    found: dict[str, Any] = {"receiver": name}
    if route.matchers:
        found["matchers"] = [str(one) for one in route.matchers]
    if route.terms.group_by:
        found["group_by"] = list(route.terms.group_by)
    if route.go_on:
        found["continue"] = True
    if route.routes:
        found["routes"] = [_route(child, receivers, names) for child in route.routes]
    return found
