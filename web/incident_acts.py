"""What programs do about an incident by the API: take it, write a note, escalate at once."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, StringConstraints

from dashboards.incident_facts import (
    AcknowledgedFile,
    EscalatedFile,
    IncidentFile,
    acknowledged_file,
    escalated_file,
    incident_file,
)
from dashboards.source import IncidentDetail, Source
from web.answer import answer
from web.incident_pages import LONGEST_NOTE
from web.planning import Person
from web.problem import ProblemError


class Acknowledgement(BaseModel):
    """Who takes care of an incident."""

    by: Person


class Escalation(BaseModel):
    """Who does not want to wait."""

    by: Person


class Note(BaseModel):
    """What somebody writes down for the others: one paragraph."""

    text: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, min_length=1, max_length=LONGEST_NOTE, pattern=r"^\P{C}+$"
        ),
    ]
    by: Person


class IncidentActs:
    """Asks the source; who may is its guard's to say."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def acknowledge(
        self, request: Request, incident_id: str, acknowledgement: Acknowledgement
    ) -> Response:
        """Take care of an incident.

        On one that is resolved or taken nothing changes: `changed` is false, `in_vain` says why,
        and so does its timeline.
        """
        done = await self._source.acknowledge(incident_id, acknowledgement.by)
        if done is None:
            raise no_incident(incident_id)
        return answer(request, acknowledged_file(done))

    async def note(self, request: Request, incident_id: str, note: Note) -> Response:
        """Write something into an incident's timeline. Nobody is told of it."""
        if not await self._source.note(incident_id, note.text, note.by):
            raise no_incident(incident_id)
        return answer(request, incident_file(await self._detail(incident_id)), status=201)

    async def escalate(
        self, request: Request, incident_id: str, escalation: Escalation
    ) -> Response:
        """Tell whom the route's next step would reach, without waiting; `told` names them.

        Where the route names nobody further, or the incident is resolved, `told` is empty, and its
        timeline says so.
        """
        told = await self._source.escalate(incident_id, escalation.by)
        if told is None:
            raise no_incident(incident_id)
        return answer(request, escalated_file(await self._detail(incident_id), told))

    async def _detail(self, incident_id: str) -> IncidentDetail:
        detail = await self._source.incident(incident_id)
        if detail is None:
            raise no_incident(incident_id)
        return detail


def add_incident_act_routes(router: APIRouter, source: Source) -> None:
    """What is below `/api/v1/incidents/{incident_id}`."""
    acts = IncidentActs(source)
    models: dict[str, tuple[Any, Any, int]] = {
        "acknowledge": (acts.acknowledge, AcknowledgedFile, 200),
        "notes": (acts.note, IncidentFile, 201),
        "escalate": (acts.escalate, EscalatedFile, 200),
    }
    for name, (act, model, status) in models.items():
        router.add_api_route(
            f"/incidents/{{incident_id}}/{name}",
            act,
            methods=["POST"],
            response_model=model,
            status_code=status,
        )


def no_incident(incident_id: str) -> ProblemError:
    """What to raise where there is none of this id."""
    return ProblemError(404, f"There is no incident {incident_id[:100]!r}.")
