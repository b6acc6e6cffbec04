"""`/why` and `/api/v1/why`: why somebody was told of something, or was not."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from alerting.wording import moment
from dashboards.source import Source, TooMuchError
from dashboards.why import WhyFacts, alert_why, incident_why
from dashboards.why_not import slo_rules, threshold_rule
from dashboards.why_page import why_view
from slo.alert_state import AlertState
from slo.status import SLOStatus
from slo.versions import in_force
from web.answer import answer
from web.book import Book
from web.forms import clean
from web.look import MomentError, look, read_past
from web.moment import MOST_SIGNS
from web.problem import ProblemError, bad_request
from web.settings import WebSettings

_MOST_ALERTS = 20  # of one incident, the newest
_LONGEST = 400
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class UnknownError(LookupError):
    """There is nothing of that name; in a sentence."""


_STATUS: Mapping[type[Exception], int] = {UnknownError: 404, MomentError: 400, TooMuchError: 503}


async def why(source: Source, of: str, at: str | None, now: datetime) -> WhyFacts:
    """The answer about `of`: an id of an alert or an incident, an SLO, a rule by its key, or the
    `service/alertname` of alerts from outside.

    Raises UnknownError, MomentError and TooMuchError.
    """
    if not of.isprintable():  # no name is, and PostgreSQL takes no text with a zero in it
        raise UnknownError("What is asked about has signs in it that no name has.")
    file = await source.why(of)
    if file is not None:
        return WhyFacts(of, None, (alert_why(file, source.receivers()),))
    detail = await source.incident(of)
    if detail is not None:
        newest = sorted(detail.alerts, key=lambda one: (one.started_at, one.id))[-_MOST_ALERTS:]
        standing = source.receivers()
        told = [alert_why(one, standing) for one in await source.why_several(detail, newest)]
        more = len(detail.alerts) - len(newest)
        notes = (f"The newest {_MOST_ALERTS} of its {len(detail.alerts)} alerts.",) if more else ()
        return incident_why(of, told, notes)
    owner, _, key = of.partition("#")
    if key.startswith("alert:"):
        owner = f"{owner}/{key.removeprefix('alert:').partition(':')[0]}"
        key = ""
    if owner in source.slo_ids():
        found = await _of_slo(source, owner, at, now)
    elif any(f"{one.rule.service}/{one.rule.name}" == owner for one in source.rules()):
        found = await _of_threshold(source, owner, at, now)
    else:
        return await _of_outside(source, of, at, now)
    if key:
        wanted = tuple(one for one in found.rules if one.rule == of)
        if not wanted:
            names = ", ".join(one.rule.partition("#")[2] for one in found.rules)
            raise UnknownError(f"{owner} has no rule {key[:100]!r}; it has {names}.")
        return WhyFacts(of, found.at, rules=wanted, notes=found.notes)
    return found


async def _of_slo(source: Source, slo_id: str, asked: str | None, now: datetime) -> WhyFacts:
    seen = await look(source, now, asked, [slo_id])
    status = seen.status(slo_id)
    if status is None:
        raise UnknownError(f"{slo_id} has not been judged yet.")
    states = seen.rules(slo_id)
    notes: tuple[str, ...] = ()
    if seen.past:
        status, states, notes = await _then(source, status, states, seen.now)
    fired = await source.fired(slo_id, seen.now)
    return WhyFacts(slo_id, seen.now, (), slo_rules(status, states, fired), notes)


async def _then(
    source: Source, status: SLOStatus, states: Mapping[str, AlertState], at: datetime
) -> tuple[SLOStatus, Mapping[str, AlertState], tuple[str, ...]]:
    """The SLO by the definition of that moment, and what to say where it was another one."""
    versions = source.versions(status.slo.id)
    then = in_force(versions, at)
    if then is None or then is versions[-1]:
        return status, states, ()
    number, until = then.definition.number, then.until
    when = f" until {moment(until)}" if until else ""
    found = await source.by_version(status.slo.id, number, at)
    if found is None or found.told is None:
        note = (
            f"Version {number} of this SLO was in force{when}; its counts are not kept, so it is "
        )
        return status, states, (f"{note}told by the definition of now.",)
    told = found.told
    note = f"Told by version {number} of this SLO, which was in force{when}; it was edited since."
    return told.status, {**told.states, **states}, (note,)


async def _of_threshold(source: Source, owner: str, asked: str | None, now: datetime) -> WhyFacts:
    at = read_past(asked, now, source.kept_since()) if asked else now
    status = next(one for one in source.rules() if f"{one.rule.service}/{one.rule.name}" == owner)
    fired = await source.fired(owner, at)
    rules = threshold_rule(None if asked else status, fired, status.rule.id)
    return WhyFacts(owner, at, (), rules)


async def _of_outside(source: Source, of: str, asked: str | None, now: datetime) -> WhyFacts:
    """The alerts from outside of this name: those that fired at a moment, or the newest."""
    at = read_past(asked, now, _EVER) if asked else None  # no counts are needed
    found = await source.named(of, at, _MOST_ALERTS + 1)
    if not found:
        when = f" that fired at {moment(at)}" if at else ""
        raise UnknownError(f"There is no alert{when}, incident, SLO or rule {of[:100]!r}.")
    standing = source.receivers()
    told = [alert_why(one, standing) for one in found[-_MOST_ALERTS:]]
    more = (f"The newest {_MOST_ALERTS} alerts of this name.",) if len(found) > len(told) else ()
    return incident_why(of, told, more)


def add_why_routes(router: APIRouter, source: Source, settings: WebSettings) -> None:
    """What programs ask."""

    async def explain(
        request: Request,
        of: Annotated[
            str,
            Query(
                max_length=_LONGEST,
                description="The id of an alert or an incident; an SLO, or one of its rules; the "
                "`service/alertname` of an alert from outside.",
                examples=["shop/availability", "shop/availability#page:1h:5m"],
            ),
        ],
        at: Annotated[
            str | None,
            Query(
                max_length=MOST_SIGNS,
                description="For what has no id: the moment, as `start` elsewhere. Or now.",
            ),
        ] = None,
    ) -> Response:
        """Why somebody was told of it, or was not: from what was written down when it happened."""
        try:
            return answer(request, await why(source, of, at, settings.now()))
        except UnknownError as error:
            raise ProblemError(_STATUS[UnknownError], str(error)) from error
        except MomentError as error:
            raise bad_request("query.at", str(error)) from error
        except TooMuchError as error:
            raise ProblemError(_STATUS[TooMuchError], str(error)) from error

    router.add_api_route("/why", explain, methods=["GET"], response_model=WhyFacts)


class WhyPages(Book):
    """What people ask."""

    def add_to(self, router: APIRouter) -> None:
        """Their routes."""
        router.add_api_route("/why", self.page, methods=["GET", "HEAD"], response_model=None)

    async def page(self, request: Request) -> HTMLResponse:
        """The form, and the answer where something was asked."""
        asked = request.query_params
        of, at = clean(asked.get("of", ""), _LONGEST), clean(asked.get("at", ""))
        found, missing, status = None, "", 200
        if of:
            try:
                found = await why(self.source, of, at or None, self.now())
            except (UnknownError, MomentError, TooMuchError) as error:
                missing, status = str(error), _STATUS[type(error)]
        view = why_view(found, of=of, at=at, missing=missing, now=self.now())
        title = "Why was I (not) paged?"
        return self.show(
            request, "why.html", "incidents", title, topics="", view=view, status=status
        )
